//! The rule that combines the parts of a score, as recorded in runs and bundles. For readers and for checks: the graph
//! computes the score.

use serde::{Deserialize, Serialize};

/// The rule for a score of several parts: the logistic function of the intercept plus the weighted sum of the parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreRule {
    /// `logistic`.
    pub rule: String,
    /// The parts.
    pub parts: Vec<ScorePart>,
    /// Log-odds when all parts are 0.
    pub intercept: f64,
    /// The tiles on which weights and intercept were fitted.
    pub fitted_on: String,
}

/// A part of a [`ScoreRule`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScorePart {
    /// `classifier_log_odds`, `log_reconstruction_error` or `latent_distance`.
    pub name: String,
    /// Added to the log-odds per unit of the part: never below 0, and 0 for a part without information.
    pub weight: f64,
}
