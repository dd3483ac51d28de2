//! Figures by held-out centre, and their mean in which each centre counts alike.

use serde::{Deserialize, Serialize};

use super::held_out::HeldOut;
use crate::metrics::{Bootstrap, Interval, MetricsError, Summary, Trial, summarise};

/// Figures of a model by held-out centre.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ByCentre {
    /// The figures on each centre, in the order of the folds: over the seeds of the trainings without it.
    pub centres: Vec<CentreFigures>,
    /// The mean over centres.
    pub mean: CentreMean,
}

/// Figures on one centre by models that were trained without it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CentreFigures {
    /// Name of the centre.
    pub name: String,
    /// The figures.
    pub summary: Summary,
}

/// Means over centres, in which each centre counts alike. (The summary over all folds weights them by their tiles.)
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CentreMean {
    /// Area under the ROC curve.
    pub auroc: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Fraction of true positives among predicted positives.
    pub precision: f64,
    /// True-positive rate (sensitivity).
    pub recall: f64,
    /// Expected calibration error, if scores are probabilities.
    pub ece: Option<f64>,
}

impl ByCentre {
    /// Divides the trials by their fold.
    pub(super) fn new(held_out: &HeldOut, trials: &[Trial], bootstrap: Bootstrap) -> Result<Self, MetricsError> {
        let figures = |(fold, centre): (usize, &super::held_out::Centre)| {
            let own: Vec<Trial> = trials.iter().filter(|trial| trial.fold == fold).cloned().collect();
            Ok(CentreFigures { name: centre.name.clone(), summary: summarise(&own, bootstrap)? })
        };
        let centres: Vec<CentreFigures> =
            held_out.centres.iter().enumerate().map(figures).collect::<Result<_, MetricsError>>()?;
        let count = centres.len() as f64;
        let mean = |of: &dyn Fn(&Summary) -> Option<Interval>| {
            let values: Option<Vec<f64>> =
                centres.iter().map(|centre| of(&centre.summary).map(|figure| figure.value)).collect();
            values.map(|values| values.iter().sum::<f64>() / count)
        };
        let value = |of: fn(&Summary) -> Interval| mean(&|summary| Some(of(summary))).unwrap_or_default();
        let mean = CentreMean {
            auroc: value(|summary| summary.auroc),
            f1: value(|summary| summary.f1),
            precision: value(|summary| summary.precision),
            recall: value(|summary| summary.recall),
            ece: mean(&|summary| summary.ece),
        };
        Ok(Self { centres, mean })
    }
}
