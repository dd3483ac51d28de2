//! Why a file is not a tile.

use std::io;

use kiln_files::Fault;

use crate::SIDE;

/// Why there is no tile. The message holds the reason alone: the caller knows the path and says it.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
    /// No file of that name.
    #[error("no such file")]
    NotFound,
    /// The file could not be read from disk.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
    /// A folder, a pipe or a device.
    #[error("not a regular file")]
    NotAFile,
    /// The file, or the image that its header announces, is over a limit.
    #[error("{what} is {found}, over the limit of {limit}")]
    TooLarge {
        /// What was measured: `file` in bytes, `width` or `height` in pixels.
        what: &'static str,
        /// The measure.
        found: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The image data end before the image does.
    #[error("the image data end early: the file is truncated")]
    Truncated,
    /// Not a PNG, JPEG, TIFF, BMP or WebP image.
    #[error("not a PNG, JPEG, TIFF, BMP or WebP image")]
    Unsupported,
    /// An image of a kind that is not decoded, because its meaning is open or no decoder gets it right.
    #[error("{0}, which Kiln does not decode; convert it to an 8-bit RGB PNG")]
    Refused(String),
    /// The image data are damaged.
    #[error("cannot be decoded: {0}")]
    Damaged(String),
    /// Another size than the policy accepts.
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
    /// A short stable name of the reason, for tables and counts.
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

    /// A tile that cannot be read is wrong input.
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
