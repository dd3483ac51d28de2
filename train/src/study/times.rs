//! How long everything took: `times.json`, apart from the figures because the clock never says the same twice.

use serde::{Deserialize, Serialize};

use super::results::Measured;

/// `times.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Times {
    /// One line for each entry of the report that was trained.
    pub entries: Vec<EntryTimes>,
    /// Seconds of training in the trials of the search.
    pub search_s: Option<f64>,
}

/// How long one model took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryTimes {
    /// Name of the entry.
    pub name: String,
    /// Mean seconds of a training, validation included.
    pub training_s: f64,
    /// Mean milliseconds a test tile through burn on the processor, decoding included.
    pub inference_ms: Option<f64>,
}

impl Times {
    /// Means over the trainings of each entry.
    pub(super) fn of(measured: &[Measured], search_s: Option<f64>) -> Self {
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
