//! Scores on a lattice of square cells. A cell is a tile if the tiles do not overlap, and a part of one if they do; its
//! score is the mean over the tiles that cover it, weighted by area.

use super::slide::{ScoredSlide, ScoredTile};

/// The most cells of a raster. A slide of 100,000 x 100,000 pixels has 195,000 tiles of 224 pixels.
const MOST_CELLS: u64 = 1 << 22;
/// The most cells along a stride, where the places of the tiles have no common divisor.
const FINEST: u64 = 8;
/// Cells along a stride for tiles that are not on a lattice.
const OFF_LATTICE: u64 = 4;

/// The content of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// No tile.
    Outside,
    /// Failed tiles alone.
    Failed,
    /// The mean score of its tiles, weighted by area.
    Score(f32),
}

/// Scores on a lattice that starts at (0, 0) of level 0 and covers the slide.
#[derive(Debug, Clone)]
pub struct Raster {
    /// The side of a cell is `side.0 / side.1` level-0 pixels.
    side: (u64, u64),
    columns: usize,
    rows: usize,
    /// Row by row: a score, NaN outside, infinity for failed tiles.
    scores: Vec<f32>,
    /// The highest score of the tiles that cover a cell at least half, or have their centre in it. NaN without one.
    peaks: Vec<f32>,
}

impl Raster {
    /// Places the tiles on a lattice. Tiles that leave the slide are clipped to it.
    pub(super) fn new(slide: &ScoredSlide<'_>) -> Self {
        let (mut numerator, denominator) = cell_side(slide);
        let cells = |numerator: u64| {
            let count = |length: u64| (length * denominator).div_ceil(numerator);
            (count(slide.width), count(slide.height))
        };
        while cells(numerator).0.saturating_mul(cells(numerator).1) > MOST_CELLS {
            numerator *= 2;
        }
        let (columns, rows) = cells(numerator);
        let (columns, rows) = (columns as usize, rows as usize);
        let mut sums = Sums::new((numerator, denominator), columns, rows);
        for tile in slide.tiles {
            sums.add(slide, tile);
        }
        let (scores, peaks) = sums.finish(slide);
        Self { side: (numerator, denominator), columns, rows, scores, peaks }
    }

    /// The side of a cell in level-0 pixels.
    #[must_use]
    pub fn cell_side(&self) -> f64 {
        self.side.0 as f64 / self.side.1 as f64
    }

