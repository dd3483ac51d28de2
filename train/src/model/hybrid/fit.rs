//! Fits a hybrid's score after training: the distribution of normal training tiles in the latent space, and the weight of
//! each part of the score, by logistic regression on the validation split.

use burn::tensor::Tensor;
use kiln_tile::{ScorePart, ScoreRule};
use ndarray_of_linfa::{Array1, Array2, Axis};

use super::{Hybrid, PARTS, PartWeights};
use crate::metrics::logistic;
use crate::model::FitTiles;
use crate::model::tensors::{read, tile_tensor};
use crate::{Error, Result};

/// Number of parts.
const N: usize = PARTS.len();

/// Largest weight of each part. Backends differ in error and distance by about 1e-6, and the logistic function's slope is at most
/// 1/4, so at these weights they differ in the score by half of its tolerance, 1e-5. In log-odds behind a backbone they differ
/// by some 1e-6; a trained classifier's have a weight of about 1.
const LARGEST_WEIGHTS: [f64; N] = [5.0, 20.0, 20.0];

/// The model with its score fitted, and the rule that describes the score.
///
/// # Errors
/// A tile that cannot be decoded; a validation split of one class.
pub(super) fn fitted(hybrid: Hybrid, tiles: &FitTiles<'_>) -> Result<(Hybrid, ScoreRule)> {
    let normal = (tiles.normal)()?;
    let latents = normal
        .epoch(0, 0)
        .map(|batch| Ok(hybrid.latent_means(tiles.preprocessing.apply(tile_tensor(batch?.pixels, tiles.device)))));
    let combination = hybrid.combination.around(Tensor::cat(latents.collect::<Result<Vec<_>>>()?, 0));
    let hybrid = hybrid.combining(combination);
    let (parts, anomalous) = parts(&hybrid, tiles)?;
    let weights = fit(&parts, &anomalous)?;
    let combination = hybrid.combination.weighing(weights);
    let part = |(name, weight): (&&str, f64)| ScorePart { name: (*name).to_owned(), weight };
    let rule = ScoreRule {
        rule: "logistic".to_owned(),
        parts: PARTS.iter().zip(weights.of_parts).map(part).collect(),
        intercept: weights.intercept,
        fitted_on: format!("validation split, {} tiles", tiles.val.tiles()),
    };
    Ok((hybrid.combining(combination), rule))
}

/// The parts of the score of all validation tiles, and whether each is anomalous.
fn parts(hybrid: &Hybrid, tiles: &FitTiles<'_>) -> Result<(Array2<f64>, Vec<bool>)> {
    let (mut values, mut anomalous) = (Vec::new(), Vec::new());
    for batch in tiles.val.epoch(0, 0) {
        let batch = batch?;
        let input = tiles.preprocessing.apply(tile_tensor(batch.pixels, tiles.device));
        let parts = hybrid.parts_of_score(input, tiles.classes.normal);
        values.extend(read(parts.into_data())?);
        anomalous.extend(batch.labels.iter().map(|class| tiles.classes.is_anomalous(*class)));
    }
    let rows = Array2::from_shape_vec([anomalous.len(), N], values).map_err(failed)?;
    Ok((rows, anomalous))
}

/// Weights of a logistic regression on standardised parts, with an L2 penalty of 1. More of any part must never lower
/// the score, so a part whose weight would be negative is left out, and the others are fitted again.
fn fit(parts: &Array2<f64>, anomalous: &[bool]) -> Result<PartWeights> {
    let mean = parts.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(N));
    let deviation = parts.std_axis(Axis(0), 0.0).mapv(|value| if value > 1e-9 { value } else { 1.0 });
    let standard = (parts - &mean) / &deviation;
    let mut used: Vec<usize> = (0..N).collect();
    loop {
        let (weights, intercept) = regression(standard.select(Axis(1), &used), anomalous)?;
        let lowest = weights.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        match lowest {
            Some((at, weight)) if weight < 0.0 => drop(used.remove(at)),
            _ => return Ok(in_units(&used, &weights, intercept, &mean, &deviation)),
        }
    }
}

