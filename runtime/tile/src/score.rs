//! How a score of several parts is put together, as a run notes it and a bundle states it. For people and for checks: the
//! graph does it.

use serde::{Deserialize, Serialize};

/// A score of several parts: the logistic function of the intercept and the sum of the weighed parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreRule {
    /// `logistic`.
    pub rule: String,
    /// The parts.
    pub parts: Vec<ScorePart>,
    /// What the log-odds are where all parts are 0.
    pub intercept: f64,
    /// The tiles that weights and intercept were fitted on.
    pub fitted_on: String,
}

/// A part of a [`ScoreRule`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScorePart {
    /// `classifier_log_odds`, `log_reconstruction_error` or `latent_distance`.
    pub name: String,
    /// What one more of it adds to the log-odds: never below 0, and 0 for a part that told nothing.
    pub weight: f64,
}
