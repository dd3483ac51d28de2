//! Macenko and others, "A method for normalizing histology slides for quantitative analysis" (ISBI 2009): two stains span
//! a plane in optical density, and their colours are the outermost directions in it.

use super::eigen::symmetric;
use super::matrix::{Matrix, dot, unit};
use super::pair::StainPair;
use super::quantile::quantile;
use super::tissue::tissue;

/// Limit of the tissue pixels used: more do not change the percentiles.
const LIMIT: usize = 16_384;

/// Percentiles of the angle that are the outermost directions (the paper's alpha of 1), so that stray pixels do not count.
const OUTERMOST: [f64; 2] = [0.01, 0.99];

/// Finds the stains of a tile, `[256, 256, 3]`; `None` if there is too little tissue, or the stains cannot be
/// distinguished.
pub(super) fn stains(pixels: &[u8]) -> Option<StainPair> {
    let tissue = tissue(pixels, LIMIT)?;
    let mean = mean(&tissue);
    let [(_, first), (_, second), _] = symmetric(covariance(&tissue, &mean));
    // The basis of the plane along the mean, so that no angle is near the wrap-around.
    let (along, across) = (dot(&mean, &first), dot(&mean, &second));
    let ahead = unit(combined(&first, along, &second, across))?;
    let aside = unit(combined(&first, -across, &second, along))?;
    let mut angles: Vec<f64> =
        tissue.iter().map(|density| libm::atan2(dot(density, &aside), dot(density, &ahead))).collect();
    let colours = OUTERMOST.map(|part| {
        let angle = quantile(&mut angles, part);
        combined(&ahead, libm::cos(angle), &aside, libm::sin(angle))
    });
    StainPair::new(colours, &tissue)
}

fn mean(rows: &[[f64; 3]]) -> [f64; 3] {
    let sum = rows.iter().fold([0.0; 3], |sum: [f64; 3], row| std::array::from_fn(|at| sum[at] + row[at]));
    sum.map(|value| value / rows.len() as f64)
}

fn covariance(rows: &[[f64; 3]], mean: &[f64; 3]) -> Matrix {
    let mut sums: Matrix = [[0.0; 3]; 3];
    for row in rows {
        let distance: [f64; 3] = std::array::from_fn(|at| row[at] - mean[at]);
        for (sums, own) in sums.iter_mut().zip(distance) {
            sums.iter_mut().zip(distance).for_each(|(sum, other)| *sum += own * other);
        }
    }
    sums.map(|sums| sums.map(|sum| sum / rows.len() as f64))
}

fn combined(a: &[f64; 3], of_a: f64, b: &[f64; 3], of_b: f64) -> [f64; 3] {
    std::array::from_fn(|at| of_a * a[at] + of_b * b[at])
}
