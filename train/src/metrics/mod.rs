//! Metrics of scored tiles: ranking of anomalous over normal tiles, decisions at a threshold, calibration. Guarantees that
//! every metric has an interval, that intervals treat tiles of one group (slide, patient, source image) as correlated,
//! and that the same input and seed give the same values on any number of threads. The choice of tiles is left to the
//! caller.
//!
//! A higher score means more anomalous; tiles that score at or above the threshold are anomalous.

mod bootstrap;
mod calibration;
mod caution;
mod clusters;
mod colour;
mod error;
mod evaluator;
mod failures;
mod latent;
mod logistic;
mod measure;
mod paired;
mod ranking;
mod subgroups;
mod summary;
mod threshold;

pub use bootstrap::{Bootstrap, Interval};
pub use calibration::{CalibrationBin, expected_calibration_error};
pub(crate) use caution::of_trials as trial_cautions;
pub use clusters::ColourClusters;
pub(crate) use colour::assign_folds;
pub use colour::{COLOUR_FEATURES, ColourBaseline, colour_features};
pub use error::MetricsError;
pub use failures::{ClassFailures, Failures, GroupFailures};
pub use latent::{ACTIVE_VARIANCE, LatentTile, LatentUse, RebuiltTile};
pub(crate) use logistic::logistic;
pub use measure::{Baseline, Calibration, MeasureOptions, Metrics, Reconstruction, Resampling, measure, measure_with};
pub use paired::{Comparison, PairedTest, compare};
pub use ranking::{PrPoint, RocPoint, auroc, average_precision, pr_curve, roc_curve};
pub(crate) use subgroups::share_caution;
pub use subgroups::{Subgroup, SubgroupFigures, Subgroups};
pub use summary::{Summary, Trial, summarise};
pub use threshold::{Confusion, ThresholdRule};

/// Score and truth of one tile.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Higher is more anomalous.
    pub score: f64,
    /// The truth.
    pub anomalous: bool,
    /// Slide, patient or source image; unique to the tile if unknown.
    pub group: String,
}

/// Returns true for a score that can be a probability.
pub(crate) fn is_probability(score: f64) -> bool {
    (0.0..=1.0).contains(&score)
}

/// Refuses input on which no metric is defined: no tiles, one class only, a score that is not finite.
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
