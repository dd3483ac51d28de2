//! Direct decoding of slides that are TIFFs with JPEG tiles: Aperio SVS, Philips TIFF and generic tiled TIFF, classic or
//! BigTIFF. OpenSlide remains the authority: the sizes of levels are its sizes, and a level is decoded directly only if
//! its layout is one that decodes to OpenSlide's pixels, at most 5 of 255 levels apart (different rounding in the inverse
//! transform). Everything else is [`NotDirect`] with a reason. Threads share a reader: they read the file at positions and
//! share a bounded [`TileCache`].

mod cache;
mod comparison;
mod directory;
mod file;
mod layout;
mod reason;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use kiln_tile::{JpegStream, TileError};

use self::directory::{Container, Directory};
use self::file::SlideFile;
use self::layout::{Layout, TiledSize};
use crate::region::{ReadError, Region, checked_pixels};

pub use self::cache::TileCache;
pub use self::reason::NotDirect;

/// A slide whose tiles are decoded directly.
#[derive(Debug)]
pub struct Direct {
    file: SlideFile,
    /// Number of the slide in the cache.
    number: u64,
    levels: Vec<Result<Layout, NotDirect>>,
    /// For each level, the result of the comparison with OpenSlide.
    compared: Vec<OnceLock<Result<(), NotDirect>>>,
    cache: Arc<TileCache>,
}

/// A part of a TIFF tile and its place in a region.
struct Part {
    /// Index of the tile.
    index: usize,
    /// Left and upper edge in the tile.
    from: (usize, usize),
    /// Left and upper edge in the region.
    to: (usize, usize),
    width: usize,
    height: usize,
}

/// The reason why a tile has no pixels.
enum NoTile {
    /// The stream is valid, but only OpenSlide decodes it.
    Unsupported,
    Unreadable(ReadError),
}

