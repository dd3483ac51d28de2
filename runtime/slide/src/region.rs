//! Pixels read from one level of a slide, and the error of reading them.

use std::io;

/// Largest number of pixels in one read: 256 MiB as OpenSlide delivers them.
pub const MAX_READ_PIXELS: u64 = 1 << 26;

/// Background where a slide does not state one: glass is white.
pub const WHITE: [u8; 3] = [255; 3];

/// A rectangle of one level, in that level's own pixels. Pixels outside the level, and pixels that the slide does not store,
/// have the colour of the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Width in pixels of the level.
    pub width: u32,
    /// Height in pixels of the level.
    pub height: u32,
    /// Samples `[height, width, 3]`: red, green, blue.
    pub rgb: Vec<u8>,
    /// Number of pixels for which the slide has data. The others show the background.
    pub data_pixels: u64,
}

impl Region {
    /// A region without data, filled with `background`.
    ///
    /// # Errors
    /// [`ReadError::Size`] if a side is 0 or the region exceeds [`MAX_READ_PIXELS`].
    pub fn blank(width: u32, height: u32, background: [u8; 3]) -> Result<Self, ReadError> {
        let pixels = checked_pixels(width, height)?;
        let mut rgb = background.repeat(pixels);
        rgb.truncate(pixels * 3);
        Ok(Self { width, height, rgb, data_pixels: 0 })
    }

    /// Number of pixels.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Number of pixels of a read of this size.
pub(crate) fn checked_pixels(width: u32, height: u32) -> Result<usize, ReadError> {
    let pixels = u64::from(width) * u64::from(height);
    let accepted = (1..=MAX_READ_PIXELS).contains(&pixels);
    usize::try_from(pixels).ok().filter(|_| accepted).ok_or(ReadError::Size { width, height })
}

/// The reason why a rectangle of a slide could not be read. The message names neither the slide nor the rectangle: the
/// caller adds them. Other rectangles of the slide may be readable.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The slide has no level of this number.
    #[error("level {level} does not exist: the slide has {levels} levels")]
    NoLevel {
        /// The requested level.
        level: u32,
        /// Number of levels.
        levels: u32,
    },
    /// An empty rectangle, or one over the limit.
    #[error("a region of {width} x {height} pixels, expected 1 to {MAX_READ_PIXELS} pixels; read it in parts")]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The file could not be read: it was removed, or a disk or network failed.
    #[error("the slide cannot be read: {0}")]
    Io(#[source] io::Error),
    /// The file was replaced while it was read.
    #[error("the slide was changed while it was read")]
    Changed,
    /// The stored image data end early.
    #[error("the image data end early: the file is truncated")]
    Truncated,
    /// The stored image data are damaged.
    #[error("cannot be decoded: {0}")]
    Damaged(String),
}

impl ReadError {
    /// Returns a short stable name of the reason, for tables and counts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoLevel { .. } => "no_level",
            Self::Size { .. } => "too_large",
            Self::Io(_) | Self::Damaged(_) => "unreadable",
            Self::Changed => "changed",
            Self::Truncated => "truncated",
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Io(error),
        }
    }
}
