//! The facts of an open slide that do not change while it is open, with the limits that a slide must keep.

use std::collections::BTreeMap;

use crate::level::{AssociatedImage, Level};

/// Largest side of a level in pixels: ten times the largest real slides. Coordinates stay far below 2^53.
pub(super) const MAX_SIDE: i64 = 1 << 24;
/// Most levels. A pyramid that halves 2^24 pixels has 24.
pub(super) const MAX_LEVELS: i32 = 64;
/// Most pixels of one stored tile: 256 MiB decoded. OpenSlide allocates a tile whole, and ends the process if it cannot.
const MAX_TILE_PIXELS: u64 = 1 << 26;
/// Most properties, and the most bytes of one value; longer values are cut.
pub(super) const MAX_PROPERTIES: usize = 10_000;
pub(super) const MAX_VALUE: usize = 1 << 22;

/// The facts of an open slide.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    /// The levels, largest first; at least one.
    pub(crate) levels: Vec<Level>,
    /// OpenSlide's properties.
    pub(crate) properties: BTreeMap<String, String>,
    /// The associated images.
    pub(crate) associated: Vec<AssociatedImage>,
    /// Length of the ICC profile in bytes, if there is one.
    pub(crate) icc_bytes: Option<u64>,
}

impl Header {
    /// OpenSlide's name of the vendor's format.
    pub(crate) fn vendor(&self) -> &str {
        self.properties.get("openslide.vendor").map_or("unknown", String::as_str)
    }

    /// The free text of the header: the image description of a TIFF.
    pub(crate) fn description(&self) -> Option<&str> {
        let names = ["openslide.comment", "tiff.ImageDescription"];
        names.iter().find_map(|name| self.properties.get(*name)).map(String::as_str)
    }

    /// Checks levels and tiles against the limits.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.levels.is_empty() {
            return Err("no level, expected at least one".to_owned());
        }
        for (at, level) in self.levels.iter().enumerate() {
            if !(level.downsample.is_finite() && level.downsample > 0.0) {
                return Err(format!("level {at} has a downsample of {}", level.downsample));
            }
            if let Some((width, height)) = self.tile(at)
                && width.saturating_mul(height) > MAX_TILE_PIXELS
            {
                return Err(format!(
                    "level {at} has tiles of {width} x {height} pixels, over the limit of {MAX_TILE_PIXELS} pixels"
                ));
            }
        }
        Ok(())
    }

    /// Size of the stored tiles of a level, if OpenSlide states it.
    pub(crate) fn tile(&self, level: usize) -> Option<(u64, u64)> {
        let side = |name| self.properties.get(&format!("openslide.level[{level}].tile-{name}"))?.parse().ok();
        Some((side("width")?, side("height")?))
    }
}

/// A level of checked size.
pub(super) fn level(at: i32, width: i64, height: i64, downsample: f64) -> Result<Level, String> {
    let side = |side: i64| u64::try_from(side).ok().filter(|_| (1..=MAX_SIDE).contains(&side));
    match (side(width), side(height)) {
        (Some(width), Some(height)) => Ok(Level { width, height, downsample }),
        _ => Err(format!("level {at} has {width} x {height} pixels, expected 1 to {MAX_SIDE} a side")),
    }
}
