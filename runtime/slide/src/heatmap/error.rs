//! Errors of writing heat maps.

use std::io;

use thiserror::Error;

use crate::Place;

/// An error of a heat map. It names the value that is wrong.
#[derive(Debug, Error)]
pub enum HeatmapError {
    /// The slide has no pixels, or more than a heat map supports.
    #[error("slide {name}: {width} x {height} pixels are outside 1 to {limit} per side")]
    Size {
        /// The slide's name.
        name: String,
        /// Width of level 0 in pixels.
        width: u64,
        /// Height of level 0 in pixels.
        height: u64,
        /// The largest width and height.
        limit: u64,
    },
    /// The resolution is not a positive number.
    #[error("slide {name}: {mpp} µm per pixel; a positive number is required")]
    Resolution {
        /// The slide's name.
        name: String,
        /// The value found.
        mpp: f64,
    },
    /// The grid has no distance between its tiles.
    #[error("slide {name}: the stride of the tiles is 0; it must be at least 1 pixel")]
    Stride {
        /// The slide's name.
        name: String,
    },
    /// The range of scores is empty, not finite, or without the threshold.
    #[error(
        "range of scores {low} to {high} with threshold {threshold}: low <= threshold <= high and low < high are required"
    )]
    Scale {
        /// Lower end.
        low: f32,
        /// The threshold.
        threshold: f32,
        /// Upper end.
        high: f32,
    },
    /// Pixels of the slide cannot be read.
    #[error(
        "slide {name}: the {} x {} pixels at ({}, {}) cannot be read: {reason}",
        place.width, place.height, place.minx, place.miny
    )]
    Pixels {
        /// The slide's name.
        name: String,
        /// The request.
        place: Place,
        /// The reader's reason.
        reason: String,
    },
    /// A PNG or JPEG cannot be encoded.
    #[error("{format} cannot be encoded: {reason}")]
    Encode {
        /// `PNG`, `JPEG` or `TIFF`.
        format: &'static str,
        /// The encoder's reason.
        reason: String,
    },
    /// The output cannot be written.
    #[error("the heat map cannot be written: {0}")]
    Write(#[from] io::Error),
}
