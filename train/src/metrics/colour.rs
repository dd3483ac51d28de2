//! The colour baseline: a logistic regression on the mean and standard deviation of each channel. Stains and scanners
//! cause colour differences that have nothing to do with tissue, so a model's AUROC must be compared with this baseline.
//! Fitted by `linfa-logistic`; the result is six weights and an intercept.

use kiln_tile::Tile;
use ndarray_of_linfa::Array2;
use serde::{Deserialize, Serialize};

use super::{MetricsError, logistic};

/// Number of colour features of a tile.
pub const COLOUR_FEATURES: usize = 6;

/// The features of one tile.
type Row = [f64; COLOUR_FEATURES];

/// Logistic regression on standardised colour features, L2 penalty 1 (`C = 1` in scikit-learn's terms).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColourBaseline {
    mean: Row,
    deviation: Row,
    weights: Row,
    intercept: f64,
}

/// Means of red, green and blue, then their standard deviations, each in `0..=1`.
#[must_use]
pub fn colour_features(tile: &Tile) -> Row {
    let (mut sums, mut squares) = ([0_u64; 3], [0_u64; 3]);
    let (pixels, _) = tile.pixels().as_chunks::<3>();
    for pixel in pixels {
        for (channel, &value) in pixel.iter().enumerate() {
            sums[channel] += u64::from(value);
            squares[channel] += u64::from(value) * u64::from(value);
        }
    }
    let count = pixels.len() as f64;
    let mut features = [0.0; COLOUR_FEATURES];
    for channel in 0..3 {
        let mean = sums[channel] as f64 / count;
        let variance = squares[channel] as f64 / count - mean * mean;
        features[channel] = mean / 255.0;
        features[channel + 3] = variance.max(0.0).sqrt() / 255.0;
    }
    features
}

impl ColourBaseline {
    /// Fits to one row of [`colour_features`] and one label for each tile.
    ///
    /// # Errors
    /// No rows, one class only, a feature that is not finite, or different numbers of labels and rows.
    pub fn fit(features: &[Row], anomalous: &[bool]) -> Result<Self, MetricsError> {
        check_features(features, anomalous)?;
        let (mean, deviation) = moments(features);
        let rows: Vec<Row> = features.iter().map(|row| standardised(row, &mean, &deviation)).collect();
        let (fitted, intercept) = logistic(Array2::from(rows), anomalous)?;
        let mut weights = [0.0; COLOUR_FEATURES];
        weights.iter_mut().zip(fitted).for_each(|(weight, value)| *weight = value);
        Ok(Self { mean, deviation, weights, intercept })
    }

    /// The probability that a tile with these features is anomalous.
    #[must_use]
    pub fn score(&self, features: &Row) -> f64 {
        let row = standardised(features, &self.mean, &self.deviation);
        let logit: f64 = self.weights.iter().zip(row).map(|(weight, value)| weight * value).sum();
        1.0 / (1.0 + (-(logit + self.intercept)).exp())
    }

    /// Scores of all tiles by cross-validation: each tile is scored by a baseline that was fitted to the other folds. Folds
    /// are made of whole groups, stratified by class. For data without a training split.
    ///
    /// # Errors
    /// As [`ColourBaseline::fit`], on the remaining folds.
    pub fn out_of_fold(
        features: &[Row],
        anomalous: &[bool],
        groups: &[String],
        folds: usize,
    ) -> Result<Vec<f64>, MetricsError> {
        check_features(features, anomalous)?;
        if groups.len() != features.len() {
            return Err(MetricsError::Length { found: groups.len(), of: "groups", expected: features.len() });
        }
        let fold_of = assign_folds(anomalous, groups, folds.max(2));
        let mut scores = vec![0.0; features.len()];
        for fold in 0..folds.max(2) {
            let held_out: Vec<usize> = (0..features.len()).filter(|&tile| fold_of[tile] == fold).collect();
            if held_out.is_empty() {
                continue;
            }
            let rest = || (0..features.len()).filter(|&tile| fold_of[tile] != fold);
            let rows: Vec<_> = rest().map(|tile| features[tile]).collect();
            let labels: Vec<_> = rest().map(|tile| anomalous[tile]).collect();
            let baseline = Self::fit(&rows, &labels)?;
            held_out.into_iter().for_each(|tile| scores[tile] = baseline.score(&features[tile]));
        }
        Ok(scores)
    }
}

/// Assigns groups to folds in turn, those with a larger fraction of anomalous tiles first, so that each fold has both
/// classes.
pub(crate) fn assign_folds(anomalous: &[bool], groups: &[String], folds: usize) -> Vec<usize> {
    let mut shares = std::collections::BTreeMap::<&str, (usize, usize)>::new();
    for (group, &anomalous) in groups.iter().zip(anomalous) {
        let share = shares.entry(group).or_default();
        share.0 += usize::from(anomalous);
        share.1 += 1;
    }
    let mut order: Vec<(&str, f64)> =
        shares.into_iter().map(|(group, (part, all))| (group, part as f64 / all as f64)).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    let fold: std::collections::BTreeMap<&str, usize> =
        order.into_iter().enumerate().map(|(at, (group, _))| (group, at % folds)).collect();
    groups.iter().map(|group| fold[group.as_str()]).collect()
}

fn check_features(features: &[Row], anomalous: &[bool]) -> Result<(), MetricsError> {
    let n = features.len();
    if n != anomalous.len() {
        return Err(MetricsError::Length { found: anomalous.len(), of: "labels", expected: n });
    }
    if let Some(tile) = features.iter().position(|row| row.iter().any(|value| !value.is_finite())) {
        return Err(MetricsError::Feature { tile });
    }
    match anomalous.iter().filter(|&&anomalous| anomalous).count() {
        _ if n == 0 => Err(MetricsError::Empty),
        0 => Err(MetricsError::OneClass { n, present: "normal" }),
        all if all == n => Err(MetricsError::OneClass { n, present: "anomalous" }),
        _ => Ok(()),
    }
}

/// Mean and standard deviation of each feature; 1 for a constant feature, which so has no effect.
fn moments(features: &[Row]) -> (Row, Row) {
    let count = features.len() as f64;
    let mean: Row = std::array::from_fn(|at| features.iter().map(|row| row[at]).sum::<f64>() / count);
    let deviation = std::array::from_fn(|at| {
        let variance = features.iter().map(|row| (row[at] - mean[at]).powi(2)).sum::<f64>() / count;
        if variance > f64::EPSILON { variance.sqrt() } else { 1.0 }
    });
    (mean, deviation)
}

fn standardised(row: &Row, mean: &Row, deviation: &Row) -> Row {
    std::array::from_fn(|at| (row[at] - mean[at]) / deviation[at])
}
