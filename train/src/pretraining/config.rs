//! The configuration of a pre-training: one YAML file of known keys.

use std::path::{Path, PathBuf};

use kiln_tile::SizePolicy;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::config::{BackboneConfig, CommonKeys, Frozen, Schedule, SlideConfig, TrainingDevice, parse_yaml, read_text};
use crate::data::{Augmentation, ColourJitter};

/// The configuration of a pre-training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainConfig {
    /// Name of the pre-training, for its records.
    pub name: String,
    /// The network, the weights that it starts with, and the stages whose pooled maps learn. The file has the stages up to
    /// the deepest one.
    #[serde(default)]
    pub backbone: BackboneConfig,
    /// The weights of the backbone that do not learn: none, or depthwise kernels, whose gradients take most of a step
    /// except with LibTorch. Left out
    /// of records at its default, so that those of older versions stay the same.
    #[serde(default = "nothing", skip_serializing_if = "is_nothing")]
    pub frozen: Frozen,
    /// The method.
    #[serde(default)]
    pub method: Method,
    /// The tiles and their variations.
    #[serde(default)]
    pub data: PretrainData,
    /// The optimiser and its schedule.
    #[serde(default)]
    pub training: PretrainTraining,
}

/// A method of learning without labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
#[serde(expecting = "a mapping, {kind: simsiam, projection: WIDTH, prediction: WIDTH}")]
pub enum Method {
    /// SimSiam: the projection of a variation is predicted from that of another one.
    #[serde(rename = "simsiam")]
    SimSiam {
        /// Width of the projection: two dense layers behind the backbone.
        #[serde(default = "projection")]
        projection: usize,
        /// Width of the bottleneck of the prediction, smaller than the projection.
        #[serde(default = "prediction")]
        prediction: usize,
    },
}

impl Default for Method {
    fn default() -> Self {
        Self::SimSiam { projection: projection(), prediction: prediction() }
    }
}

fn nothing() -> Frozen {
    Frozen::Nothing
}

fn is_nothing(frozen: &Frozen) -> bool {
    *frozen == Frozen::Nothing
}

/// An eighth of the paper's 2048, for backbones with about an eighth of the features of its ResNet-50.
fn projection() -> usize {
    256
}

/// A quarter of the projection, as in the paper.
fn prediction() -> usize {
    64
}

/// The tiles of a pre-training, and their variations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PretrainData {
    /// Folder or CSV; the data set of a [`PretrainRequest`](super::PretrainRequest) overrides it.
    pub path: Option<PathBuf>,
    /// The handling of tiles that are not 256x256.
    pub size_policy: SizePolicy,
    /// Resolution in micrometres per pixel. Required for tiles of slides, which are read at this resolution.
    pub micrometres_per_pixel: Option<f64>,
    /// Options for reading tiles from slides; without effect on image files.
    pub slides: SlideConfig,
    /// The variations: the backbone learns to ignore what they change.
    pub augmentation: Augmentation,
    /// Decoding threads; 0 for one per core.
    pub workers: usize,
}

impl Default for PretrainData {
    /// Stronger variations than those of a training with labels: without labels they are all that is learnt from.
    fn default() -> Self {
        let colour_jitter = ColourJitter { brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.05 };
        Self {
            path: None,
            size_policy: SizePolicy::Error,
            micrometres_per_pixel: None,
            slides: SlideConfig::default(),
            augmentation: Augmentation { zoom: 0.5, colour_jitter, ..Augmentation::default() },
            workers: 0,
        }
    }
}

/// The optimiser of a pre-training, and its schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PretrainTraining {
    /// Seed of everything random: weights, order, variations.
    pub seed: u64,
    /// The device.
    pub device: TrainingDevice,
    /// Passes over the tiles.
    pub epochs: u64,
    /// Tiles per step. Tiles that do not fill a last batch are left out of the epoch.
    pub batch: usize,
    /// Adam's step size at its highest.
    pub learning_rate: f64,
    /// The course of the step size.
    pub schedule: Schedule,
    /// Adam's weight decay; 0 for none (the paper's 0.0001).
    pub weight_decay: f64,
}

impl Default for PretrainTraining {
    fn default() -> Self {
        Self {
            seed: 42,
            device: TrainingDevice::Flex,
            epochs: 20,
            batch: 32,
            learning_rate: 0.0003,
            schedule: Schedule::default(),
            weight_decay: 0.0001,
        }
    }
}

impl PretrainConfig {
    /// Reads `path` and applies `sets`, each `key=value` with a dotted key and a YAML value.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) names the key that is unknown or wrong, and the nearest known one.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self> {
        Self::parse(&read_text(path)?, &path.display().to_string(), sets)
    }

    /// As [`PretrainConfig::read`], from text; errors begin with `origin`.
    ///
    /// # Errors
    /// As [`PretrainConfig::read`].
    pub fn parse(text: &str, origin: &str, sets: &[String]) -> Result<Self> {
        parse_yaml(text, origin, sets, Self::problem)
    }

    /// The first problem, beginning with its key.
    fn problem(&self) -> Option<String> {
        let (data, training) = (&self.data, &self.training);
        let Method::SimSiam { projection, prediction } = self.method;
        let checks = [
            (!self.name.trim().is_empty() && self.name.len() <= 200, "name: must be 1 to 200 bytes"),
            (self.frozen != Frozen::All, "frozen: true leaves nothing to learn; set false or depthwise"),
            (self.frozen.fits(&self.backbone.weights), Frozen::MISFIT),
            ((2..=8192).contains(&projection), "method.projection: must be 2 to 8192"),
            ((1..=8192).contains(&prediction), "method.prediction: must be 1 to 8192"),
            (
                data.augmentation != Augmentation::off(),
                "data.augmentation: nothing is changed, so both variations of a tile would be equal",
            ),
            (
                (4..=65_536).contains(&training.batch),
                "training.batch: must be 4 to 65536 (the projections are normalised by their batch)",
            ),
        ];
        let problem = checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem.to_owned());
        let common = CommonKeys {
            epochs: training.epochs,
            learning_rate: training.learning_rate,
            weight_decay: training.weight_decay,
            schedule: &training.schedule,
            workers: data.workers,
            mpp_override: data.slides.mpp_override,
            micrometres_per_pixel: data.micrometres_per_pixel,
        };
        // The backbone of a run is below `model`.
        let of_backbone = || Some(self.backbone.problem()?.replace("model.backbone", "backbone"));
        let problem = problem.or_else(|| common.problem());
        problem.or_else(of_backbone).or_else(|| data.augmentation.check().err().map(|error| error.to_string()))
    }
}
