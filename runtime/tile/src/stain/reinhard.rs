//! Reinhard and others, "Color transfer between images" (IEEE Computer Graphics and Applications 2001): in the colour
//! space lαβ, whose axes are decorrelated, a tile gets the target's mean and standard deviation on each axis. The method
//! needs only sums, logarithms and exponentials, so it can be part of a graph.
//!
//! Two details differ from the paper, which does not cover slides. Statistics are of tissue only: with glass included, a
//! tile of half tissue would be darkened until its mean matched the target's. And glass is not changed. Both use one
//! weight, which fades from 1 in tissue to 0 in glass, so that no edge appears between the two.

use serde::{Deserialize, Serialize};

use super::gain::gain;
use super::matrix::{Matrix, inverse, product, transposed};
use super::quantile::medians;
use super::tissue::{LEAST_TISSUE, PIXELS};

/// Mean and standard deviation of the tissue of a tile on the axes l, α and β, with logarithms to base 10.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColourStatistics {
    /// Means.
    pub mean: [f64; 3],
    /// Standard deviations.
    pub deviation: [f64; 3],
}

/// The paper's matrix from RGB (columns) to the response of the eye's cones, LMS.
pub const CONES: Matrix = [[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]];

/// Largest sum of the channels of a tissue pixel: a mean of 215.
pub const TISSUE: f32 = 645.0;
/// Smallest sum of the channels of a glass pixel: a mean of 235.
pub const GLASS: f32 = 705.0;

/// The matrices from a pixel `v` to lαβ and back: `lαβ = opponent · ln(cones · (v + 1) / 256)` and
/// `v = 256 · cones_back · exp(opponent_back · lαβ) - 1`. One is added, as for optical density, so that black has a
/// logarithm. Matrices act on columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColourSpace {
    /// RGB to LMS.
    pub cones: Matrix,
    /// Natural logarithms of LMS to lαβ of logarithms to base 10.
    pub opponent: Matrix,
    /// lαβ to natural logarithms of LMS.
    pub opponent_back: Matrix,
    /// LMS to RGB.
    pub cones_back: Matrix,
}

impl ColourSpace {
    /// Returns Ruderman's lαβ as in the paper.
    #[must_use]
    pub fn lab() -> Self {
        let root = |number: f64| 1.0 / number.sqrt();
        let scale = [[root(3.0), 0.0, 0.0], [0.0, root(6.0), 0.0], [0.0, 0.0, root(2.0)]];
        let axes = product(&scale, &[[1.0, 1.0, 1.0], [1.0, 1.0, -2.0], [1.0, -1.0, 0.0]]);
        let ln_10 = std::f64::consts::LN_10;
        Self {
            cones: CONES,
            opponent: axes.map(|row| row.map(|value| value / ln_10)),
            // The axes are orthonormal.
            opponent_back: transposed(&axes).map(|row| row.map(|value| value * ln_10)),
            // This constant matrix is invertible.
            cones_back: inverse(&CONES).unwrap_or(CONES),
        }
    }
}

/// Returns the weight of a pixel as tissue, 0 to 1.
fn weight(pixel: &[u8]) -> f32 {
    let sum: f32 = pixel.iter().map(|value| f32::from(*value)).sum();
    ((GLASS - sum) / (GLASS - TISSUE)).clamp(0.0, 1.0)
}

/// Multiplies a matrix and a column.
fn through(matrix: &[[f32; 3]; 3], column: [f32; 3]) -> [f32; 3] {
    matrix.map(|row| row[0] * column[0] + row[1] * column[1] + row[2] * column[2])
}

fn single(matrix: &Matrix) -> [[f32; 3]; 3] {
    matrix.map(|row| row.map(|value| value as f32))
}

/// Returns lαβ of every pixel.
fn lab(pixels: &[u8]) -> Vec<[f32; 3]> {
    let space = ColourSpace::lab();
    let (cones, opponent) = (single(&space.cones), single(&space.opponent));
    let lab_of = |pixel: &[u8]| {
        let light = [pixel[0], pixel[1], pixel[2]].map(|value| (f32::from(value) + 1.0) / 256.0);
        through(&opponent, through(&cones, light).map(libm::logf))
    };
    pixels.chunks_exact(3).map(lab_of).collect()
}

