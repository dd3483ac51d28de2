//! The levels of a slide and its fixed facts.

use serde::Serialize;

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