    /// The side of a cell as a fraction: numerator and denominator.
    pub(super) fn side(&self) -> (u64, u64) {
        self.side
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The content of a cell. Cells beyond the raster are outside.
    #[must_use]
    pub fn cell(&self, column: usize, row: usize) -> Cell {
        if column >= self.columns || row >= self.rows {
            return Cell::Outside;
        }
        cell(self.scores[row * self.columns + column])
    }

    /// The highest score among the tiles of a cell. `None` without one.
    pub(super) fn peak(&self, column: usize, row: usize) -> Option<f32> {
        let peak = self.peaks.get(row * self.columns + column)?;
        (!peak.is_nan()).then_some(*peak)
    }

    /// The mean over a rectangle of cells; failed only if no cell has a score. The ends are exclusive.
    pub(super) fn mean(&self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> Cell {
        let (mut sum, mut count, mut failed) = (0.0, 0_u32, false);
        for row in rows.start..rows.end.min(self.rows) {
            let (start, end) = (columns.start.min(self.columns), columns.end.min(self.columns));
            for score in &self.scores[row * self.columns + start..row * self.columns + end] {
                match cell(*score) {
                    Cell::Score(score) => (sum, count) = (sum + f64::from(score), count + 1),
                    Cell::Failed => failed = true,
                    Cell::Outside => {}
                }
            }
        }
        match (count, failed) {
            (0, true) => Cell::Failed,
            (0, false) => Cell::Outside,
            _ => Cell::Score((sum / f64::from(count)) as f32),
        }
    }

    /// The scores row by row: NaN outside, infinity for failed tiles.
    pub(super) fn scores(&self) -> &[f32] {
        &self.scores
    }
}

fn cell(score: f32) -> Cell {
    if score.is_nan() {
        Cell::Outside
    } else if score.is_infinite() {
        Cell::Failed
    } else {
        Cell::Score(score)
    }
}

/// Chooses the side of a cell: the greatest common divisor of all places and sizes, so that every tile is a whole number
/// of cells. Tiles that are not on such a lattice get quarters of the stride: the map is then right to an eighth of it.
fn cell_side(slide: &ScoredSlide<'_>) -> (u64, u64) {
    let stride = u64::from(slide.stride);
    let mut divisor = stride;
    for ScoredTile { place, .. } in slide.tiles {
        if span(place.minx, place.width, slide.width).is_none()
            || span(place.miny, place.height, slide.height).is_none()
        {
            continue;
        }
        let lengths = [place.minx.unsigned_abs(), place.miny.unsigned_abs(), place.width.into(), place.height.into()];
        divisor = lengths.into_iter().fold(divisor, gcd);
        if divisor * FINEST < stride {
            return (stride, OFF_LATTICE.min(stride));
        }
    }
    (divisor, 1)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Sums over the tiles of each cell. Lengths are in `1 / denominator` pixels, so that they are integers.
struct Sums {
    side: (u64, u64),
    columns: usize,
    rows: usize,
    score: Vec<f64>,
    area: Vec<f64>,
    failed: Vec<f64>,
    peaks: Vec<f32>,
    centres: Vec<bool>,
}

impl Sums {
    fn new(side: (u64, u64), columns: usize, rows: usize) -> Self {
        let cells = columns * rows;
        Self {
            side,
            columns,
            rows,
            score: vec![0.0; cells],
            area: vec![0.0; cells],
            failed: vec![0.0; cells],
            peaks: vec![f32::NAN; cells],
            centres: vec![false; cells],
        }
    }

    fn add(&mut self, slide: &ScoredSlide<'_>, tile: &ScoredTile<'_>) {
        let across = span(tile.place.minx, tile.place.width, slide.width);
        let down = span(tile.place.miny, tile.place.height, slide.height);
        let (Some(across), Some(down)) = (across, down) else { return };
        let score = tile.finite_score();
        let overlaps_across: Vec<_> = self.overlaps(across, slide.width).collect();
        for (row, height, whole_height, middle_row) in self.overlaps(down, slide.height).collect::<Vec<_>>() {
            for &(column, width, whole_width, middle_column) in &overlaps_across {
                let at = row * self.columns + column;
                let area = width as f64 * height as f64;
                let centre = middle_row && middle_column;
                self.centres[at] |= centre;
                let Some(score) = score else {
                    self.failed[at] += area;
                    continue;
                };
                self.score[at] += f64::from(score) * area;
                self.area[at] += area;
                if centre || area * 2.0 >= whole_width as f64 * whole_height as f64 {
                    // `max` ignores the NaN of a cell without a peak.
                    self.peaks[at] = self.peaks[at].max(score);
                }
            }
        }
    }

    /// The cells that a span touches: index, length of the overlap, length of the cell, and whether the middle is there.
    fn overlaps(&self, span: (u64, u64), limit: u64) -> impl Iterator<Item = (usize, u64, u64, bool)> + use<> {
        let (side, scale) = self.side;
        let (start, end) = (span.0 * scale, span.1 * scale);
        let middle = (start + end) / 2;
        (start / side..end.div_ceil(side)).map(move |index| {
            let (from, to) = (index * side, ((index + 1) * side).min(limit * scale));
            (index as usize, to.min(end) - from.max(start), to - from, (from..to).contains(&middle))
        })
    }

    /// A cell counts as covered if half of it is, or if the centre of a tile is in it.
    fn finish(self, slide: &ScoredSlide<'_>) -> (Vec<f32>, Vec<f32>) {
        let (side, scale) = self.side;
        let length = |index: usize, limit: u64| {
            let from = index as u64 * side;
            ((from + side).min(limit * scale) - from) as f64
        };
        let mut scores = vec![f32::NAN; self.columns * self.rows];
        for row in 0..self.rows {
            for column in 0..self.columns {
                let at = row * self.columns + column;
                let half = length(column, slide.width) * length(row, slide.height) / 2.0;
                if self.area[at] + self.failed[at] < half && !self.centres[at] {
                    continue;
                }
                let score = (self.score[at] / self.area[at]) as f32;
                scores[at] = if self.area[at] > 0.0 { score } else { f32::INFINITY };
            }
        }
        (scores, self.peaks)
    }
}

/// A tile's span within 0 to `limit`, if any.
fn span(start: i64, length: u32, limit: u64) -> Option<(u64, u64)> {
    let end = start.saturating_add(i64::from(length)).max(0).unsigned_abs().min(limit);
    let start = start.max(0).unsigned_abs().min(limit);
    (start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;
    use crate::heatmap::ScoreScale;

    fn tile(minx: i64, miny: i64, side: u32, score: Option<f32>) -> ScoredTile<'static> {
        let status = if score.is_some() { "ok" } else { "truncated: a reason" };
        ScoredTile { place: Place { minx, miny, width: side, height: side }, score, label: None, status }
    }

    fn slide<'a>(width: u64, height: u64, stride: u32, tiles: &'a [ScoredTile<'a>]) -> ScoredSlide<'a> {
        let scale = ScoreScale::probability(0.5);
        ScoredSlide {
            name: "s",
            width,
            height,
            mpp: 0.25,
            bounds: None,
            stride,
            scale,
            positive: "t",
            classes: &[],
            tiles,
        }
    }

    #[test]
    fn a_lattice_of_tiles_is_a_lattice_of_cells() {
        let tiles = [tile(0, 0, 527, Some(0.1)), tile(527, 527, 527, Some(0.9)), tile(1054, 0, 527, None)];
        let raster = Raster::new(&slide(1600, 1000, 527, &tiles));
        assert_eq!((raster.cell_side(), raster.columns(), raster.rows()), (527.0, 4, 2));
        assert_eq!(raster.cell(0, 0), Cell::Score(0.1));
        assert_eq!(raster.cell(1, 1), Cell::Score(0.9));
        assert_eq!(raster.cell(2, 0), Cell::Failed);
        assert_eq!([raster.cell(1, 0), raster.cell(3, 1), raster.cell(9, 9)], [Cell::Outside; 3]);
    }

    #[test]
    fn overlapping_tiles_are_averaged_by_area() {
        let tiles = [tile(0, 0, 512, Some(0.0)), tile(256, 0, 512, Some(1.0)), tile(512, 0, 512, None)];
        let raster = Raster::new(&slide(1024, 512, 256, &tiles));
        let cells: Vec<Cell> = (0..4).map(|column| raster.cell(column, 1)).collect();
        assert_eq!(cells, [Cell::Score(0.0), Cell::Score(0.5), Cell::Score(1.0), Cell::Failed]);
        assert_eq!(raster.peak(1, 0), Some(1.0));
    }

    #[test]
    fn tiles_off_the_lattice_are_right_to_an_eighth() {
        let tiles = [tile(0, 0, 527, Some(0.25)), tile(473, 0, 527, Some(0.75))];
        let raster = Raster::new(&slide(1000, 527, 527, &tiles));
        assert_eq!(raster.cell_side(), 131.75);
        assert_eq!(raster.cell(0, 0), Cell::Score(0.25));
        assert_eq!(raster.cell(7, 3), Cell::Score(0.75));
    }

    #[test]
    fn a_tile_smaller_than_a_cell_is_still_there() {
        let tiles = [tile(0, 0, 512, Some(0.0)), tile(1037, 3, 17, Some(1.0)), tile(1500, 100, 9, None)];
        let raster = Raster::new(&slide(2048, 512, 512, &tiles));
        assert_eq!(raster.cell(8, 0), Cell::Score(1.0));
        assert_eq!(raster.peak(8, 0), Some(1.0));
        assert_eq!(raster.cell(11, 0), Cell::Failed);
    }

    #[test]
    fn hostile_places_cost_nothing() {
        let tiles = [
            tile(i64::MIN, i64::MIN, u32::MAX, Some(1.0)),
            tile(i64::MAX, 0, u32::MAX, Some(1.0)),
            tile(-5, -5, 0, Some(1.0)),
            tile(-256, 0, 512, Some(0.75)),
        ];
        let raster = Raster::new(&slide(1024, 512, 256, &tiles));
        assert_eq!((raster.cell(0, 0), raster.cell(1, 0)), (Cell::Score(0.75), Cell::Outside));
        let raster = Raster::new(&slide(1 << 31, 1 << 31, 1, &[]));
        assert!(raster.scores().len() as u64 <= MOST_CELLS);
        let tiles = [tile(0, 0, u32::MAX, Some(0.5))];
        assert_eq!(Raster::new(&slide(1 << 31, 1 << 31, 1, &tiles)).cell(2000, 7), Cell::Score(0.5));
    }

    #[test]
    fn a_score_that_is_not_finite_is_a_failure() {
        let tiles = [tile(0, 0, 4, Some(f32::NAN)), tile(4, 0, 4, Some(f32::INFINITY)), tile(8, 0, 4, Some(-2.5))];
        let raster = Raster::new(&slide(12, 4, 4, &tiles));
        assert_eq!([0, 1, 2].map(|column| raster.cell(column, 0)), [Cell::Failed, Cell::Failed, Cell::Score(-2.5)]);
    }
}