impl ColourStatistics {
    /// Computes the statistics of a tile, `[256, 256, 3]`; `None` if it has too little tissue.
    pub(super) fn from_pixels(pixels: &[u8]) -> Option<Self> {
        debug_assert_eq!(pixels.len(), 3 * PIXELS);
        Self::over(&lab(pixels), pixels)
    }

    fn over(lab: &[[f32; 3]], pixels: &[u8]) -> Option<Self> {
        let (mut weights, mut sums, mut squares) = (0.0_f64, [0.0_f64; 3], [0.0_f64; 3]);
        for (place, pixel) in lab.iter().zip(pixels.chunks_exact(3)) {
            let weight = f64::from(weight(pixel));
            weights += weight;
            for (axis, value) in place.map(f64::from).into_iter().enumerate() {
                sums[axis] += weight * value;
                squares[axis] += weight * value * value;
            }
        }
        if weights < LEAST_TISSUE as f64 {
            return None;
        }
        let mean = sums.map(|sum| sum / weights);
        let deviation = std::array::from_fn(|axis| (squares[axis] / weights - mean[axis] * mean[axis]).max(0.0).sqrt());
        Some(Self { mean, deviation })
    }

    /// Returns the median of each statistic.
    pub(super) fn median(all: &[Self]) -> Self {
        Self {
            mean: medians(&all.iter().map(|tile| tile.mean).collect::<Vec<_>>()),
            deviation: medians(&all.iter().map(|tile| tile.deviation).collect::<Vec<_>>()),
        }
    }

    /// Gives the tissue of a tile, `[256, 256, 3]`, these statistics. A tile with too little tissue is not changed.
    pub(super) fn apply(&self, pixels: &mut [u8]) {
        let lab = lab(pixels);
        let Some(own) = Self::over(&lab, pixels) else { return };
        let space = ColourSpace::lab();
        let (back, light) = (single(&space.opponent_back), single(&space.cones_back));
        let gains: [f32; 3] = std::array::from_fn(|axis| gain(self.deviation[axis], own.deviation[axis]) as f32);
        let (from, to) = (own.mean.map(|value| value as f32), self.mean.map(|value| value as f32));
        for (place, pixel) in lab.iter().zip(pixels.chunks_exact_mut(3)) {
            let weight = weight(pixel);
            if weight <= 0.0 {
                continue;
            }
            let moved = std::array::from_fn(|axis| (place[axis] - from[axis]) * gains[axis] + to[axis]);
            let normalised = through(&light, through(&back, moved).map(libm::expf));
            for (value, light) in pixel.iter_mut().zip(normalised) {
                let before = f32::from(*value);
                let after = before + weight * ((256.0 * light - 1.0).clamp(0.0, 255.0) - before);
                *value = after.round_ties_even() as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_space_is_the_papers() {
        let space = ColourSpace::lab();
        // Equation 8 of the paper, whose own inverse is rounded.
        let published = [[4.4679, -3.5873, 0.1193], [-1.2186, 2.3809, -0.1624], [0.0497, -0.2439, 1.2045]];
        for (found, row) in space.cones_back.iter().flatten().zip(published.iter().flatten()) {
            assert!((found - row).abs() < 2e-2, "{found} {row}");
        }
        let round = product(&space.opponent, &space.opponent_back);
        for (at, value) in round.iter().flatten().enumerate() {
            assert!((value - f64::from(u8::from(at % 4 == 0))).abs() < 1e-12);
        }
        // White is 0 on all axes but for the rounding of the paper's matrix; grey has no colour.
        assert!(lab(&[255; 3])[0].iter().all(|value| value.abs() < 2e-3), "{:?}", lab(&[255; 3]));
        assert!(lab(&[90; 3])[0][1..].iter().all(|value| value.abs() < 2e-3));
    }
}
