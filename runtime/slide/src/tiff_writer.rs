//! Tiles of a TIFF image while they are written: compression, and the tags that list them. The directories themselves are
//! written by the `tiff` crate.

use std::io::{self, Seek, Write};

use tiff::TiffError;
use tiff::encoder::compression::{CompressionAlgorithm, Deflate, DeflateLevel};
use tiff::encoder::{DirectoryEncoder, TiffKind};
use tiff::tags::Tag;

/// Bytes of image data above which a file is written as BigTIFF: 4 GiB, less room for directories.
pub(crate) const CLASSIC_LIMIT: u64 = (1 << 32) - (1 << 26);

/// Codes of the `Compression` tag.
pub(crate) const JPEG: u16 = 7;
/// Deflate with a zlib header, "Adobe deflate".
pub(crate) const DEFLATE: u16 = 8;

/// The place of a tile's bytes in the file. A tile without bytes was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct StoredTile {
    offset: u64,
    length: u64,
}

/// The tiles of one image, rows from the top. They may be written in any order, and several may share their bytes.
#[derive(Debug)]
pub(crate) struct TileTable {
    width: u32,
    height: u32,
    side: u32,
    tiles: Vec<StoredTile>,
}

impl TileTable {
    /// A table without tiles for an image of `width` by `height` pixels in square tiles of `side` pixels, a multiple of 16.
    pub(crate) fn new(width: u32, height: u32, side: u32) -> Self {
        let tiles = width.div_ceil(side) as usize * height.div_ceil(side) as usize;
        Self { width, height, side, tiles: vec![StoredTile::default(); tiles] }
    }

    /// Size of the image in pixels.
    pub(crate) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Number of tiles along a row, and along a column.
    pub(crate) fn grid(&self) -> (u32, u32) {
        (self.width.div_ceil(self.side), self.height.div_ceil(self.side))
    }

    /// Writes the compressed bytes of a tile to the file. `directory` may be the directory of another image.
    pub(crate) fn store<W: Write + Seek, K: TiffKind>(
        &mut self,
        directory: &mut DirectoryEncoder<'_, W, K>,
        (column, row): (u32, u32),
        bytes: &[u8],
    ) -> Result<StoredTile, TiffError> {
        let stored = StoredTile { offset: directory.write_data(bytes)?, length: bytes.len() as u64 };
        self.set((column, row), stored);
        Ok(stored)
    }

    /// Lists bytes that are already in the file as those of a tile.
    pub(crate) fn set(&mut self, (column, row): (u32, u32), stored: StoredTile) {
        let index = row as usize * self.grid().0 as usize + column as usize;
        if let Some(tile) = self.tiles.get_mut(index) {
            *tile = stored;
        }
    }

    /// Writes the tags of size, compression and tiles.
    ///
    /// # Errors
    /// An error of the file, and an offset over 4 GiB in a classic TIFF.
    pub(crate) fn write_tags<W: Write + Seek, K: TiffKind>(
        &self,
        directory: &mut DirectoryEncoder<'_, W, K>,
        compression: u16,
    ) -> Result<(), TiffError> {
        let list = |value: fn(&StoredTile) -> u64| {
            self.tiles.iter().map(|tile| K::convert_offset(value(tile))).collect::<Result<Vec<_>, _>>()
        };
        let (offsets, lengths) = (list(|tile| tile.offset)?, list(|tile| tile.length)?);
        directory.write_tag(Tag::ImageWidth, self.width)?;
        directory.write_tag(Tag::ImageLength, self.height)?;
        directory.write_tag(Tag::Compression, compression)?;
        directory.write_tag(Tag::PlanarConfiguration, 1_u16)?;
        directory.write_tag(Tag::TileWidth, self.side)?;
        directory.write_tag(Tag::TileLength, self.side)?;
        directory.write_tag(Tag::TileOffsets, K::convert_slice(&offsets))?;
        directory.write_tag(Tag::TileByteCounts, K::convert_slice(&lengths))
    }
}

/// Compresses a tile for [`DEFLATE`].
pub(crate) fn deflated(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    Deflate::with_level(DeflateLevel::Balanced).write_to(&mut packed, bytes)?;
    Ok(packed)
}