impl Direct {
    /// Opens the slide at `path`. `vendor` and the sizes of the `levels` in pixels are OpenSlide's.
    ///
    /// # Errors
    /// The reason, if no level can be decoded directly.
    pub fn open(path: &Path, vendor: &str, levels: &[(u64, u64)], cache: Arc<TileCache>) -> Result<Self, NotDirect> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        // Of other vendors, tiles overlap, or levels are put together from several directories.
        let padded = match vendor {
            "philips" | "philips-tiff" => true,
            "aperio" | "generic-tiff" => false,
            other => return Err(NotDirect::Vendor(other.to_owned())),
        };
        let file = SlideFile::open(path)?;
        let mut levels = layouts(&file, levels, padded)?;
        if vendor == "aperio" {
            without_drawn(&mut levels);
        }
        if let Some(Err(reason)) = levels.first()
            && levels.iter().all(Result::is_err)
        {
            return Err(reason.clone());
        }
        let compared = levels.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { file, number: NUMBER.fetch_add(1, Ordering::Relaxed), levels, compared, cache })
    }

    /// Returns the reason why a level is not decoded directly; `None` if it is.
    #[must_use]
    pub fn not_direct(&self, level: u32) -> Option<NotDirect> {
        match self.levels.get(level as usize) {
            Some(Ok(_)) => None,
            Some(Err(reason)) => Some(reason.clone()),
            None => Some(NotDirect::Structure(format!("there is no level {level}"))),
        }
    }

    /// Reads `width` x `height` pixels of a level, in whole pixels of that level with `x`, `y` at the top left. Pixels
    /// outside the level and of missing tiles have the colour `background`. Returns `None` if OpenSlide must read the
    /// region: the level is not decoded directly, or a stream is of a kind that only OpenSlide decodes.
    ///
    /// # Errors
    /// If the region is empty or too large, or a tile in it cannot be read. Other regions may be readable.
    pub fn read_level(
        &self,
        level: u32,
        x: i64,
        y: i64,
        (width, height): (u32, u32),
        background: [u8; 3],
    ) -> Result<Option<Region>, ReadError> {
        let Some(Ok(layout)) = self.levels.get(level as usize) else { return Ok(None) };
        checked_pixels(width, height)?;
        let tile = (layout.tile.0 as usize, layout.tile.1 as usize);
        let mut region = None;
        for part in layout.parts(x, y, width, height).filter(|part| layout.tiles[part.index].1 > 0) {
            let whole = (part.width, part.height) == tile;
            let pixels = match self.tile(layout, level, part.index, whole) {
                Ok(pixels) => pixels,
                Err(NoTile::Unsupported) => return Ok(None),
                Err(NoTile::Unreadable(error)) => return Err(error),
            };
            if whole && tile == (width as usize, height as usize) {
                let data_pixels = u64::from(width) * u64::from(height);
                return Ok(Some(Region { width, height, rgb: Arc::unwrap_or_clone(pixels), data_pixels }));
            }
            let region = match &mut region {
                Some(region) => region,
                none => none.insert(Region::blank(width, height, background)?),
            };
            region.data_pixels += (part.width * part.height) as u64;
            let rows = region.rgb.chunks_exact_mut(3 * width as usize).skip(part.to.1);
            let sources = pixels.chunks_exact(3 * tile.0).skip(part.from.1).take(part.height);
            let (to, from, length) = (3 * part.to.0, 3 * part.from.0, 3 * part.width);
            for (row, source) in rows.zip(sources) {
                row[to..to + length].copy_from_slice(&source[from..from + length]);
            }
        }
        region.map_or_else(|| Region::blank(width, height, background), Ok).map(Some)
    }

    /// Returns the rectangles, in pixels of the level, of at most `count` tiles that exist: the one with most bytes, then
    /// tiles spread over the level. Empty if no tile exists.
    fn samples(&self, level: u32, count: usize) -> Vec<(i64, i64, u32, u32)> {
        let Some(Ok(layout)) = self.levels.get(level as usize) else { return Vec::new() };
        let present: Vec<usize> = layout.shown().filter(|index| layout.tiles[*index].1 > 0).collect();
        let Some(largest) = present.iter().copied().max_by_key(|index| layout.tiles[*index].1) else {
            return Vec::new();
        };
        let mut chosen = vec![largest];
        for at in 1..count {
            let index = present[(at * present.len() / count).min(present.len() - 1)];
            if !chosen.contains(&index) {
                chosen.push(index);
            }
        }
        chosen.into_iter().map(|index| layout.rectangle(index)).collect()
    }

    /// Returns the upper left corner of a level.
    fn corner(&self, level: u32) -> Option<(i64, i64, u32, u32)> {
        let Some(Ok(layout)) = self.levels.get(level as usize) else { return None };
        let side = |side: u64| u32::try_from(side.min(512)).unwrap_or(512);
        Some((0, 0, side(layout.size.0), side(layout.size.1)))
    }

    /// Returns the pixels of a tile. A tile that a read shows `whole` is not kept: the next read needs another one.
    fn tile(&self, layout: &Layout, level: u32, index: usize, whole: bool) -> Result<Arc<Vec<u8>>, NoTile> {
        let key = (self.number, level, index);
        let decode = || self.decode(layout, level, index);
        if !whole {
            let bytes = 3 * layout.tile.0 as usize * layout.tile.1 as usize;
            return self.cache.get_or_decode(key, bytes, decode);
        }
        match self.cache.get(key) {
            Some(pixels) => Ok(pixels),
            None => decode().map(Arc::new),
        }
    }

    fn decode(&self, layout: &Layout, level: u32, index: usize) -> Result<Vec<u8>, NoTile> {
        let (offset, length) = layout.tiles[index];
        let (width, height) = layout.tile;
        let unreadable = |reason: String| NoTile::Unreadable(ReadError::Damaged(reason));
        // JPEG enlarges even noise by less than a half; a longer stream is damage.
        if u64::from(length) > 6 * u64::from(width) * u64::from(height) + (1 << 20) {
            return Err(unreadable(format!("TIFF tile {index} of level {level} has {length} bytes")));
        }
        let read = self.file.read(offset, length.into());
        let data = read.map_err(|error| NoTile::Unreadable(ReadError::from(error)))?;
        let stream = JpegStream { data: &data, tables: &layout.tables, width, height, colour: layout.colour };
        stream.decode().map_err(|error| match error {
            TileError::Refused(_) => NoTile::Unsupported,
            TileError::Truncated => NoTile::Unreadable(ReadError::Truncated),
            error => unreadable(format!("TIFF tile {index} of level {level}: {error}")),
        })
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        self.cache.forget(self.number);
    }
}

