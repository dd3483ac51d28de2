//! Times of a study: `times.json`, separate from the results because times are not reproducible.

use serde::{Deserialize, Serialize};

use super::results::Measured;
use super::trial::TrialTime;

/// The content of `times.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Times {
    /// Times of each trained entry of the report.
    pub entries: Vec<EntryTimes>,
    /// Training time of the search in seconds, features included.
    pub search_s: Option<f64>,
}

/// Times of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryTimes {
    /// Name of the entry.
    pub name: String,
    /// Mean seconds per training, validation and features included.
    pub training_s: f64,
    /// Mean seconds of these for the features of a frozen backbone, as they took when they were computed: the trainings of a study
    /// share them, and so do later studies. None for a model that computes none before its first epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features_s: Option<f64>,
    /// Mean milliseconds per test tile with burn on the training's device, decoding included.
    pub inference_ms: Option<f64>,
}

impl Times {
    /// Averages over the trainings of each entry.
    pub(super) fn new(measured: &[Measured], search_s: Option<f64>) -> Self {
        let trained = measured.iter().filter(|one| !one.records.is_empty());
        let entries = trained.map(|one| {
            let count = one.records.len() as f64;
            let measured = |time: fn(&TrialTime) -> Option<f64>| {
                let times: Vec<f64> = one.records.iter().filter_map(|record| time(&record.time)).collect();
                (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64)
            };
            EntryTimes {
                name: one.name.clone(),
                training_s: one.records.iter().map(|record| record.time.total_s()).sum::<f64>() / count,
                features_s: measured(|time| time.features_s),
                inference_ms: measured(|time| time.inference_ms),
            }
        });
        Self { entries: entries.collect(), search_s }
    }
}
