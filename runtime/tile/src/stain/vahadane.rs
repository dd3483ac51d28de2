//! Vahadane and others, "Structure-preserving color normalization and sparse stain separation for histological images"
//! (IEEE Transactions on Medical Imaging 2016): densities are non-negative amounts of two stains, and most pixels contain
//! little of one of the two. Colours and amounts are computed alternately; each pixel's two amounts have a closed form, so
//! nothing is random and nothing depends on a solver.

use super::matrix::{dot, unit};
use super::optical::Densities;
use super::pair::{RUIFROK, StainPair};
use super::tissue::tissue;

/// Limit of the tissue pixels used to find the colours.
const LIMIT: usize = 4096;

/// Iterations. The colours change by less than a thousandth after some thirty.
const ROUNDS: usize = 50;

/// Penalty of amounts while colours are computed (the paper's lambda): the higher, the fewer pixels contain both stains.
const SPARSITY: f64 = 0.1;

/// Finds the stains of a tile, `[256, 256, 3]`; `None` if there is too little tissue, or the stains cannot be
/// distinguished.
pub(super) fn stains(pixels: &[u8]) -> Option<StainPair> {
    let tissue = tissue(pixels, LIMIT)?;
    let mut colours = [RUIFROK[0], RUIFROK[1]];
    for _ in 0..ROUNDS {
        colours = next(&colours, &tissue);
    }
    StainPair::new(colours, &tissue)
}

/// Returns better colours for these densities: each in turn is the best fit with the other one fixed (Mairal and others,
/// 2010), without its negative part, at length 1. A stain that no pixel contains keeps its colour.
fn next(colours: &[[f64; 3]; 2], tissue: &[[f64; 3]]) -> [[f64; 3]; 2] {
    let mut squares = [[0.0; 2]; 2];
    let mut products = [[0.0; 3]; 2];
    for density in tissue {
        let amounts = amounts(colours, density, SPARSITY);
        for stain in 0..2 {
            (0..2).for_each(|other| squares[stain][other] += amounts[stain] * amounts[other]);
            (0..3).for_each(|channel| products[stain][channel] += amounts[stain] * density[channel]);
        }
    }
    let mut better = *colours;
    for stain in 0..2 {
        let other = 1 - stain;
        if squares[stain][stain] > 1e-9 {
            let value =
                |channel: usize| (products[stain][channel] - squares[stain][other] * better[other][channel]).max(0.0);
            better[stain] = unit(std::array::from_fn(value)).unwrap_or(better[stain]);
        }
    }
    better
}

/// Returns the two non-negative amounts that minimise `|density - amounts * colours|^2 / 2 + cost * (sum of the amounts)`.
/// Colours have length 1.
fn amounts(colours: &[[f64; 3]; 2], density: &[f64; 3], cost: f64) -> [f64; 2] {
    let alike = dot(&colours[0], &colours[1]);
    let alone = [dot(&colours[0], density) - cost, dot(&colours[1], density) - cost];
    let determinant = (1.0 - alike * alike).max(1e-9);
    let both = [(alone[0] - alike * alone[1]) / determinant, (alone[1] - alike * alone[0]) / determinant];
    if both[0] >= 0.0 && both[1] >= 0.0 {
        return both;
    }
    // The function is convex, so the minimum is on an edge: that of the stain that explains more.
    if alone[0] > alone[1] { [alone[0].max(0.0), 0.0] } else { [0.0, alone[1].max(0.0)] }
}

/// Replaces the stains of every pixel: non-negative amounts of `own`, in the colours and strength of `target`.
pub(super) fn transform(pixels: &mut [u8], own: &StainPair, target: &StainPair) {
    let densities = Densities::get();
    let gains = own.gains(target);
    let scaled: [[f64; 3]; 2] = [0, 1].map(|stain| target.stains[stain].map(|density| density * gains[stain]));
    for pixel in pixels.chunks_exact_mut(3) {
        let [h, e] = amounts(&own.stains, &densities.pixel_densities(pixel).map(f64::from), 0.0);
        for (channel, value) in pixel.iter_mut().enumerate() {
            *value = densities.value((h * scaled[0][channel] + e * scaled[1][channel]) as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The function that [`amounts`] minimises.
    fn cost(colours: &[[f64; 3]; 2], density: &[f64; 3], price: f64, [h, e]: [f64; 2]) -> f64 {
        let left = |channel: usize| density[channel] - h * colours[0][channel] - e * colours[1][channel];
        (0..3).map(|channel| left(channel).powi(2)).sum::<f64>() / 2.0 + price * (h + e)
    }

    #[test]
    fn no_other_amounts_fit_better() {
        let colours = [0, 1].map(|stain| unit(RUIFROK[stain]).unwrap_or_default());
        let densities =
            [[0.9, 1.2, 0.4], [0.05, 0.9, 0.1], [1.0, 0.3, 0.2], [0.0, 0.0, 0.0], [0.02, 0.1, 0.6], [2.0, 3.0, 1.0]];
        for density in densities {
            for price in [0.0, 0.1] {
                let found = amounts(&colours, &density, price);
                let least = cost(&colours, &density, price, found);
                for at in 0..10_000 {
                    let other = [f64::from(at % 100) * 0.05, f64::from(at / 100) * 0.05];
                    assert!(cost(&colours, &density, price, other) >= least - 1e-12, "{density:?} {found:?} {other:?}");
                }
            }
        }
    }
}
