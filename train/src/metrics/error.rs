//! Errors of the metrics. Input on which a metric would be meaningless is an error.

use kiln_files::Fault;

use super::ThresholdRule;

/// An error in the input of a metric.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// There are no tiles.
    #[error("there are no tiles to evaluate; choose a split that has some")]
    Empty,
    /// The tiles are all normal or all anomalous.
    #[error(
        "all {n} tiles are {present}: AUROC, precision and the threshold need anomalous and normal tiles; \
         choose a split that has both"
    )]
    OneClass {
        /// Number of tiles.
        n: usize,
        /// `normal` or `anomalous`.
        present: &'static str,
    },
    /// A score is NaN or infinite.
    #[error("the score of tile {index} (group `{group}`) is {score}, not a finite number; check the model's weights")]
    NotFinite {
        /// Index of the tile.
        index: usize,
        /// Group of the tile.
        group: String,
        /// The score.
        score: f64,
    },
    /// The threshold is NaN or infinite.
    #[error("the threshold is {0}, not a finite number; choose it again on the validation split")]
    Threshold(f64),
    /// An unknown name of a rule.
    #[error(
        "unknown threshold rule `{0}`; the rules are max_f1, youden, sensitivity:RATE and specificity:RATE, where RATE is \
         between 0 and 1, as in sensitivity:0.95"
    )]
    Rule(String),
    /// Too few tiles for a rate.
    #[error("the threshold rule `{rule}` needs at least {least} {kind} tiles to choose on, and there are {found}")]
    FewTiles {
        /// The rule.
        rule: ThresholdRule,
        /// `normal` or `anomalous`: the kind that the rate is of.
        kind: &'static str,
        /// The least number of them.
        least: usize,
        /// Their number.
        found: usize,
    },
    /// Too few resamples for a percentile interval.
    #[error("{found} bootstrap resamples are too few for a 95 % interval; use {least} or more (2000 is usual)")]
    Resamples {
        /// The requested number.
        found: usize,
        /// The smallest accepted number.
        least: usize,
    },
    /// A score that should be a probability is outside 0 to 1.
    #[error("the score {score} of a tile in group `{group}` is not a probability; evaluate it without calibration")]
    Probability {
        /// Group of the tile.
        group: String,
        /// The score.
        score: f64,
    },
    /// A classical baseline cannot be fitted.
    #[error("the baseline `{baseline}` cannot be fitted: {reason}")]
    Fit {
        /// Name of the baseline.
        baseline: &'static str,
        /// The cause.
        reason: String,
    },
    /// Two lists that should have one value for each tile differ in length.
    #[error("{found} {of} for {expected} tiles; use the same tiles, in the same order")]
    Length {
        /// Number of values.
        found: usize,
        /// The values, such as `scores` or `labels`.
        of: &'static str,
        /// Number of tiles.
        expected: usize,
    },
    /// Two lists of scores have different labels or groups.
    #[error(
        "tile {index} has another label or group in the other list of scores; use the same tiles, in the same order"
    )]
    OtherTile {
        /// Index of the first tile that differs.
        index: usize,
    },
    /// Two models were trained on different numbers of folds.
    #[error("{other} folds cannot be compared with {folds}; use the same folds for both models")]
    Folds {
        /// Number of folds of the one model.
        folds: usize,
        /// Number of folds of the other model.
        other: usize,
    },
    /// A feature is NaN or infinite.
    #[error("the colour baseline cannot be fitted: the features of tile {tile} are not all finite")]
    Feature {
        /// Index of the tile.
        tile: usize,
    },
    /// The logistic regression failed.
    #[error("the colour baseline's logistic regression failed")]
    Regression(#[from] linfa_logistic::error::Error),
}

impl MetricsError {
    /// Error category: always [`Fault::Input`].
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}
