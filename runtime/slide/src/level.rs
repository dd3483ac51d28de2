//! The levels of a slide and its fixed facts.

use std::fmt;

use serde::Serialize;

use crate::Place;

/// One level of the pyramid. Level 0 is the largest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Level {
    /// Width in pixels of this level.
    pub width: u64,
    /// Height in pixels of this level.
    pub height: u64,
    /// Pixels of level 0 along one pixel of this level: 1 for level 0. The mean of both axes.
    pub downsample: f64,
}

/// An image that belongs to the slide and is no level. Kiln never reads its pixels: labels and macro images show names of
/// patients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AssociatedImage {
    /// Its name, such as `label`, `macro` or `thumbnail`.
    pub name: String,
    /// Width in pixels.
    pub width: u64,
    /// Height in pixels.
    pub height: u64,
}

/// The rectangle of level 0 that holds all data of the slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// Left edge.
    pub x: u64,
    /// Upper edge.
    pub y: u64,
    /// Width.
    pub width: u64,
    /// Height.
    pub height: u64,
}

impl Bounds {
    /// The rectangle as a place; `None` if it is larger than a place can be.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        Some(Place {
            minx: i64::try_from(self.x).ok()?,
            miny: i64::try_from(self.y).ok()?,
            width: u32::try_from(self.width).ok()?,
            height: u32::try_from(self.height).ok()?,
        })
    }
}

/// `WIDTH x HEIGHT at X, Y`.
impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} at {}, {}", self.width, self.height, self.x, self.y)
    }
}
