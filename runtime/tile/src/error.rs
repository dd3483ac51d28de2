//! The error of decoding.

use std::io;

use kiln_files::Fault;

use crate::size::SIDE;

/// The reason why a file is not a tile. The message does not name the file: the caller adds the path.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
    /// No file at this path.
    #[error("no such file")]
    NotFound,
    /// Reading the file failed.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
    /// A folder, a pipe or a device.
    #[error("not a regular file")]
    NotAFile,
    /// The file, or the image announced by its header, is over a limit.
    #[error("{what} is {found}, over the limit of {limit}")]
    TooLarge {
        /// The quantity: `file` in bytes, `width` or `height` in pixels.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The image data end before the image does.
    #[error("the image data end early: the file is truncated")]
    Truncated,
    /// Not a PNG, JPEG, TIFF, BMP or WebP image.
    #[error("not a PNG, JPEG, TIFF, BMP or WebP image")]
    Unsupported,
    /// An image of an unsupported kind: its meaning is ambiguous, or no decoder is exact.
    #[error("{0}, which Kiln does not decode; convert it to an 8-bit RGB PNG")]
    Refused(String),
    /// The image data are damaged.
    #[error("cannot be decoded: {0}")]
    Damaged(String),
    /// A size that the policy does not accept.
    #[error(
        "{width}x{height} pixels, expected {SIDE}x{SIDE}; choose the size policy `resize` or `center_crop` to accept it"
    )]
    WrongSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// A pixel buffer of the wrong length.
    #[error("{0} bytes of pixels, expected 256 x 256 x 3 = 196608")]
    WrongLength(usize),
}

impl TileError {
    /// Returns a short stable name of the reason, for tables and counts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Io(_) | Self::NotAFile | Self::Damaged(_) => "unreadable",
            Self::TooLarge { .. } => "too_large",
            Self::Truncated => "truncated",
            Self::Unsupported | Self::Refused(_) => "unsupported",
            Self::WrongSize { .. } | Self::WrongLength(_) => "wrong_size",
        }
    }

    /// Returns the error category: always wrong input.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}

impl From<io::Error> for TileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Io(error),
        }
    }
}
