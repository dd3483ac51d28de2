//! The decoder for all formats.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::format::{ImageFormat, format};
use super::image::Notes;
use super::limits::Limits;
use super::{bmp, jpeg, png, tiff, webp};
use crate::error::TileError;
use crate::policy::SizePolicy;
use crate::resize;
use crate::size::SIDE;
use crate::stain::StainNormaliser;
use crate::tile::Tile;

/// Decodes files to tiles by a size policy, under limits, with optional stain normalisation.
///
/// ```
/// use kiln_tile::{Decoder, Limits, SizePolicy};
///
/// let decoder = Decoder { limits: Limits { max_side: 1024, ..Limits::default() }, ..Decoder::new(SizePolicy::Resize) };
/// let error = decoder.decode_bytes(b"no image").unwrap_err();
/// assert_eq!(error.code(), "unsupported");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Decoder {
    /// Treatment of images that are not 256x256.
    pub policy: SizePolicy,
    /// Limits of a file.
    pub limits: Limits,
    /// Stain normalisation, applied after the size policy.
    pub stain: Option<StainNormaliser>,
}

/// A decoded image of any size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RgbImage {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// RGB pixels, u8, `[height, width, 3]`, rows from the top.
    pub pixels: Vec<u8>,
    /// Contents of the file that decoding ignores.
    pub notes: Notes,
}

impl Decoder {
    /// Makes a decoder with default limits.
    #[must_use]
    pub fn new(policy: SizePolicy) -> Self {
        Self { policy, limits: Limits::default(), stain: None }
    }

    /// Returns the decoder with this stain normalisation, or without one.
    #[must_use]
    pub fn with_stain(self, stain: Option<StainNormaliser>) -> Self {
        Self { stain, ..self }
    }

    /// Decodes a file. Grey becomes RGB, 16 bits become 8, transparent pixels are blended with white (the glass of a
    /// slide). Orientation tags and colour profiles are not applied: a tile is used as stored.
    ///
    /// # Errors
    /// If the file cannot be read, exceeds a limit, or cannot be decoded to a tile.
    pub fn decode_file(&self, path: &Path) -> Result<Tile, TileError> {
        self.decode_bytes(&self.read_file(path)?)
    }

    /// Decodes the bytes of an image file, as [`Decoder::decode_file`] does.
    ///
    /// # Errors
    /// If the image exceeds a limit or cannot be decoded to a tile.
    pub fn decode_bytes(&self, bytes: &[u8]) -> Result<Tile, TileError> {
        self.decode_with_notes(bytes).map(|(tile, _)| tile)
    }

    /// Decodes the bytes of an image file, and returns notes about contents that decoding ignored.
    ///
    /// # Errors
    /// If the image exceeds a limit or cannot be decoded to a tile.
    pub fn decode_with_notes(&self, bytes: &[u8]) -> Result<(Tile, Notes), TileError> {
        guarded(|| {
            let (format, width, height) = self.header(bytes)?;
            if self.policy == SizePolicy::Error && (width, height) != (SIDE, SIDE) {
                return Err(TileError::WrongSize { width, height });
            }
            let RgbImage { width, height, pixels, notes } = self.picture(format, bytes)?;
            let tile = resize::fit(pixels, width, height, self.policy)?;
            let tile = match &self.stain {
                Some(stain) => stain.apply(tile),
                None => tile,
            };
            Ok((tile, notes))
        })
    }

    /// Decodes the bytes of an image file in its own size.
    ///
    /// # Errors
    /// If the image exceeds a limit or cannot be decoded.
    pub fn decode_image(&self, bytes: &[u8]) -> Result<RgbImage, TileError> {
        guarded(|| {
            let (format, _, _) = self.header(bytes)?;
            self.picture(format, bytes)
        })
    }

    /// Reads format and size and checks the limits, before anything of that size is allocated.
    fn header(&self, bytes: &[u8]) -> Result<(ImageFormat, u32, u32), TileError> {
        let format = format(bytes)?;
        let (width, height) = dimensions(format, bytes)?;
        self.limits.check_size(width, height)?;
        Ok((format, width, height))
    }

    fn picture(&self, format: ImageFormat, bytes: &[u8]) -> Result<RgbImage, TileError> {
        let image = match format {
            ImageFormat::Jpeg => jpeg::decode(bytes, &self.limits),
            ImageFormat::Png => png::decode(bytes, &self.limits),
            ImageFormat::Tiff => tiff::decode(bytes, &self.limits),
            ImageFormat::Bmp => bmp::decode(bytes, &self.limits),
            ImageFormat::WebP => webp::decode(bytes, &self.limits),
        }?;
        let (width, height) = (image.width, image.height);
        let (pixels, notes) = image.into_rgb()?;
        if pixels.len() != 3 * width as usize * height as usize {
            return Err(TileError::Damaged(
                "the decoder returned another number of pixels than the header announces".to_owned(),
            ));
        }
        Ok(RgbImage { width, height, pixels, notes })
    }

    /// Reads width and height in pixels from the header of a file.
    ///
    /// # Errors
    /// If the file or its header cannot be read.
    pub fn dimensions(&self, path: &Path) -> Result<(u32, u32), TileError> {
        let bytes = self.read_file(path)?;
        guarded(|| dimensions(format(&bytes)?, &bytes))
    }

    /// Reads width and height in pixels from the header, and checks the limits. Decodes no pixels.
    ///
    /// # Errors
    /// If the header cannot be read, or the image is too large.
    pub fn size(&self, bytes: &[u8]) -> Result<(u32, u32), TileError> {
        guarded(|| self.header(bytes).map(|(_, width, height)| (width, height)))
    }

    /// Reads the bytes of a file, up to the limit of its length.
    ///
    /// # Errors
    /// If there is no regular file, or it is too long or cannot be read.
    pub fn read_file(&self, path: &Path) -> Result<Vec<u8>, TileError> {
        // Checked before opening: opening a named pipe waits for its writer.
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(TileError::NotAFile);
        }
        // Files of the kernel have no length, and reading one may block forever.
        if metadata.len() == 0 {
            return Err(TileError::Truncated);
        }
        let file = File::open(path)?;
        let limit = self.limits.max_file_bytes;
        let too_large = |found| TileError::TooLarge { what: "file in bytes", found, limit };
        if metadata.len() > limit {
            return Err(too_large(metadata.len()));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        // The file may grow meanwhile, so the limit also bounds the read.
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
    }
}

fn dimensions(format: ImageFormat, bytes: &[u8]) -> Result<(u32, u32), TileError> {
    match format {
        ImageFormat::Jpeg => jpeg::dimensions(bytes),
        ImageFormat::Png => png::dimensions(bytes),
        ImageFormat::Tiff => tiff::dimensions(bytes),
        ImageFormat::Bmp => bmp::dimensions(bytes),
        ImageFormat::WebP => webp::dimensions(bytes),
    }
}

/// Turns a panic of a decoder on a hostile file into an error of that file.
pub(super) fn guarded<T>(decode: impl FnOnce() -> Result<T, TileError>) -> Result<T, TileError> {
    kiln_files::caught(decode)
        .unwrap_or_else(|reason| Err(TileError::Damaged(format!("the image decoder panicked: {reason}"))))
}
