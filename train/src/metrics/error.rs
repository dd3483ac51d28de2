//! What can be wrong with scores before anything is measured on them. Every message says what was found and what to
//! do; a measurement never runs on input that would make its figure meaningless.

use kiln_files::Fault;

/// A measurement that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// There is nothing to measure.
    #[error("there are no tiles to measure; choose a split that holds some")]
    Empty,
    /// Ranking and threshold figures need both classes.
    #[error(
        "all {n} tiles are {present}: AUROC, precision and the threshold need anomalous and normal tiles; \
         choose a split that holds both"
    )]
    OneClass {
        /// Number of tiles.
        n: usize,
        /// The class that is there.
        present: &'static str,
    },
    /// A score is NaN or infinite.
    #[error("the score of tile {index} (group `{group}`) is {score}, not a finite number; check the model's weights")]
    NotFinite {
        /// Index of the tile among those that were given.
        index: usize,
        /// Its group.
        group: String,
        /// The score.
        score: f64,
    },
    /// The threshold is NaN or infinite.
    #[error("the threshold is {0}, not a finite number; choose it anew on the validation split")]
    Threshold(f64),
    /// A rule name that is not known.
    #[error("unknown threshold rule `{0}`; the rules are max_f1 and youden")]
    Rule(String),
    /// Too few resamples for a percentile interval.
    #[error("{found} bootstrap resamples are too few for a 95 % interval; use {least} or more (2000 is usual)")]
    Resamples {
        /// What was asked for.
        found: usize,
        /// The smallest number that is accepted.
        least: usize,
    },
    /// A score that should be a probability is none.
    #[error("the score {score} of a tile in group `{group}` is no probability; measure it without calibration")]
    Probability {
        /// Its group.
        group: String,
        /// The score.
        score: f64,
    },
    /// A classical baseline cannot be fitted.
    #[error("the baseline `{baseline}` cannot be fitted: {reason}")]
    Fit {
        /// Its name.
        baseline: &'static str,
        /// What is missing.
        reason: String,
    },
    /// Baseline scores are not of the same tiles.
    #[error("the baseline does not describe the same tiles: {0}; score both on one list, in one order")]
    Baseline(String),
    /// Features and labels do not match, or a feature is not finite.
    #[error("the colour baseline cannot be fitted: {0}")]
    Features(String),
    /// The logistic regression failed.
    #[error("the colour baseline's logistic regression failed")]
    Regression(#[from] linfa_logistic::error::Error),
}

impl MetricsError {
    /// Whose fault it is: always the input's.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}
