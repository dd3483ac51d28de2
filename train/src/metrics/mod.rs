//! Figures on scored tiles: how well scores rank anomalous over normal tiles, how well a threshold decides, and how
//! sure one can be of either. Promises that no figure comes without an interval, that intervals treat tiles of one
//! group (slide, patient, source image) as the repeats that they are, and that the same input and seed give the same
//! figures on any number of threads. Which tiles are measured is the caller's choice.
//!
//! A score is higher the more anomalous a tile is, and `score >= threshold` is called anomalous.

mod bootstrap;
mod calibration;
mod colour;
mod error;
mod failures;
mod figures;
mod logistic;
mod measure;
mod paired;
mod ranking;
mod summary;
mod threshold;

pub use bootstrap::{Bootstrap, Interval};
pub use calibration::CalibrationBin;
pub(crate) use colour::folds_of;
pub use colour::{COLOUR_FEATURES, ColourBaseline, colour_features};
pub use error::MetricsError;
pub use failures::{ClassFailures, Failures, GroupFailures};
pub(crate) use logistic::logistic;
pub use measure::{Baseline, Calibration, Judgement, Metrics, Reconstruction, Resampling, measure, measure_by};
pub use paired::{Comparison, PairedTest, compare};
pub use ranking::{PrPoint, RocPoint, auroc, average_precision, pr_curve, roc_curve};
pub use summary::{Summary, Trial, summarise};
pub use threshold::{Confusion, ThresholdRule};

/// One tile's score and what it should have been.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Higher is more anomalous.
    pub score: f64,
    /// The truth.
    pub anomalous: bool,
    /// Slide, patient or source image; a tile of its own where nothing is known.
    pub group: String,
}

/// Refuses input on which no figure means anything: nothing, one class only, a score that is no number.
fn check(scored: &[Scored]) -> Result<(), MetricsError> {
    if let Some((index, tile)) = scored.iter().enumerate().find(|(_, tile)| !tile.score.is_finite()) {
        return Err(MetricsError::NotFinite { index, group: tile.group.clone(), score: tile.score });
    }
    let anomalous = scored.iter().filter(|tile| tile.anomalous).count();
    match (scored.len(), anomalous) {
        (0, _) => Err(MetricsError::Empty),
        (n, 0) => Err(MetricsError::OneClass { n, present: "normal" }),
        (n, all) if n == all => Err(MetricsError::OneClass { n, present: "anomalous" }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod comparison_tests;
#[cfg(test)]
mod tests;
