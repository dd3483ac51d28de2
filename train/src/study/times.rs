//! Times of a study: `times.json`, separate from the results because times are not reproducible.

use serde::{Deserialize, Serialize};

use super::results::Measured;

/// The content of `times.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Times {
    /// Times of each trained entry of the report.
    pub entries: Vec<EntryTimes>,
    /// Training time of the search in seconds.
    pub search_s: Option<f64>,
}

/// Times of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryTimes {
    /// Name of the entry.
    pub name: String,
    /// Mean seconds per training, validation included.
    pub training_s: f64,
    /// Mean milliseconds per test tile with burn on the training's device, decoding included.
    pub inference_ms: Option<f64>,
}

impl Times {
    /// Averages over the trainings of each entry.
    pub(super) fn new(measured: &[Measured], search_s: Option<f64>) -> Self {
        let trained = measured.iter().filter(|one| !one.records.is_empty());
        let entries = trained.map(|one| {
            let count = one.records.len() as f64;
            let inference: Vec<f64> = one.records.iter().filter_map(|record| record.time.inference_ms).collect();
            EntryTimes {
                name: one.name.clone(),
                training_s: one.records.iter().map(|record| record.time.training_s).sum::<f64>() / count,
                inference_ms: (!inference.is_empty()).then(|| inference.iter().sum::<f64>() / inference.len() as f64),
            }
        });
        Self { entries: entries.collect(), search_s }
    }
}
