//! The configuration of a run: one YAML file, every key known, every default in its type. `--set key=value` changes a
//! key before the file is checked, so a mistyped key is an error either way.

mod backbone;
mod device;
mod imbalance;
mod limits;
mod model;
mod parse;
mod training;

use std::path::PathBuf;

use kiln_tile::SizePolicy;
use kiln_tile::stain::StainMethod;
use serde::{Deserialize, Serialize};

pub use backbone::{
    BackboneConfig, BackboneKind, BankConfig, MemoryBankConfig, PatchBankConfig, TransferConfig, Weights,
};
pub use device::TrainingDevice;
pub use imbalance::{ClassWeights, WeightRule};
pub use model::{CnnConfig, Head, HybridConfig, HybridScore, ModelConfig, Reconstruct, VaeConfig};
pub(crate) use parse::{config_error, labels_problem, parse_yaml, read_text};
pub use training::{EarlyStopping, Schedule, StoppingMetric, TrainingConfig};

use crate::data::{Augmentation, Synthesis};
use crate::metrics::ThresholdRule;

/// The whole configuration of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the run; the default run folder is `runs/NAME`.
    pub name: String,
    /// The model.
    pub model: ModelConfig,
    /// The tiles.
    #[serde(default)]
    pub data: DataConfig,
    /// How weights are found.
    #[serde(default)]
    pub training: TrainingConfig,
    /// How the threshold is chosen on the validation split.
    #[serde(default = "max_f1")]
    pub threshold: ThresholdRule,
    /// Resamples of the bootstrap behind every interval.
    #[serde(default = "resamples")]
    pub bootstrap_resamples: usize,
}

/// Which tiles, and how they are split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Folder or CSV; `--data` wins over it.
    pub path: Option<PathBuf>,
    /// What is done with tiles that are not 256x256.
    pub size_policy: SizePolicy,
    /// Brings all tiles to the stains of the training tiles, before anything else is done with them; `null` for none.
    pub stain_normalisation: Option<StainMethod>,
    /// Labels that count as normal; every other label of the data set is anomalous. Each must be the label of a tile.
    /// `null` for those of [`NORMAL_LABELS`](crate::data::NORMAL_LABELS) that the data set has.
    pub normal_classes: Option<Vec<String>>,
    /// Resolution in micrometres per pixel, if known. Travels to the bundle.
    pub micrometres_per_pixel: Option<f64>,
    /// Fractions of the split.
    pub split: SplitConfig,
    /// Random changes to training tiles; `null` for none.
    pub augmentation: Option<Augmentation>,
    /// Repeats training tiles of rarer classes, varied anew, until an epoch has as many of every class.
    pub oversampling: bool,
    /// Anomalies made up of training tiles, in addition to those that there are.
    pub synthesis: Synthesis,
    /// Decoding threads; 0 for one a core.
    pub workers: usize,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            path: None,
            size_policy: SizePolicy::Error,
            stain_normalisation: None,
            normal_classes: None,
            micrometres_per_pixel: None,
            split: SplitConfig::default(),
            augmentation: Some(Augmentation::default()),
            oversampling: false,
            synthesis: Synthesis::default(),
            workers: 0,
        }
    }
}

/// Fractions of the tiles in each split; they add up to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConfig {
    /// For finding weights.
    pub train: f64,
    /// For stopping, and for the threshold.
    pub val: f64,
    /// For the figures; seen once, at the end.
    pub test: f64,
}

impl Default for SplitConfig {
    /// The paper's 80-10-10.
    fn default() -> Self {
        Self { train: 0.8, val: 0.1, test: 0.1 }
    }
}

fn max_f1() -> ThresholdRule {
    ThresholdRule::MaxF1
}

fn resamples() -> usize {
    1000
}

#[cfg(test)]
mod tests;
