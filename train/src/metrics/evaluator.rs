//! The metrics of one list of scored tiles under weights: shared by the metrics of all tiles, of resamples, and of several
//! trainings.

use super::ranking::Ranking;
use super::{Confusion, Scored, calibration};

/// False-positive rates at which the true-positive rate is stated.
pub(super) const FALSE_POSITIVE_RATES: [f64; 2] = [0.01, 0.05];

/// Scored tiles, sorted once, for metrics under many weightings.
pub(super) struct Evaluator<'a> {
    scored: &'a [Scored],
    ranking: Ranking,
    threshold: f64,
    probabilities: bool,
}

/// The metrics under one weighting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values {
    pub(super) auroc: f64,
    pub(super) aupr: f64,
    pub(super) decisions: Confusion,
    /// True-positive rates at [`FALSE_POSITIVE_RATES`].
    pub(super) tpr: [f64; 2],
    /// Brier score and expected calibration error, if scores are probabilities.
    pub(super) calibration: Option<[f64; 2]>,
}

impl<'a> Evaluator<'a> {
    /// Expects finite scores and both classes.
    pub(super) fn new(scored: &'a [Scored], threshold: f64, probabilities: bool) -> Self {
        Self { scored, ranking: Ranking::new(scored), threshold, probabilities }
    }

    pub(super) fn auroc(&self, weight: &dyn Fn(usize) -> u32) -> f64 {
        self.ranking.auroc(weight)
    }

    pub(super) fn values(&self, weight: &dyn Fn(usize) -> u32) -> Values {
        let calibration = self.probabilities.then(|| {
            let bins = calibration::bins(self.scored, &self.ranking, weight);
            [calibration::brier(self.scored, weight), calibration::error(&bins)]
        });
        Values {
            auroc: self.ranking.auroc(weight),
            aupr: self.ranking.average_precision(weight),
            decisions: Confusion::count(self.scored, self.threshold, weight),
            tpr: FALSE_POSITIVE_RATES.map(|rate| self.ranking.true_positive_rate_at(rate, weight)),
            calibration,
        }
    }

    pub(super) fn bins(&self) -> Vec<calibration::CalibrationBin> {
        calibration::bins(self.scored, &self.ranking, &|_| 1)
    }
}
