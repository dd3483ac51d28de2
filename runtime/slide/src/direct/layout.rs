//! The storage layout of one level: tiles of JPEG streams. Every other layout is left to OpenSlide.

use kiln_tile::StreamColour;

use super::directory::{Container, Directory, tag};
use super::reason::{NotDirect, layout, structure};

/// Limit of the side of a TIFF tile in pixels.
const MAX_TILE_SIDE: u64 = 4096;

/// Limit of the bytes of `JPEGTables`: four tables of each kind need less than 3 KiB.
const MAX_TABLES: usize = 1 << 16;

/// The layout of a level.
#[derive(Debug)]
pub(super) struct Layout {
    /// Size of the level in pixels by OpenSlide. The directory may be larger, filled up to whole tiles.
    pub(super) size: (u64, u64),
    /// Width and height of a tile in pixels.
    pub(super) tile: (u32, u32),
    /// Tiles per row.
    pub(super) across: u64,
    /// Offset and number of bytes of each tile, rows from the top. A tile of 0 bytes is missing.
    pub(super) tiles: Vec<(u64, u32)>,
    pub(super) colour: StreamColour,
    /// Tables that the streams share; may be empty.
    pub(super) tables: Vec<u8>,
}

/// Size of a directory in pixels, and of its tiles.
pub(super) struct TiledSize {
    pub(super) width: u64,
    pub(super) height: u64,
    pub(super) tile: (u32, u32),
}

impl TiledSize {
    /// Returns `None` for a directory that is not tiled, or has an impossible size: it stores no level.
    pub(super) fn read(container: &Container<'_>, directory: &Directory) -> Option<Self> {
        let number = |tag| container.only(directory, tag, 0).ok();
        let (width, height) = (number(tag::IMAGE_WIDTH)?, number(tag::IMAGE_LENGTH)?);
        let side = |tag| {
            let side = number(tag).filter(|side| (1..=MAX_TILE_SIDE).contains(side))?;
            u32::try_from(side).ok()
        };
        let tile = (side(tag::TILE_WIDTH)?, side(tag::TILE_LENGTH)?);
        (width > 0 && height > 0).then_some(Self { width, height, tile })
    }

    /// True if a directory stores a level of `size` pixels: it has that size, or, if levels are `padded`, that size filled
    /// up to whole tiles.
    pub(super) fn fits(&self, (width, height): (u64, u64), padded: bool) -> bool {
        let filled = |side: u64, tile: u32| side.checked_next_multiple_of(tile.into());
        let is_filled =
            || Some(self.width) == filled(width, self.tile.0) && Some(self.height) == filled(height, self.tile.1);
        (self.width, self.height) == (width, height) || (padded && is_filled())
    }
}

impl Layout {
    /// Reads the layout of a level of `size` pixels, which `directory` stores.
    pub(super) fn read(
        container: &Container<'_>,
        directory: &Directory,
        stored: &TiledSize,
        size: (u64, u64),
    ) -> Result<Self, NotDirect> {
        let number = |tag, default| container.only(directory, tag, default);
        match number(tag::COMPRESSION, 1)? {
            7 => {}
            other => return Err(layout(format!("its tiles have the compression {other}, expected 7 (JPEG)"))),
        }
        let colour = match number(tag::PHOTOMETRIC, u64::MAX)? {
            2 => StreamColour::Rgb,
            6 => StreamColour::YCbCr,
            other => {
                let text = format!("its photometric interpretation is {other}, expected 2 (RGB) or 6 (YCbCr)");
                return Err(layout(text));
            }
        };
        let bits = container.numbers(directory, tag::BITS_PER_SAMPLE)?.unwrap_or_default();
        let formats = container.numbers(directory, tag::SAMPLE_FORMAT)?.unwrap_or_default();
        let samples = number(tag::SAMPLES_PER_PIXEL, 1)?;
        if samples != 3 || bits.is_empty() || bits.iter().any(|bits| *bits != 8) || formats.iter().any(|one| *one != 1)
        {
            return Err(layout(format!("it has {samples} samples of {bits:?} bits, expected 3 unsigned ones of 8")));
        }
        let plain = [(tag::PLANAR_CONFIGURATION, 1), (tag::FILL_ORDER, 1), (tag::IMAGE_DEPTH, 1)];
        for (tag, usual) in plain {
            let found = number(tag, usual)?;
            if found != usual {
                return Err(layout(format!("its tag {tag} is {found}, expected {usual}")));
            }
        }
        let tables = container.bytes(directory, tag::JPEG_TABLES)?;
        if tables.len() > MAX_TABLES {
            return Err(structure(format!("its JPEG tables have {} bytes", tables.len())));
        }
        let across = stored.width.div_ceil(stored.tile.0.into());
        let down = stored.height.div_ceil(stored.tile.1.into());
        let tiles = tiles(container, directory, across.checked_mul(down))?;
        Ok(Self { size, tile: stored.tile, across, tiles, colour, tables })
    }

    /// True if a tile that shows pixels of the level is missing.
    pub(super) fn misses_tiles(&self) -> bool {
        self.shown().any(|index| self.tiles[index].1 == 0)
    }

    /// Indices of the tiles that show pixels of the level.
    pub(super) fn shown(&self) -> impl Iterator<Item = usize> + '_ {
        let columns = self.size.0.div_ceil(self.tile.0.into()).min(self.across);
        let rows = self.size.1.div_ceil(self.tile.1.into());
        (0..rows)
            .flat_map(move |row| (0..columns).map(move |column| row * self.across + column))
            .filter_map(|index| usize::try_from(index).ok())
            .filter(|index| *index < self.tiles.len())
    }
}

fn tiles(container: &Container<'_>, directory: &Directory, count: Option<u64>) -> Result<Vec<(u64, u32)>, NotDirect> {
    let list = |tag| container.numbers(directory, tag)?.ok_or_else(|| structure("it does not list its tiles"));
    let (offsets, lengths) = (list(tag::TILE_OFFSETS)?, list(tag::TILE_BYTE_COUNTS)?);
    if count != Some(offsets.len() as u64) || offsets.len() != lengths.len() {
        return Err(structure("it lists another number of tiles than its size needs"));
    }
    let pair = |(offset, length): (u64, u64)| {
        let length = u32::try_from(length).map_err(|_| structure(format!("a tile has {length} bytes")))?;
        Ok((offset, length))
    };
    offsets.into_iter().zip(lengths).map(pair).collect()
}
