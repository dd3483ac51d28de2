//! From a file to a [`Tile`]. Files are hostile: the file's length and the size in its header are checked before
//! anything of that size is allocated, and the format is found from the content, not from the name. Each format is read
//! strictly and either decoded exactly or refused by name; which, is the table in `docs/data.md`.

mod bmp;
mod exif;
mod image;
mod jpeg;
mod png;
mod tiff;
mod webp;

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use self::image::{Image, Pixels};
pub use self::image::{ImageFormat, Notes};
use crate::stain::StainNormaliser;
use crate::{SizePolicy, Tile, TileError, resize};

/// Bytes that one image may take while it is decoded.
const MAX_DECODED_BYTES: usize = 512 << 20;

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

impl Limits {
    fn check_size(&self, width: u32, height: u32) -> Result<(), TileError> {
        for (what, side) in [("width", width), ("height", height)] {
            if side > self.max_side {
                return Err(TileError::TooLarge { what, found: side.into(), limit: self.max_side.into() });
            }
            if side == 0 {
                return Err(TileError::Damaged(format!("its {what} is 0")));
            }
        }
        Ok(())
    }
}

/// Turns files into tiles by one size policy, under limits; normalises their stains if asked to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decoder {
    /// What is done with images that are not 256x256.
    pub policy: SizePolicy,
    /// What a file may cost.
    pub limits: Limits,
    /// Changes each tile, once it has its size.
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
    /// Contents of the file that decoding leaves aside.
    pub notes: Notes,
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
    /// Orientation tags and colour profiles are not applied: a tile is used as stored.
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
        self.decode_with_notes(bytes).map(|(tile, _)| tile)
    }

    /// Decodes the bytes of an image file, and lists what decoding left aside.
    ///
    /// # Errors
    /// Why there is no tile.
    pub fn decode_with_notes(&self, bytes: &[u8]) -> Result<(Tile, Notes), TileError> {
        guarded(|| {
            let (format, width, height) = self.header(bytes)?;
            if self.policy == SizePolicy::Error && (width, height) != (crate::SIDE, crate::SIDE) {
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

    /// Decodes the bytes of an image file, and leaves the size as it is.
    ///
    /// # Errors
    /// Why there is no picture.
    pub fn decode_image(&self, bytes: &[u8]) -> Result<RgbImage, TileError> {
        guarded(|| {
            let (format, _, _) = self.header(bytes)?;
            self.picture(format, bytes)
        })
    }

    /// Format and size within the limits, before anything of that size is allocated.
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
            return Err(TileError::Damaged("the decoder made another number of pixels".to_owned()));
        }
        Ok(RgbImage { width, height, pixels, notes })
    }

    /// Width and height in pixels, from the header alone.
    ///
    /// # Errors
    /// Why the header cannot be read.
    pub fn dimensions(&self, path: &Path) -> Result<(u32, u32), TileError> {
        let bytes = self.read_file(path)?;
        guarded(|| dimensions(format(&bytes)?, &bytes))
    }

    /// Width and height in pixels, from the header alone, within the limits: a huge image costs nothing.
    ///
    /// # Errors
    /// If the header cannot be read, or the image is too large.
    pub fn size(&self, bytes: &[u8]) -> Result<(u32, u32), TileError> {
        guarded(|| self.header(bytes).map(|(_, width, height)| (width, height)))
    }

    /// Reads the bytes of a file, under the limit on its length.
    ///
    /// # Errors
    /// If there is no regular file, or it is too long or cannot be read.
    pub fn read_file(&self, path: &Path) -> Result<Vec<u8>, TileError> {
        // Asked by name first: to open a named pipe is to wait for its writer.
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(TileError::NotAFile);
        }
        // Files of the kernel have no length, and reading one may wait for ever.
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
        // The file may grow between the two calls, so the limit also bounds the read.
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
    }
}

/// Whether a file's name ends like an image that can be a tile: `png`, `jpg`, `jpeg`, `tif`, `tiff`, `bmp`, `webp`.
#[must_use]
pub fn is_tile_path(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| EXTENSIONS.iter().any(|name| extension.eq_ignore_ascii_case(name)))
}

const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp"];

/// The format that a file begins like.
fn format(bytes: &[u8]) -> Result<ImageFormat, TileError> {
    match bytes {
        [] => Err(TileError::Truncated),
        [0xff, 0xd8, 0xff, 0xf7, ..] => Err(TileError::Refused("a JPEG-LS image".to_owned())),
        [0xff, 0xd8, 0xff, ..] => Ok(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Ok(ImageFormat::Png),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(ImageFormat::Tiff),
        [b'B', b'M', ..] => Ok(ImageFormat::Bmp),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(ImageFormat::WebP),
        _ => Err(TileError::Unsupported),
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

/// A decoder that panics on a hostile file costs that file its tile, not the process.
fn guarded<T>(decode: impl FnOnce() -> Result<T, TileError>) -> Result<T, TileError> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(TileError::Damaged("the image decoder failed on it".to_owned())))
}
