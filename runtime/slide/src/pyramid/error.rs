//! Errors of writing a pyramid.

use std::io;

use tiff::TiffError;

use super::MAX_SIDE;
use crate::resolution::{MAX_MPP, MIN_MPP};

/// The reason why a pyramidal TIFF could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PyramidError {
    /// No pixel, or a side over the limit.
    #[error("a slide of {width} x {height} pixels cannot be written; expected sides of 1 to {limit} pixels", limit = MAX_SIDE)]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// A pixel size that no slide has.
    #[error("a slide of {0} µm/px cannot be written; expected {low} to {high} µm/px", low = MIN_MPP, high = MAX_MPP)]
    PixelSize(f64),
    /// The JPEG quality is out of range.
    #[error("the JPEG quality is {0}; expected 1 to 100")]
    Quality(u8),
    /// A TIFF's description is ASCII text.
    #[error("the description contains {0:?}; a TIFF's description is ASCII text without zero bytes")]
    Description(char),
    /// The source of the pixels failed.
    #[error("the pixels of region ({minx}, {miny}), {width} x {height} pixels, are missing: {reason}")]
    Source {
        /// Left edge in level-0 pixels.
        minx: i64,
        /// Upper edge in level-0 pixels.
        miny: i64,
        /// Width in level-0 pixels.
        width: u32,
        /// Height in level-0 pixels.
        height: u32,
        /// The error of the source.
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file could not be written.
    #[error("the slide cannot be written: {0}")]
    Write(#[source] io::Error),
    /// The encoder refused.
    #[error("the slide cannot be encoded: {0}")]
    Encode(String),
}

impl From<io::Error> for PyramidError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<TiffError> for PyramidError {
    fn from(error: TiffError) -> Self {
        match error {
            TiffError::IoError(error) => Self::Write(error),
            error => Self::Encode(error.to_string()),
        }
    }
}
