//! A depth over a window, interpolated from a lattice that is the same for each window.

use crate::data::synth::field::mix;
use crate::data::synth::tissue::Window;

/// Pixels between the points of the lattice. Outlines are smooth over this distance.
const SPACING: i32 = 8;

/// A smooth function over a window.
#[derive(Debug)]
pub(super) struct DepthMap {
    left: i32,
    top: i32,
    columns: usize,
    values: Vec<f32>,
}

impl DepthMap {
    pub(super) fn new(window: Window, depth: impl Fn(f32, f32) -> f32) -> Self {
        let (left, top) = (window.left.div_euclid(SPACING), window.top.div_euclid(SPACING));
        let count = |first: i32, start: i32, length: usize| {
            ((start + length as i32 - 1).div_euclid(SPACING) - first + 2) as usize
        };
        let (columns, rows) = (count(left, window.left, window.width), count(top, window.top, window.height));
        let at = |index: usize| {
            let (x, y) = (left + (index % columns) as i32, top + (index / columns) as i32);
            depth((x * SPACING) as f32, (y * SPACING) as f32)
        };
        Self { left, top, columns, values: (0..columns * rows).map(at).collect() }
    }

    /// The value at a pixel of the window.
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        let (x, y) = (x / SPACING as f32 - self.left as f32, y / SPACING as f32 - self.top as f32);
        let (column, row) = (x as usize, y as usize);
        let (u, v) = (x - column as f32, y - row as f32);
        let first = row * self.columns + column;
        let upper = mix(self.values[first], self.values[first + 1], u);
        let lower = mix(self.values[first + self.columns], self.values[first + self.columns + 1], u);
        mix(upper, lower, v)
    }

    /// The largest value of the lattice.
    pub(super) fn highest(&self) -> f32 {
        self.values.iter().copied().fold(f32::MIN, f32::max)
    }

    /// The smallest value of the lattice.
    pub(super) fn lowest(&self) -> f32 {
        self.values.iter().copied().fold(f32::MAX, f32::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_share_their_values() {
        let depth = |x: f32, y: f32| 0.25 * x - 0.5 * y + 3.0;
        let whole = DepthMap::new(Window { left: -3, top: -11, width: 70, height: 90 }, depth);
        let part = DepthMap::new(Window { left: 5, top: 16, width: 9, height: 1 }, depth);
        for x in 5..14 {
            assert_eq!(part.at(x as f32, 16.0), whole.at(x as f32, 16.0));
            assert!((whole.at(x as f32, -11.0) - depth(x as f32, -11.0)).abs() < 1e-4);
        }
        assert!(part.lowest() <= part.at(9.0, 16.0) && part.highest() >= part.at(9.0, 16.0));
    }
}
