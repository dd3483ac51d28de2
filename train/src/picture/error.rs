//! Why a picture or a report could not be made. Drawing itself hardly fails; wrong input and a full disk do.

use std::io;
use std::path::PathBuf;

use kiln_files::Fault;

use super::canvas::DrawError;
use crate::metrics::MetricsError;

/// A picture that cannot be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// There is nothing to show.
    #[error("{picture}: there is nothing to draw: {reason}")]
    Nothing {
        /// Which picture.
        picture: &'static str,
        /// What is missing.
        reason: String,
    },
    /// A map or a tile does not have the pixels that it should have.
    #[error("{picture}: row {row} has {found} values, {expected} are needed")]
    Shape {
        /// Which picture.
        picture: &'static str,
        /// Row of the sheet, from 0.
        row: usize,
        /// Values found.
        found: usize,
        /// Values needed.
        expected: usize,
    },
    /// The curves cannot be computed.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The drawing library gave up.
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
        /// What the file system said.
        source: io::Error,
    },
}

impl PictureError {
    /// Whose turn it is after this error.
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
