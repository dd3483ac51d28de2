//! The comparison with OpenSlide, before a level is decoded directly: some tiles are read by both. A writer whose streams
//! mean something else than the rules here assume is found before its first tile is scored.

use super::{Direct, NotDirect};
use crate::region::{ReadError, Region};

/// Tiles that are compared.
const TILES: usize = 4;

/// Largest accepted difference of a sample, and largest accepted mean difference, in levels of 255. They must find streams
/// that are misunderstood, which are tens of levels off, and not the rounding of decoders: that of 4:2:2 chroma reaches
/// 5 levels, and 0.3 on average over a noisy tile.
const MOST: u8 = 8;
const MOST_MEAN: f64 = 0.5;

impl Direct {
    /// Compares tiles of a level with those of OpenSlide, which `openslide` reads from a rectangle in pixels of the level.
    /// If OpenSlide interpolates on this level (not `exact`), only its upper left corner is compared. The result is kept.
    pub(crate) fn agrees(
        &self,
        level: u32,
        exact: bool,
        background: [u8; 3],
        openslide: impl Fn(i64, i64, u32, u32) -> Result<Region, ReadError>,
    ) -> Result<(), NotDirect> {
        match self.compared.get(level as usize) {
            Some(compared) => compared.get_or_init(|| self.compare(level, exact, background, openslide)).clone(),
            None => Err(self.not_direct(level).unwrap_or(NotDirect::NotCompared)),
        }
    }

    fn compare(
        &self,
        level: u32,
        exact: bool,
        background: [u8; 3],
        openslide: impl Fn(i64, i64, u32, u32) -> Result<Region, ReadError>,
    ) -> Result<(), NotDirect> {
        if let Some(reason) = self.not_direct(level) {
            return Err(reason);
        }
        let mut samples = self.samples(level, TILES);
        if samples.is_empty() {
            return Ok(());
        }
        if !exact {
            samples.retain(|(x, y, ..)| (*x, *y) == (0, 0));
            samples.extend(self.corner(level));
        }
        let mut compared = false;
        for (x, y, width, height) in samples {
            // A damaged tile has no pixels to compare; reading it fails again.
            let Ok(Some(own)) = self.read_level(level, x, y, (width, height), background) else { continue };
            let Ok(theirs) = openslide(x, y, width, height) else { continue };
            let (most, mean) = difference(&own.rgb, &theirs.rgb);
            if most > MOST || mean > MOST_MEAN || own.data_pixels != theirs.data_pixels {
                return Err(NotDirect::Differs(most));
            }
            compared = true;
        }
        if compared { Ok(()) } else { Err(NotDirect::NotCompared) }
    }
}

/// The largest and the mean difference of samples.
fn difference(own: &[u8], theirs: &[u8]) -> (u8, f64) {
    let differences = own.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b));
    let (most, sum) = differences.fold((0, 0_u64), |(most, sum), one| (one.max(most), sum + u64::from(one)));
    (if own.len() == theirs.len() { most } else { u8::MAX }, sum as f64 / own.len().max(1) as f64)
}
