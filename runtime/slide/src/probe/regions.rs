//! The regions that an examination reads: five by five in each level, spread from edge to edge.
//!
//! Decoding is most of an examination, so a region is in the middle of one stored tile. Across two tiles it would decode
//! two or four; so it would at the edge of one where OpenSlide interpolates, because more than the region is read there.

use crate::level::Level;
use crate::slide::Slide;

/// Largest side of a region.
const SIDE: u64 = 256;
/// Positions along each axis of a level.
const POSITIONS: u64 = 5;
/// Least side of a stored tile that a region keeps inside. Of smaller tiles, such as rows of a few pixels, many are read.
const LEAST_TILE: u64 = SIDE / 2;

/// A rectangle in pixels of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) level: u32,
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A range of pixels along an axis: its start and its length.
type Range = (i64, u32);

/// The regions of all levels.
pub(super) fn regions(slide: &Slide) -> Vec<Region> {
    let levels = (0..).zip(slide.levels());
    levels.flat_map(|(number, level)| of_level(number, level, slide.stored_tile(number))).collect()
}

/// The regions of a level with stored tiles of this size, if it is known.
fn of_level(number: u32, level: &Level, tile: Option<(u64, u64)>) -> Vec<Region> {
    let columns = ranges(level.width, tile.map(|(width, _)| width));
    let rows = ranges(level.height, tile.map(|(_, height)| height));
    let region = |(y, height): Range, (x, width): Range| Region { level: number, x, y, width, height };
    rows.iter().flat_map(|row| columns.iter().map(move |column| region(*row, *column))).collect()
}

/// At most [`POSITIONS`] ranges of an axis of `side` pixels, the first and the last one at the edges.
fn ranges(side: u64, tile: Option<u64>) -> Vec<Range> {
    match tile.filter(|tile| *tile >= LEAST_TILE) {
        Some(tile) => in_tiles(side, tile),
        None => anywhere(side),
    }
}

/// Ranges in the middle of stored tiles; at most one in each.
fn in_tiles(side: u64, tile: u64) -> Vec<Range> {
    let last = side.saturating_sub(1) / tile;
    let mut tiles: Vec<u64> = (0..POSITIONS).map(|at| last * at / (POSITIONS - 1)).collect();
    tiles.dedup();
    let middle = |index: u64| {
        let start = index * tile;
        // The last tile shows only a part of itself.
        let shown = tile.min(side.saturating_sub(start));
        let length = (shown / 2).clamp(1, SIDE);
        range(start + shown.saturating_sub(length) / 2, length)
    };
    tiles.into_iter().map(middle).collect()
}

/// Ranges of [`SIDE`] pixels. All but the last one start at multiples of it, the usual side of a stored tile.
fn anywhere(side: u64) -> Vec<Range> {
    let last = side.saturating_sub(SIDE);
    let start = |at: u64| if at + 1 == POSITIONS { last } else { last * at / (POSITIONS - 1) / SIDE * SIDE };
    let mut starts: Vec<u64> = (0..POSITIONS).map(start).collect();
    starts.dedup();
    starts.into_iter().map(|start| range(start, SIDE)).collect()
}

/// A range within a level: its numbers are below 2^24.
fn range(start: u64, length: u64) -> Range {
    (i64::try_from(start).unwrap_or(0), u32::try_from(length).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stored tiles that a range touches.
    fn touched((start, length): Range, tile: u64) -> std::ops::RangeInclusive<u64> {
        let (start, length) = (start.unsigned_abs(), u64::from(length));
        start / tile..=(start + length - 1) / tile
    }

    #[test]
    fn a_range_decodes_one_stored_tile_and_both_edges_are_reached() {
        for tile in [128, 240, 256, 512, 1_000, 4_096] {
            for side in [1, 2, 255, 256, 257, 1_783, 2_221, 4_443, 100_000, 1 << 24] {
                let found = ranges(side, Some(tile));
                let tiles: Vec<_> = found.iter().map(|range| touched(*range, tile)).collect();
                assert!(tiles.iter().all(|tiles| tiles.start() == tiles.end()), "{tile} {side}: {found:?}");
                assert!(tiles.windows(2).all(|pair| pair[0].start() < pair[1].start()), "{tile} {side}: {found:?}");
                assert_eq!((*tiles[0].start(), *tiles[tiles.len() - 1].start()), (0, (side - 1) / tile));
                assert_eq!(tiles.len() as u64, side.div_ceil(tile).min(POSITIONS), "{tile} {side}");
                let (start, length) = found[found.len() - 1];
                assert!(start.unsigned_abs() + u64::from(length) <= side && length <= 256, "{tile} {side}");
            }
        }
    }

    /// OpenSlide is asked for up to 64 pixels before and 16 after a range of an interpolated level.
    #[test]
    fn an_interpolated_level_decodes_one_stored_tile_for_a_range() {
        for (start, length) in ranges(2_221, Some(256)).into_iter().take(4) {
            let (first, last) = (start.unsigned_abs() - 64, start.unsigned_abs() + u64::from(length) + 15);
            assert_eq!(first / 256, last / 256, "{start} {length}");
        }
    }

    #[test]
    fn without_a_usable_tile_size_ranges_have_256_pixels_up_to_the_edge() {
        for tile in [None, Some(0), Some(8), Some(127)] {
            assert_eq!(ranges(4_443, tile), [(0, 256), (1_024, 256), (2_048, 256), (3_072, 256), (4_187, 256)]);
            assert_eq!(ranges(100, tile), [(0, 256)]);
            assert_eq!(ranges(300, tile), [(0, 256), (44, 256)]);
        }
    }

    #[test]
    fn a_level_has_regions_in_rows_and_columns() {
        let level = Level { width: 600, height: 200, downsample: 4.0 };
        let found = of_level(3, &level, Some((256, 256)));
        let places: Vec<_> = found.iter().map(|region| (region.x, region.y, region.width, region.height)).collect();
        assert_eq!(places, [(64, 50, 128, 100), (320, 50, 128, 100), (534, 50, 44, 100)]);
        assert!(found.iter().all(|region| region.level == 3));
    }
}
