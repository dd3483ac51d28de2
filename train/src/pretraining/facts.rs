//! The record of a pre-training: a JSON file beside the weights.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::config::PretrainConfig;

/// A spread below this is a collapse: every tile has nearly the same projection.
pub const COLLAPSED: f64 = 0.1;

/// The figures of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PretrainEpoch {
    /// Epoch, from 1.
    pub epoch: u64,
    /// Steps since the start.
    pub step: u64,
    /// Step size of the last step.
    pub learning_rate: f64,
    /// Mean loss, from -1 (the variations of a tile agree) to 1.
    pub loss: f64,
    /// Mean spread of the projections: about 1 if they differ in every dimension, 0 if all are the same. The standard
    /// deviation of the projections of unit length, over the tiles of a step, times the root of their width.
    pub spread: f64,
    /// Duration in seconds.
    pub seconds: f64,
}

/// Facts about a pre-training: `WEIGHTS.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PretrainFacts {
    /// Version of the file's format: 1.
    pub schema: u32,
    /// SHA-256 of the file of weights.
    pub weights_sha256: String,
    /// Number of stages in the file.
    pub stages: usize,
    /// SHA-256 of the weights that it started with; `null` if they were random.
    pub start_sha256: Option<String>,
    /// The data set, as an absolute path on the machine of the pre-training.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub data: PathBuf,
    /// SHA-256 over labels, groups and digests of the tiles that were used.
    pub data_sha256: String,
    /// Number of tiles that were used.
    pub tiles: usize,
    /// Number of tiles that were not used: those of the validation and test splits, and those without a label of their groups.
    pub left_out: usize,
    /// A split was stated. If not, all tiles were used.
    pub by_split: bool,
    /// The epochs.
    pub epochs: Vec<PretrainEpoch>,
    /// The spread of the last epoch is below [`COLLAPSED`]: the weights are of no use.
    pub collapsed: bool,
    /// The resolved configuration.
    pub config: PretrainConfig,
    /// Version of Kiln.
    pub kiln: String,
    /// Version of burn.
    pub burn: String,
}

impl PretrainFacts {
    /// The caution about a collapse, if there is one.
    #[must_use]
    pub fn caution(&self) -> Option<String> {
        let spread = self.epochs.last().map_or(0.0, |epoch| epoch.spread);
        self.collapsed.then(|| {
            format!(
                "the backbone has collapsed: the spread of the projections is {spread:.3} (below {COLLAPSED}), so all \
                 tiles look the same to it; use a larger training.batch, or a smaller training.learning_rate"
            )
        })
    }
}

/// The record beside a file of weights.
#[must_use]
pub fn facts_file(weights: &Path) -> PathBuf {
    let mut name = OsString::from(weights);
    name.push(".json");
    PathBuf::from(name)
}
