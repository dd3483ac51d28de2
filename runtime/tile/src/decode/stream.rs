//! JPEG streams inside other files: the tiles of a whole slide. They are checked as strictly as JPEG files are. Unlike in
//! a file, the colour space comes from the container, and markers in the stream do not change it.

use super::jpeg::{self, Colour};
use super::limits::Limits;
use crate::decode::decoder::guarded;
use crate::error::TileError;

/// A JPEG stream inside another file, and that file's statements about it.
#[derive(Debug, Clone, Copy)]
pub struct JpegStream<'a> {
    /// The stream, from its start-of-image marker to its end-of-image marker. Bytes after the latter are ignored.
    pub data: &'a [u8],
    /// Quantisation and Huffman tables that the streams of the file share (tag `JPEGTables`); may be empty.
    pub tables: &'a [u8],
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Colour space of the components.
    pub colour: StreamColour,
}

/// Colour space of a JPEG stream by the tags of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamColour {
    /// The components are red, green and blue.
    Rgb,
    /// Luma and chroma (ITU-R BT.601, as JFIF defines).
    YCbCr,
}

impl JpegStream<'_> {
    /// Decodes the stream to RGB pixels, `[height, width, 3]`, rows from the top. Chroma is upsampled as libjpeg does by
    /// default (triangle filter).
    ///
    /// # Errors
    /// [`TileError::Truncated`] and [`TileError::Damaged`] if data are missing, zeroed or damaged, or of another size;
    /// [`TileError::Refused`] for streams that are valid but cannot be decoded exactly.
    pub fn decode(&self) -> Result<Vec<u8>, TileError> {
        if !self.data.starts_with(&[0xff, 0xd8]) {
            return Err(TileError::Damaged("it does not begin as a JPEG stream".to_owned()));
        }
        let colour = match self.colour {
            StreamColour::Rgb => Colour::ContainerRgb,
            StreamColour::YCbCr => Colour::ContainerYCbCr,
        };
        let limits = Limits { max_side: self.width.max(self.height), ..Limits::default() };
        guarded(|| {
            let joined;
            let stream = if self.tables.is_empty() {
                self.data
            } else {
                joined = jpeg::with_tables(self.tables, self.data);
                &joined
            };
            let image = jpeg::decode_stream(stream, colour, &limits)?;
            if (image.width, image.height) != (self.width, self.height) {
                return Err(TileError::Damaged(format!(
                    "the JPEG stream has {}x{} pixels, expected {}x{}",
                    image.width, image.height, self.width, self.height
                )));
            }
            Ok(image.rgb)
        })
    }
}
