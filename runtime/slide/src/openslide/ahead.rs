//! Decoding ahead: the stored tiles of a large block are decoded on several threads into the library's cache, before one
//! thread reads the block from there. OpenSlide decodes the tiles of one read one after another, which is most of the time
//! for JPEG 2000. The read itself is the same, and so are its pixels.

use std::ops::Range;

use super::handle::{Block, Handle};
use crate::level::Level;
use crate::threads;

/// Fewer tiles are not worth a thread.
const LEAST_TILES: usize = 4;
/// Pixels of the smallest stored tile that is decoded ahead: of smaller ones there may be very many.
const LEAST_PIXELS: u64 = 1 << 14;
/// Bytes of a decoded pixel in the cache.
const PIXEL: u64 = 4;

/// A level whose stored tiles are decoded ahead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead {
    downsample: f64,
    /// Width and height of a stored tile.
    tile: (i64, i64),
    /// Most stored tiles of a block: they must stay in the cache until they are read.
    most: usize,
}

impl Ahead {
    /// `None` if the stored tiles of the level are small or of unknown size, or the cache holds too few of them.
    pub(super) fn new(level: &Level, tile: Option<(u64, u64)>, cache_bytes: usize) -> Option<Self> {
        let (width, height) = tile?;
        let pixels = width.checked_mul(height).filter(|pixels| *pixels >= LEAST_PIXELS)?;
        let most = usize::try_from(cache_bytes as u64 / 4 * 3 / pixels.checked_mul(PIXEL)?).ok()?;
        let tile = (i64::try_from(width).ok()?, i64::try_from(height).ok()?);
        (most >= LEAST_TILES).then_some(Self { downsample: level.downsample, tile, most })
    }

    /// Decodes the stored tiles of a block of level pixels, if they fit. A tile that cannot be decoded makes the handle dead, as
    /// reading the block does.
    pub(super) fn decode(&self, handle: &Handle, level: i32, columns: Range<i64>, rows: Range<i64>) {
        let points = self.points(columns, rows);
        threads::for_each(&points, |(x, y)| {
            let block = Block { level, x: self.of_slide(*x), y: self.of_slide(*y), width: 1, height: 1 };
            let _ = handle.read(block, &mut Vec::new());
        });
    }

    /// A pixel near the middle of each stored tile of a block; none if the tiles are few or do not fit.
    fn points(&self, columns: Range<i64>, rows: Range<i64>) -> Vec<(i64, i64)> {
        let (columns, rows) = (middles(columns, self.tile.0, self.most), middles(rows, self.tile.1, self.most));
        if !(LEAST_TILES..=self.most).contains(&columns.len().saturating_mul(rows.len())) {
            return Vec::new();
        }
        rows.iter().flat_map(|y| columns.iter().map(move |x| (*x, *y))).collect()
    }

    /// A coordinate of level 0.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    fn of_slide(&self, level: i64) -> i64 {
        (level as f64 * self.downsample).round() as i64
    }
}

/// The middles of the stored tiles that a range of an axis touches, moved into the range; at most one more than `most`.
fn middles(range: Range<i64>, tile: i64, most: usize) -> Vec<i64> {
    let Range { start, end } = range;
    if start >= end {
        return Vec::new();
    }
    let tiles = start / tile..=(end - 1) / tile;
    tiles.take(most + 1).map(|index| (index * tile + tile / 2).clamp(start, end - 1)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ahead(tile: (u64, u64), cache_bytes: usize) -> Option<Ahead> {
        Ahead::new(&Level { width: 600, height: 300, downsample: 2.0 }, Some(tile), cache_bytes)
    }

    #[test]
    fn each_stored_tile_of_a_block_has_one_point() {
        let ahead = ahead((256, 256), 16 << 20).unwrap();
        assert_eq!(
            ahead.points(200..600, 255..300),
            [(200, 255), (384, 255), (599, 255), (200, 299), (384, 299), (599, 299)]
        );
        assert_eq!(ahead.of_slide(384), 768);
        assert!(ahead.points(0..512, 0..256).is_empty(), "two tiles");
        assert!(ahead.points(9..9, 0..256).is_empty());
        assert_eq!((ahead.points(0..2_048, 0..1_536).len(), ahead.points(0..2_048, 0..1_537).len()), (48, 0));
    }

    #[test]
    fn small_tiles_and_a_small_cache_are_left_alone() {
        assert!(ahead((256, 256), 0).is_none() && ahead((256, 256), 1 << 20).is_none());
        for tile in [(0, 256), (64, 64), (u64::MAX, 2), (1 << 40, 1 << 20)] {
            assert!(ahead(tile, usize::MAX).is_none(), "{tile:?}");
        }
        assert!(Ahead::new(&Level { width: 1, height: 1, downsample: 1.0 }, None, 1 << 30).is_none());
    }
}
