//! Tiles by position: the tiles around a tile without a comparison of all pairs.

use std::ops::Range;

use crate::Place;

/// A tile's centre in level-0 pixels, rounded down.
pub(super) fn centre(place: &Place) -> (i64, i64) {
    (place.minx.saturating_add(i64::from(place.width / 2)), place.miny.saturating_add(i64::from(place.height / 2)))
}

/// Tile centres by rows from the top, and from the left within a row.
pub(super) struct Nearby {
    /// Column, and index of the tile.
    tiles: Vec<(i64, usize)>,
    /// Row, and its range in `tiles`.
    rows: Vec<(i64, Range<usize>)>,
    /// Distance of adjacent columns and of adjacent rows in level-0 pixels.
    step: (i64, i64),
}

impl Nearby {
    pub(super) fn new<'a>(places: impl Iterator<Item = &'a Place>) -> Self {
        let mut sorted: Vec<(i64, i64, usize)> = Vec::new();
        let mut size = (1, 1);
        for (index, place) in places.enumerate() {
            let (x, y) = centre(place);
            sorted.push((y, x, index));
            size = (size.0.max(i64::from(place.width)), size.1.max(i64::from(place.height)));
        }
        sorted.sort_unstable();
        let mut rows: Vec<(i64, Range<usize>)> = Vec::new();
        for (at, &(y, ..)) in sorted.iter().enumerate() {
            match rows.last_mut() {
                Some((row, range)) if *row == y => range.end = at + 1,
                _ => rows.push((y, at..at + 1)),
            }
        }
        let columns =
            rows.iter().flat_map(|(_, range)| sorted[range.clone()].windows(2).map(|pair| (pair[0].1, pair[1].1)));
        let step =
            (smallest_step(columns, size.0), smallest_step(rows.windows(2).map(|pair| (pair[0].0, pair[1].0)), size.1));
        Self { tiles: sorted.iter().map(|&(_, x, index)| (x, index)).collect(), rows, step }
    }

    /// Distance of adjacent columns and of adjacent rows in level-0 pixels: the tile's size without overlap.
    pub(super) fn step(&self) -> (i64, i64) {
        self.step
    }

    /// Indices of the tiles by rows from the top.
    pub(super) fn in_order(&self) -> impl Iterator<Item = usize> {
        self.tiles.iter().map(|tile| tile.1)
    }

    /// Tiles whose centre is within `dx` columns and `dy` rows of (`x`, `y`): offset and index.
    pub(super) fn within(&self, (x, y): (i64, i64), (dx, dy): (i64, i64)) -> impl Iterator<Item = ((i64, i64), usize)> {
        let first = self.rows.partition_point(|row| row.0 < y.saturating_sub(dy));
        let rows = self.rows[first..].iter().take_while(move |row| row.0 <= y.saturating_add(dy));
        rows.flat_map(move |(row, range)| {
            let tiles = &self.tiles[range.clone()];
            let first = tiles.partition_point(|tile| tile.0 < x.saturating_sub(dx));
            let near = tiles[first..].iter().take_while(move |tile| tile.0 <= x.saturating_add(dx));
            near.map(move |&(column, index)| ((column.saturating_sub(x), row.saturating_sub(y)), index))
        })
    }
}

/// The smallest distance of neighbours, at most the size of a tile. Tiles are never further apart than that if they are
/// adjacent.
fn smallest_step(pairs: impl Iterator<Item = (i64, i64)>, size: i64) -> i64 {
    pairs.map(|(a, b)| b.saturating_sub(a)).filter(|&step| step > 0).min().map_or(size, |step| step.min(size))
}