/// Converts the weights of standardised parts to weights of the parts.
fn in_units(
    used: &[usize],
    weights: &[f64],
    intercept: f64,
    mean: &Array1<f64>,
    deviation: &Array1<f64>,
) -> PartWeights {
    let mut of_parts = [0.0; N];
    let mut shifted = intercept;
    for (part, weight) in used.iter().zip(weights) {
        of_parts[*part] = weight / deviation[*part];
        shifted -= of_parts[*part] * mean[*part];
    }
    bounded(PartWeights { of_parts, intercept: shifted })
}

/// The same order of tiles by weights of at most [`LARGEST_WEIGHTS`]. A part that hardly varies, such as the log-odds of a
/// classifier after its first epoch, would get a weight in the hundreds, and the score would show its rounding errors.
fn bounded(weights: PartWeights) -> PartWeights {
    let excess = weights.of_parts.iter().zip(LARGEST_WEIGHTS).map(|(weight, largest)| weight / largest);
    let factor = 1.0 / excess.fold(1.0, f64::max);
    PartWeights { of_parts: weights.of_parts.map(|weight| weight * factor), intercept: weights.intercept * factor }
}

fn regression(rows: Array2<f64>, anomalous: &[bool]) -> Result<(Vec<f64>, f64)> {
    if rows.ncols() == 0 {
        return Err(failed("no part of the score is higher on anomalous tiles of the validation split"));
    }
    logistic(rows, anomalous).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Config {
        origin: "model.score: combined".to_owned(),
        reason: format!("the weights of the score cannot be fitted: {error}; model.score=probability needs none"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::data::random;

    /// The first part is higher on anomalous tiles, the second independent, the third lower.
    fn tiles() -> (Array2<f64>, Vec<bool>) {
        let mut rng = random::stream(3, b"test    ", 0, 0);
        let anomalous: Vec<bool> = (0..400).map(|at| at % 2 == 1).collect();
        let row = |anomalous: &bool| {
            let shift = if *anomalous { 1.0 } else { -1.0 };
            let noise = [0, 1, 2].map(|_| f64::from(random::normal(&mut rng)));
            [10.0 + 5.0 * (shift + noise[0]), noise[1] - 4.0, noise[2] - 0.5 * shift]
        };
        (Array2::from(anomalous.iter().map(row).collect::<Vec<_>>()), anomalous)
    }

    #[test]
    fn a_part_that_is_lower_on_anomalies_has_no_weight() {
        let (parts, anomalous) = tiles();
        let weights = fit(&parts, &anomalous).unwrap();
        assert!(weights.of_parts[0] > 0.2, "{weights:?}");
        assert_eq!(weights.of_parts[2], 0.0);
    }

    #[test]
    fn the_combination_is_calibrated() {
        let (parts, anomalous) = tiles();
        let weights = fit(&parts, &anomalous).unwrap();
        let log_odds = parts.dot(&Array1::from(weights.of_parts.to_vec())) + weights.intercept;
        let mean = log_odds.mapv(|odds| 1.0 / (1.0 + (-odds).exp())).mean().unwrap();
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        // A shift of 2 at a deviation of 1: log-odds of 2 a deviation.
        assert!((weights.of_parts[0] * 5.0 - 2.0).abs() < 0.5, "{weights:?}");
        assert_eq!(anomalous.iter().filter(|anomalous| **anomalous).count(), 200);
    }

    #[test]
    fn a_part_that_hardly_varies_is_not_amplified_and_the_order_of_tiles_stays() {
        let (mut parts, anomalous) = tiles();
        let whole = fit(&parts, &anomalous).unwrap();
        parts.column_mut(0).mapv_inplace(|value| value / 1e4);
        let faint = fit(&parts, &anomalous).unwrap();
        assert!((faint.of_parts[0] - LARGEST_WEIGHTS[0]).abs() < 1e-9, "{faint:?}");
        let ratio = |weights: &PartWeights| weights.intercept / weights.of_parts[0];
        assert!((ratio(&faint) * 1e4 - ratio(&whole)).abs() < 1e-3, "{faint:?} {whole:?}");
    }

    #[test]
    fn a_validation_split_of_one_class_is_refused_with_the_key() {
        let (parts, _) = tiles();
        let error = fit(&parts, &[true; 400]).unwrap_err().to_string();
        assert!(error.contains("model.score"), "{error}");
    }
}
