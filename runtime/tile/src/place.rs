//! The place of a tile on its slide.

use std::fmt;

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

/// `minx,miny,widthxheight`, such as `512,1024,256x256`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { minx, miny, width, height } = self;
        write!(f, "{minx},{miny},{width}x{height}")
    }
}

/// A tile of a slide, with the facts that a tile list and a result file hold about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlideTile {
    /// The slide's path, as the user wrote it or as it was found.
    pub slide: String,
    /// The tile's footprint.
    #[serde(flatten)]
    pub place: Place,
    /// The slide's level that the tile is read from; `None` if the list does not name one.
    pub level: Option<u32>,
    /// Share of tissue, 0 to 1.
    pub tissue_fraction: Option<f32>,
    /// Share of annotated tumour, 0 to 1; `None` without annotations.
    pub tumour_fraction: Option<f32>,
}

/// `SLIDE#minx,miny,widthxheight`: the identity of a tile in results.
impl fmt::Display for SlideTile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.slide, self.place)
    }
}
