//! Errors of pictures and reports.

use std::io;
use std::path::PathBuf;

use kiln_files::Fault;
use plotters::prelude::{BitMapBackend, DrawingAreaErrorKind, DrawingBackend};

use crate::metrics::MetricsError;

/// An error of plotters.
type DrawError = DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>;

/// A picture that cannot be drawn or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// There is nothing to draw.
    #[error("{picture}: there is nothing to draw: {reason}")]
    Nothing {
        /// The kind of picture.
        picture: &'static str,
        /// The missing input.
        reason: String,
    },
    /// A map with a wrong number of pixels.
    #[error("{picture}: row {row} has {found} values, expected {expected}")]
    Shape {
        /// The kind of picture.
        picture: &'static str,
        /// Row of the sheet, from 0.
        row: usize,
        /// Number of values.
        found: usize,
        /// Expected number of values.
        expected: usize,
    },
    /// The curves cannot be computed.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The drawing library failed.
    #[error("drawing failed: {0}")]
    Draw(String),
    /// The picture cannot be encoded.
    #[error("the PNG cannot be encoded")]
    Encode(#[from] image::ImageError),
    /// The file cannot be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl PictureError {
    /// Error category; decides the exit status.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Metrics(error) => error.fault(),
            Self::Nothing { .. } | Self::Shape { .. } => Fault::Input,
            Self::Draw(_) | Self::Encode(_) | Self::Write { .. } => Fault::Environment,
        }
    }
}

impl From<DrawError> for PictureError {
    fn from(error: DrawError) -> Self {
        Self::Draw(error.to_string())
    }
}
