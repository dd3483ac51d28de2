//! Writes a tiled, pyramidal TIFF from a source of regions, for generated slides and for tests. OpenSlide opens it as
//! `generic-tiff`. Its tiles are JPEG in YCbCr without subsampling, or lossless.
//!
//! The pyramid is built depth first: a block of level 0 is read, its tiles and those of the coarser levels over it are
//! written, and only its reduction is kept. Memory depends on neither width nor height, apart from 16 bytes per tile. The
//! same pixels and options give the same bytes.

mod error;
mod raster;
mod write;

use std::io::{BufWriter, Seek, Write};
use std::path::Path;

use kiln_files::publish;
use kiln_tile::Place;
use tiff::encoder::{TiffKindBig, TiffKindStandard};

pub use error::PyramidError;

use crate::resolution::{MAX_MPP, MIN_MPP};
use crate::tiff_writer::CLASSIC_LIMIT;

/// Side of a tile in pixels.
pub const PYRAMID_TILE: u32 = 256;
/// Side in level-0 pixels of the blocks that are read from the source: 12 MiB.
pub const PYRAMID_BLOCK: u32 = PYRAMID_TILE << BLOCK_LEVEL;
/// The level at which a block is one tile.
const BLOCK_LEVEL: usize = 3;
/// The longer side of the coarsest level is at most this many pixels.
const COARSEST: u32 = 1024;
/// Largest side in pixels: 4 million tiles at most.
const MAX_SIDE: u32 = 1 << 19;

/// Compression of the tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileCompression {
    /// JPEG with a quality of 1 to 100 (libjpeg's scale), in YCbCr without chroma subsampling.
    Jpeg(u8),
    /// Deflate (zlib) of RGB: lossless.
    Deflate,
}

/// Options of [`write_pyramid`].
#[derive(Debug, Clone, PartialEq)]
pub struct PyramidOptions {
    /// Width and height of a level-0 pixel in µm, 0.05 to 20.
    pub mpp: f64,
    /// Compression of the tiles.
    pub compression: TileCompression,
    /// The `ImageDescription` of level 0: ASCII. OpenSlide takes one that begins with a vendor's mark, such as `Aperio`, as
    /// that vendor's.
    pub description: Option<String>,
}

impl PyramidOptions {
    /// JPEG of quality 85 and no description, with pixels of `mpp` µm.
    #[must_use]
    pub fn new(mpp: f64) -> Self {
        Self { mpp, compression: TileCompression::Jpeg(85), description: None }
    }
}

/// A pyramid that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PyramidSummary {
    /// Width and height of each level in pixels, the finest first. Each level is half the one before, rounded up.
    pub levels: Vec<(u32, u32)>,
    /// True if the file is a BigTIFF.
    pub big: bool,
}

/// The pixels of a rectangle of level 0, `[height, width, 3]` in RGB. The rectangles are blocks of [`PYRAMID_BLOCK`] pixels,
/// clipped to the slide; together they cover it once.
pub type RegionSource<'a> = dyn FnMut(Place) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> + 'a;

/// Writes a pyramid of `width` by `height` pixels into `out`, whose levels halve down to 1,024 pixels or less.
///
/// # Errors
/// [`PyramidError`]: size, pixel size or another option out of range, an error of the source, or of `out`.
pub fn write_pyramid(
    out: impl Write + Seek,
    (width, height): (u32, u32),
    options: &PyramidOptions,
    source: &mut RegionSource<'_>,
) -> Result<PyramidSummary, PyramidError> {
    options.check()?;
    let accepted = 1..=MAX_SIDE;
    if !accepted.contains(&width) || !accepted.contains(&height) {
        return Err(PyramidError::Size { width, height });
    }
    let levels = levels(width, height);
    // Even incompressible tiles need less than twice their pixels; all levels together 4/3 of level 0.
    let big = u64::from(width) * u64::from(height) * 3 * 2 / 3 * 4 > CLASSIC_LIMIT;
    let mut out = BufWriter::with_capacity(1 << 20, out);
    if big {
        write::write::<_, TiffKindBig>(&mut out, &levels, options, source)?;
    } else {
        write::write::<_, TiffKindStandard>(&mut out, &levels, options, source)?;
    }
    out.flush()?;
    Ok(PyramidSummary { levels, big })
}

/// Writes a pyramid into a file, which appears whole or not at all and replaces an existing one.
///
/// # Errors
/// As [`write_pyramid`], and [`PyramidError::Write`] if the file cannot be created.
pub fn write_pyramid_file(
    path: &Path,
    size: (u32, u32),
    options: &PyramidOptions,
    source: &mut RegionSource<'_>,
) -> Result<PyramidSummary, PyramidError> {
    let mut scratch = publish::scratch_file(path)?;
    let summary = write_pyramid(scratch.as_file_mut(), size, options, source)?;
    publish::publish_file(scratch, path)?;
    Ok(summary)
}

impl PyramidOptions {
    fn check(&self) -> Result<(), PyramidError> {
        if !(MIN_MPP..=MAX_MPP).contains(&self.mpp) {
            return Err(PyramidError::PixelSize(self.mpp));
        }
        if let TileCompression::Jpeg(quality) = self.compression
            && !(1..=100).contains(&quality)
        {
            return Err(PyramidError::Quality(quality));
        }
        let refused = |letter: &char| !letter.is_ascii() || *letter == '\0';
        match self.description.as_deref().unwrap_or_default().chars().find(refused) {
            Some(letter) => Err(PyramidError::Description(letter)),
            None => Ok(()),
        }
    }
}

/// The levels of a slide, rounded up, so that the coarser level covers the finer one and no downsample exceeds a power of 2.
fn levels(width: u32, height: u32) -> Vec<(u32, u32)> {
    let mut levels = vec![(width, height)];
    while let Some(&(width, height)) = levels.last()
        && width.max(height) > COARSEST
    {
        levels.push((width.div_ceil(2), height.div_ceil(2)));
    }
    levels
}
