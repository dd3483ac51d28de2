//! Resampling of a window of a level to a tile. Reduction is the exact area average: each pixel of the tile is the mean of
//! the area of the level that it covers, with fractions of pixels at the borders of that area. Neighbouring windows share
//! no area and leave none out. Rows are taken one by one, so that a strong reduction needs no large buffer.

use kiln_tile::{SIDE, TILE_BYTES};

/// Pixels along one side of a tile.
const SIDE_PIXELS: usize = SIDE as usize;

/// A range of a level along one axis, in pixels of the level, with fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) start: f64,
    pub(crate) length: f64,
}

impl Range {
    /// The whole pixels that the range touches: the first one and their number.
    pub(crate) fn pixels(self) -> (i64, u32) {
        // A border that misses a pixel's border by less than this is that border.
        const ROUNDING: f64 = 1e-6;
        let (first, end) = ((self.start + ROUNDING).floor(), (self.start + self.length - ROUNDING).ceil());
        (first as i64, (end - first).max(1.0) as u32)
    }

    /// The share of pixel `pixel` (relative to the level) that part `part` of [`SIDE`] equal parts covers.
    fn overlap(self, part: usize, pixel: f64) -> f64 {
        let step = self.length / f64::from(SIDE);
        let (start, end) = (self.start + part as f64 * step, self.start + (part + 1) as f64 * step);
        (end.min(pixel + 1.0) - start.max(pixel)).max(0.0)
    }
}

/// For each pixel of the tile along one axis: the first pixel of the source, and the weights of it and its followers,
/// whose sum is 1.
struct Weights(Vec<(usize, Vec<f32>)>);

impl Weights {
    fn area(range: Range) -> Self {
        let (first, count) = range.pixels();
        let step = range.length / f64::from(SIDE);
        let part = |part: usize| {
            let start = range.start + part as f64 * step - first as f64;
            let begin = (start.floor().max(0.0) as usize).min(count as usize - 1);
            let end = ((start + step).ceil().max(0.0) as usize).clamp(begin + 1, count as usize);
            let weights: Vec<f64> =
                (begin..end).map(|pixel| range.overlap(part, first as f64 + pixel as f64)).collect();
            let sum: f64 = weights.iter().sum();
            let weights =
                if sum > 0.0 { weights.iter().map(|weight| (weight / sum) as f32).collect() } else { vec![1.0] };
            (begin, weights)
        };
        Self((0..SIDE_PIXELS).map(part).collect())
    }

    fn bilinear(range: Range, first: i64, count: u32) -> Self {
        let step = range.length / f64::from(SIDE);
        let part = |part: usize| {
            let centre = range.start + (part as f64 + 0.5) * step - 0.5 - first as f64;
            let last = f64::from(count - 1);
            let (centre, begin) = (centre.clamp(0.0, last), centre.clamp(0.0, last).floor());
            let share = (centre - begin) as f32;
            let weights = if begin < last { vec![1.0 - share, share] } else { vec![1.0] };
            (begin as usize, weights)
        };
        Self((0..SIDE_PIXELS).map(part).collect())
    }
}

/// Makes a tile of the rows of a window of a level, which arrive from the top.
pub(crate) struct Resampler {
    columns: Weights,
    rows: Weights,
    /// Index of the next source row.
    next: usize,
    /// First row of the tile that is not complete.
    row: usize,
    /// Sums of the incomplete rows of the tile, in source columns.
    sums: std::collections::VecDeque<Vec<f32>>,
    width: usize,
    tile: Vec<u8>,
}

impl Resampler {
    /// Averages the area of the window `x`, `y`. Its source is the pixels that it touches ([`Range::pixels`]).
    pub(crate) fn area(x: Range, y: Range) -> Self {
        Self::new(Weights::area(x), Weights::area(y), x.pixels().1)
    }

    /// Interpolates between the centres of pixels. The source is `count` pixels from pixel `first` on, along each axis.
    pub(crate) fn bilinear(x: Range, y: Range, (first_x, count_x): (i64, u32), (first_y, count_y): (i64, u32)) -> Self {
        Self::new(Weights::bilinear(x, first_x, count_x), Weights::bilinear(y, first_y, count_y), count_x)
    }

    fn new(columns: Weights, rows: Weights, width: u32) -> Self {
        let tile = Vec::with_capacity(TILE_BYTES);
        Self { columns, rows, next: 0, row: 0, sums: std::collections::VecDeque::new(), width: width as usize, tile }
    }

    /// Takes the next rows, `[rows, width, 3]`.
    pub(crate) fn push(&mut self, rgb: &[u8]) {
        for source in rgb.chunks_exact(3 * self.width) {
            self.push_row(source);
        }
    }

    fn push_row(&mut self, source: &[u8]) {
        let mut row = self.row;
        while let Some((first, weights)) = self.rows.0.get(row).filter(|(first, _)| *first <= self.next) {
            if self.sums.len() <= row - self.row {
                self.sums.push_back(vec![0.0; source.len()]);
            }
            if let Some(weight) = weights.get(self.next - first) {
                let sums = &mut self.sums[row - self.row];
                sums.iter_mut().zip(source).for_each(|(sum, value)| *sum += weight * f32::from(*value));
            }
            row += 1;
        }
        self.next += 1;
        while self.rows.0.get(self.row).is_some_and(|(first, weights)| first + weights.len() <= self.next) {
            if let Some(sums) = self.sums.pop_front() {
                self.finish_row(&sums);
            }
            self.row += 1;
        }
    }

    fn finish_row(&mut self, sums: &[f32]) {
        for (first, weights) in &self.columns.0 {
            let mut mean = [0.5_f32; 3];
            for (pixel, weight) in sums[3 * first..].chunks_exact(3).zip(weights) {
                mean.iter_mut().zip(pixel).for_each(|(mean, value)| *mean += weight * value);
            }
            // Rounds half up; `as` saturates.
            self.tile.extend(mean.map(|mean| mean as u8));
        }
    }

    /// Returns the tile, `[256, 256, 3]`. It is shorter if rows are missing.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.tile
    }
}
