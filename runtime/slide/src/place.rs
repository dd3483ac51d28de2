//! The place of a tile on its slide.

use serde::{Deserialize, Serialize};

/// A rectangle on a slide in level-0 pixels, with the origin at the top left of level 0. The names are those of WSInfer's
/// result columns. `minx` and `miny` are negative, and the rectangle exceeds the slide, only where an edge policy pads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Left edge.
    pub minx: i64,
    /// Upper edge.
    pub miny: i64,
    /// Width, at least 1.
    pub width: u32,
    /// Height, at least 1.
    pub height: u32,
}