impl Layout {
    /// Returns the tiles that show pixels of a region of the level, and which of their pixels.
    fn parts(&self, x: i64, y: i64, width: u32, height: u32) -> impl Iterator<Item = Part> + '_ {
        let columns = Spans::new(x, width, self.size.0, self.tile.0);
        let rows = Spans::new(y, height, self.size.1, self.tile.1);
        rows.flat_map(move |row| columns.map(move |column| (row, column))).filter_map(|(row, column)| {
            let index = usize::try_from(row.tile * self.across + column.tile).ok()?;
            (index < self.tiles.len()).then_some(Part {
                index,
                from: (column.from, row.from),
                to: (column.to, row.to),
                width: column.length,
                height: row.length,
            })
        })
    }

    /// Returns the rectangle of a tile in pixels of the level, clipped to the level.
    fn rectangle(&self, index: usize) -> (i64, i64, u32, u32) {
        let side = |at: u64, tile: u32, size: u64| {
            let start = at * u64::from(tile);
            let length = u64::from(tile).min(size.saturating_sub(start));
            (i64::try_from(start).unwrap_or(i64::MAX), u32::try_from(length).unwrap_or(tile))
        };
        let (x, width) = side(index as u64 % self.across, self.tile.0, self.size.0);
        let (y, height) = side(index as u64 / self.across, self.tile.1, self.size.1);
        (x, y, width, height)
    }
}

/// The tiles along one axis that show a range of pixels.
#[derive(Clone, Copy)]
struct Spans {
    /// Start of the range in pixels of the level.
    start: i64,
    /// Next pixel, and the end.
    at: u64,
    end: u64,
    tile: u64,
}

#[derive(Clone, Copy)]
struct Span {
    tile: u64,
    from: usize,
    to: usize,
    length: usize,
}

impl Spans {
    fn new(start: i64, length: u32, size: u64, tile: u32) -> Self {
        let end = start.saturating_add(length.into()).max(0).unsigned_abs().min(size);
        Self { start, at: start.max(0).unsigned_abs(), end, tile: tile.into() }
    }
}

impl Iterator for Spans {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        if self.at >= self.end {
            return None;
        }
        let (tile, from) = (self.at / self.tile, self.at % self.tile);
        let length = (self.tile - from).min(self.end - self.at);
        // Less than the width of the region, which is a u32.
        let to = i64::try_from(self.at).ok()?.checked_sub(self.start)?;
        self.at += length;
        Some(Span { tile, from: from as usize, to: usize::try_from(to).ok()?, length: length as usize })
    }
}

/// Reads the layout of each level.
fn layouts(file: &SlideFile, levels: &[(u64, u64)], padded: bool) -> Result<Vec<Result<Layout, NotDirect>>, NotDirect> {
    let (container, directories) = Container::open(file)?;
    let tiled: Vec<(&Directory, TiledSize)> =
        directories.iter().filter_map(|one| Some((one, TiledSize::read(&container, one)?))).collect();
    let layout = |size: &(u64, u64)| {
        let fits = |(_, stored): &&(&Directory, TiledSize)| stored.fits(*size, padded);
        let fitting: Vec<_> = tiled.iter().filter(fits).collect();
        match fitting[..] {
            [(directory, stored)] => Layout::read(&container, directory, stored, *size),
            _ => Err(NotDirect::Directories { found: fitting.len(), width: size.0, height: size.1 }),
        }
    };
    Ok(levels.iter().map(layout).collect())
}

/// OpenSlide draws a missing tile of an Aperio slide from the level above it, and distrusts the tiles below it; so these
/// levels are left to it.
fn without_drawn(levels: &mut [Result<Layout, NotDirect>]) {
    let Some(first) = levels.iter().position(|level| level.as_ref().is_ok_and(Layout::misses_tiles)) else { return };
    for level in levels.iter_mut().skip(first.max(1)) {
        *level = Err(NotDirect::DrawnFromAnotherLevel);
    }
}
