//! A slide with scored tiles, and its pixels.

use std::error::Error;

use image::RgbImage;

use super::colour::ScoreScale;
use super::error::HeatmapError;
use crate::Place;

/// The largest width and height of a slide in pixels. TIFF and JPEG readers stop at 2^31.
const LARGEST_SIDE: u64 = 1 << 31;

/// A slide whose tiles were scored.
#[derive(Debug, Clone, Copy)]
pub struct ScoredSlide<'a> {
    /// The slide's name, as shown to readers. It may contain any text.
    pub name: &'a str,
    /// Width of level 0 in pixels.
    pub width: u64,
    /// Height of level 0 in pixels.
    pub height: u64,
    /// Micrometres per level-0 pixel.
    pub mpp: f64,
    /// The scanned part of level 0, for MIRAX slides. `None`: all of it. QuPath crops slides to it.
    pub bounds: Option<Place>,
    /// Distance between neighbouring tiles in level-0 pixels. Equal to their width if they do not overlap.
    pub stride: u32,
    /// The range of scores, with the threshold.
    pub scale: ScoreScale,
    /// The class that a high score means: `tumour`, `anomalous`.
    pub positive: &'a str,
    /// The labels that tiles can have, in the order of the model's outputs. They decide colours.
    pub classes: &'a [&'a str],
    /// The tiles.
    pub tiles: &'a [ScoredTile<'a>],
}

/// A tile and its result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredTile<'a> {
    /// The tile's place.
    pub place: Place,
    /// Its score. `None`, or a value that is not finite: the tile failed.
    pub score: Option<f32>,
    /// Its predicted class.
    pub label: Option<&'a str>,
    /// `ok`, or a short stable word, a colon and the reason.
    pub status: &'a str,
}

impl ScoredTile<'_> {
    /// The score, if the tile has a finite one.
    #[must_use]
    pub fn finite_score(&self) -> Option<f32> {
        self.score.filter(|score| score.is_finite())
    }
}

impl ScoredSlide<'_> {
    /// The part of level 0 that QuPath shows: the bounds, clipped to the slide.
    #[must_use]
    pub fn shown(&self) -> Place {
        let (width, height) = (side(self.width), side(self.height));
        let whole = Place { minx: 0, miny: 0, width, height };
        let Some(bounds) = self.bounds else { return whole };
        let (minx, miny) = (bounds.minx.clamp(0, i64::from(width)), bounds.miny.clamp(0, i64::from(height)));
        let maxx = bounds.minx.saturating_add(i64::from(bounds.width)).clamp(minx, i64::from(width));
        let maxy = bounds.miny.saturating_add(i64::from(bounds.height)).clamp(miny, i64::from(height));
        if maxx == minx || maxy == miny {
            return whole;
        }
        Place { minx, miny, width: side(maxx.abs_diff(minx)), height: side(maxy.abs_diff(miny)) }
    }

    pub(super) fn check(&self) -> Result<(), HeatmapError> {
        let (name, sides) = (|| self.name.to_owned(), 1..=LARGEST_SIDE);
        if !sides.contains(&self.width) || !sides.contains(&self.height) {
            let (width, height) = (self.width, self.height);
            return Err(HeatmapError::Size { name: name(), width, height, limit: LARGEST_SIDE });
        }
        if !(self.mpp.is_finite() && self.mpp > 0.0) {
            return Err(HeatmapError::Resolution { name: name(), mpp: self.mpp });
        }
        if self.stride == 0 {
            return Err(HeatmapError::Stride { name: name() });
        }
        self.scale.check()
    }
}

fn side(pixels: u64) -> u32 {
    u32::try_from(pixels).unwrap_or(u32::MAX)
}

/// The reason why pixels cannot be read.
pub type PixelError = Box<dyn Error + Send + Sync>;

/// The pixels of a slide. Closures `Fn(&Place, u32, u32) -> Result<RgbImage, PixelError>` are readers too.
pub trait SlidePixels {
    /// Reads `place`, scaled to `width` x `height` pixels. A place may exceed the slide; glass is returned there.
    ///
    /// # Errors
    /// If the slide cannot be read there.
    fn read(&self, place: &Place, width: u32, height: u32) -> Result<RgbImage, PixelError>;
}

impl<F: Fn(&Place, u32, u32) -> Result<RgbImage, PixelError>> SlidePixels for F {
    fn read(&self, place: &Place, width: u32, height: u32) -> Result<RgbImage, PixelError> {
        self(place, width, height)
    }
}
