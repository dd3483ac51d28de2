//! Scores beside the truth.

use super::evaluation::ScoredTile;
use crate::data::Dataset;
use crate::metrics::{Scored, is_probability};
use crate::model::{Classes, Zoo};

/// The scores are probabilities of an anomaly.
pub(super) fn gives_probabilities(zoo: &Zoo, scored: &[Scored]) -> bool {
    !zoo.learns_from_normal_only() && scored.iter().all(|tile| is_probability(tile.score))
}

/// Squared errors of all reconstructions, if the model rebuilds tiles.
pub(super) fn squared_errors(scored: &[ScoredTile]) -> Option<Vec<f64>> {
    scored.iter().map(|tile| tile.squared_error).collect()
}

/// Scores with the truth, and with the group that intervals need.
pub(super) fn with_truth(dataset: &Dataset, classes: &Classes, scored: &[ScoredTile]) -> Vec<Scored> {
    let truth = |tile: &ScoredTile| Scored {
        score: tile.score,
        anomalous: classes.is_anomalous(tile.class),
        group: dataset.group_name(tile.index),
    };
    scored.iter().map(truth).collect()
}
