//! From a file to a [`Tile`]. Files are hostile: the file's length and the size in its header are checked before
//! anything of that size is allocated, and the format is told from the content, not from the name.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::error::ImageError;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use crate::stain::StainNormaliser;
use crate::{SizePolicy, Tile, TileError, resize};

/// What a file may cost before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub max_file_bytes: u64,
    /// Pixels of the wider side, as the header announces them.
    pub max_side: u32,
}

impl Default for Limits {
    /// 64 MiB a file and 8192 pixels a side: sixteen times the side of a tile at 40x, and 192 MiB decoded.
    fn default() -> Self {
        Self { max_file_bytes: 64 << 20, max_side: 8192 }
    }
}

/// Turns files into tiles by one size policy, under limits; and brings their stains to one look, if it is told to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decoder {
    /// What is done with images that are not 256x256.
    pub policy: SizePolicy,
    /// What a file may cost.
    pub limits: Limits,
    /// Changes each tile, once it has its size.
    pub stain: Option<StainNormaliser>,
}

impl Decoder {
    /// A decoder with default limits.
    #[must_use]
    pub fn new(policy: SizePolicy) -> Self {
        Self { policy, limits: Limits::default(), stain: None }
    }

    /// The same with this stain normalisation, or without any.
    #[must_use]
    pub fn with_stain(self, stain: Option<StainNormaliser>) -> Self {
        Self { stain, ..self }
    }

    /// Decodes a file. Grey becomes RGB, 16 bits become 8, transparency is laid over white (the glass of a slide).
    /// Orientation tags are not applied: a tile is used as stored.
    ///
    /// # Errors
    /// Why there is no tile.
    pub fn decode_file(&self, path: &Path) -> Result<Tile, TileError> {
        self.decode_bytes(&self.read_file(path)?)
    }

    /// Decodes the bytes of an image file, as [`Decoder::decode_file`] does.
    ///
    /// # Errors
    /// Why there is no tile.
    pub fn decode_bytes(&self, bytes: &[u8]) -> Result<Tile, TileError> {
        let decoder = open(bytes)?;
        let (width, height) = decoder.dimensions();
        self.check_side("width", width)?;
        self.check_side("height", height)?;
        if self.policy == SizePolicy::Error && (width, height) != (crate::SIDE, crate::SIDE) {
            return Err(TileError::WrongSize { width, height });
        }
        let image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
        let tile = resize::fit(over_white(image), width, height, self.policy)?;
        Ok(match &self.stain {
            Some(stain) => stain.apply(tile),
            None => tile,
        })
    }

    /// Width and height in pixels, from the header alone.
    ///
    /// # Errors
    /// Why the header cannot be read.
    pub fn dimensions(&self, path: &Path) -> Result<(u32, u32), TileError> {
        Ok(open(&self.read_file(path)?)?.dimensions())
    }

    /// Reads a file whole, under the limit on its size, without decoding it. [`Decoder::decode_bytes`] takes the bytes.
    ///
    /// # Errors
    /// If it is missing, no regular file, too large, or cannot be read.
    pub fn read_file(&self, path: &Path) -> Result<Vec<u8>, TileError> {
        // Asked by name first: to open a named pipe is to wait for its writer.
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(TileError::NotAFile);
        }
        let file = File::open(path)?;
        let limit = self.limits.max_file_bytes;
        let too_large = |found| TileError::TooLarge { what: "file in bytes", found, limit };
        if metadata.len() > limit {
            return Err(too_large(metadata.len()));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        // The file may grow between the two calls, so the limit also bounds the read.
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
    }

    fn check_side(&self, what: &'static str, side: u32) -> Result<(), TileError> {
        let limit = self.limits.max_side;
        if side > limit {
            return Err(TileError::TooLarge { what, found: side.into(), limit: limit.into() });
        }
        Ok(())
    }
}

/// Whether a file's name ends like an image that can be a tile: `png`, `jpg`, `jpeg`, `tif`, `tiff`, `bmp`, `webp`.
#[must_use]
pub fn is_tile_path(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| ACCEPTED.iter().any(|(name, _)| extension.eq_ignore_ascii_case(name)))
}

const ACCEPTED: [(&str, ImageFormat); 7] = [
    ("png", ImageFormat::Png),
    ("jpg", ImageFormat::Jpeg),
    ("jpeg", ImageFormat::Jpeg),
    ("tif", ImageFormat::Tiff),
    ("tiff", ImageFormat::Tiff),
    ("bmp", ImageFormat::Bmp),
    ("webp", ImageFormat::WebP),
];

fn open(bytes: &[u8]) -> Result<Box<dyn ImageDecoder + '_>, TileError> {
    if bytes.is_empty() {
        return Err(TileError::Truncated);
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    if !reader.format().is_some_and(|format| ACCEPTED.iter().any(|(_, accepted)| *accepted == format)) {
        return Err(TileError::Unsupported);
    }
    reader.no_limits();
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(512 << 20);
    reader.limits(limits);
    Ok(Box::new(reader.into_decoder().map_err(damaged)?))
}

fn damaged(error: ImageError) -> TileError {
    match error {
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => TileError::Truncated,
        ImageError::Limits(_) => TileError::Damaged("it needs more memory than a tile may".to_owned()),
        other => TileError::Damaged(other.to_string()),
    }
}

fn over_white(image: DynamicImage) -> Vec<u8> {
    if !image.color().has_alpha() {
        return image.into_rgb8().into_raw();
    }
    let rgba = image.into_rgba8();
    let blend = |value: u8, alpha: u8| {
        let (value, alpha) = (u32::from(value), u32::from(alpha));
        u8::try_from((value * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
    };
    rgba.pixels().flat_map(|pixel| [0, 1, 2].map(|channel| blend(pixel[channel], pixel[3]))).collect()
}
