//! The configuration of a run: one YAML file of known keys, with defaults in the types. Overrides (`key=value`) are
//! applied before the file is checked, so a mistyped key is an error in either.
//!
//! ```
//! use kiln_train::Config;
//!
//! let text = "name: small\nmodel: {kind: cnn, filters: [8, 16], head: pooled}\n";
//! let config = Config::parse(text, "small.yaml", &["training.epochs=3".to_owned()])?;
//! assert_eq!((config.model.kind(), config.training.epochs), ("cnn", 3));
//!
//! let wrong = Config::parse("name: small\nmodel: {kind: cnn, fliters: [8]}\n", "small.yaml", &[]);
//! assert!(wrong.is_err_and(|error| error.to_string().contains("did you mean `filters`?")));
//! # Ok::<(), kiln_train::Error>(())
//! ```

mod check;
mod class_weights;
mod common;
mod device;
mod labels;
mod limits;
mod message;
mod parse;
mod spelled;
mod subgroup;
mod training;
pub(crate) mod value;

use std::path::PathBuf;

use kiln_tile::SizePolicy;
use kiln_tile::stain::StainMethod;
use serde::{Deserialize, Serialize};

pub use class_weights::{ClassWeights, WeightRule};
pub(crate) use common::{CommonKeys, resolution_problem};
pub use device::TrainingDevice;
pub(crate) use labels::labels_problem;
pub(crate) use message::explain;
pub(crate) use parse::{parse_yaml, read_text};
pub(crate) use spelled::{Spelled, spelled_list};
pub use subgroup::SubgroupKey;
pub use training::{EarlyStopping, Schedule, StoppingMetric, TrainingConfig};
pub(crate) use value::config_error;

use crate::data::{Augmentation, SlideOptions, Synthesis};
use crate::metrics::ThresholdRule;
pub use crate::model::backbone::{BackboneConfig, BackboneKind, Weights};
pub use crate::model::{
    BankConfig, CnnConfig, Frozen, Head, HybridConfig, HybridScore, MemoryBankConfig, MixtureConfig, ModelConfig,
    PatchBankConfig, Pooling, Reconstruct, Statistic, TransferConfig, VaeConfig,
};

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
    /// The optimiser, its schedule, and early stopping.
    #[serde(default)]
    pub training: TrainingConfig,
    /// The rule that chooses the threshold on the validation split.
    #[serde(default = "max_f1")]
    pub threshold: ThresholdRule,
    /// Number of bootstrap resamples for every interval.
    #[serde(default = "resamples")]
    pub bootstrap_resamples: usize,
    /// Keys of the subgroups that are measured apart: columns of the list, or `colour`.
    // Left out where there are none, so that the configuration of an older Kiln is the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subgroups: Vec<SubgroupKey>,
}

/// The tiles and their split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Folder or CSV; the data set of a [`TrainRequest`](crate::training::TrainRequest) overrides it.
    pub path: Option<PathBuf>,
    /// The handling of tiles that are not 256x256.
    pub size_policy: SizePolicy,
    /// Normalises the stains of all tiles to those of the training tiles, as the first step; `null` for none.
    pub stain_normalisation: Option<StainMethod>,
    /// Labels that count as normal; every other label of the data set is anomalous. Each must be the label of a tile.
    /// `null` for the [`NORMAL_LABELS`](crate::data::NORMAL_LABELS) in the data set.
    pub normal_classes: Option<Vec<String>>,
    /// Resolution in micrometres per pixel, if known. Copied to the bundle. Required for tiles of slides, which are read at
    /// this resolution.
    pub micrometres_per_pixel: Option<f64>,
    /// Options for reading tiles from slides; without effect on image files.
    pub slides: SlideConfig,
    /// The fractions of the split.
    pub split: SplitConfig,
    /// Random changes to training tiles; `null` for none.
    pub augmentation: Option<Augmentation>,
    /// Repeats training tiles of rarer classes, each time with a new variation, until all classes are equally frequent in
    /// an epoch.
    pub oversampling: bool,
    /// Synthetic anomalies made from training tiles, in addition to the real ones.
    pub synthesis: Synthesis,
    /// Decoding threads; 0 for one per core.
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
            slides: SlideConfig::default(),
            split: SplitConfig::default(),
            augmentation: Some(Augmentation::default()),
            oversampling: false,
            synthesis: Synthesis::default(),
            workers: 0,
        }
    }
}

/// Options for reading tiles from slides.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlideConfig {
    /// Resolution of level 0 in micrometres per pixel, for slides that do not state a usable one; it replaces the stated
    /// one.
    pub mpp_override: Option<f64>,
    /// Enlarges the tiles of slides whose level 0 is coarser than the tiles.
    pub upsample: bool,
}

impl SlideConfig {
    /// True if nothing is set.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Options for opening a data set whose tiles have `micrometres_per_pixel`.
    #[must_use]
    pub fn options(&self, micrometres_per_pixel: Option<f64>, openslide: Option<PathBuf>) -> SlideOptions {
        let Self { mpp_override, upsample } = *self;
        SlideOptions { micrometres_per_pixel, mpp_override, upsample, openslide }
    }
}

/// Fractions of the tiles in each split, adding up to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConfig {
    /// For training.
    pub train: f64,
    /// For early stopping and the threshold.
    pub val: f64,
    /// For the figures; used once, at the end.
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
