//! The keys below `training:`.

use serde::{Deserialize, Serialize};

use super::class_weights::ClassWeights;
use super::device::TrainingDevice;
use crate::features::FeatureSource;

/// The optimiser, its schedule, and early stopping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Seed of everything random: split, weights, order, augmentation, dropout, latent noise.
    pub seed: u64,
    /// The device of the training.
    pub device: TrainingDevice,
    /// The program that computes the features of a frozen backbone.
    pub features: FeatureSource,
    /// Passes over the training split, at most.
    pub epochs: u64,
    /// Tiles per step.
    pub batch: usize,
    /// Side in pixels of the random window of its tiles that a step uses; `null` for whole tiles. A pooled head takes any
    /// size, so a classifier can learn from quarters of tiles in a quarter of the time. Validation, test and the exported
    /// graph always use whole tiles.
    pub crop: Option<usize>,
    /// Adam's step size at its highest (the paper's 0.001).
    pub learning_rate: f64,
    /// The course of the step size over the training.
    pub schedule: Schedule,
    /// Adam's weight decay; 0 for none.
    pub weight_decay: f64,
    /// Part that the exponential moving average of the weights keeps of itself in a step, such as 0.999. Validation, the best
    /// epoch and the trained model then have the averaged weights; `null` for those of the last step.
    pub ema_decay: Option<f64>,
    /// Part of the target spread evenly over all classes; 0 for none.
    pub label_smoothing: f32,
    /// The weight of a tile in the loss, by class; `null` for equal weights.
    pub class_weights: Option<ClassWeights>,
    /// Early stopping; `null` for none.
    pub early_stopping: Option<EarlyStopping>,
    /// The figure that decides which epoch is the best.
    pub best: StoppingMetric,
    /// Seconds between checkpoints within an epoch; one is also written at each epoch's end.
    pub checkpoint_seconds: u64,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            seed: 42,
            device: TrainingDevice::Flex,
            features: FeatureSource::Auto,
            epochs: 20,
            batch: 16,
            crop: None,
            learning_rate: 0.001,
            schedule: Schedule::default(),
            weight_decay: 0.0,
            ema_decay: None,
            label_smoothing: 0.0,
            class_weights: None,
            early_stopping: Some(EarlyStopping::default()),
            best: StoppingMetric::ValLoss,
            checkpoint_seconds: 60,
        }
    }
}

/// The course of the learning rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[serde(expecting = "a mapping, {kind: constant} or {kind: cosine, warmup_steps: N, minimum: FRACTION}")]
pub enum Schedule {
    /// Constant. With braces, because serde ignores keys beside a variant without them.
    Constant {},
    /// Linear warm-up, then a half cosine down to `minimum` times the learning rate at the last step.
    Cosine {
        /// Steps of the warm-up.
        #[serde(default)]
        warmup_steps: u64,
        /// Fraction of the learning rate at the last step.
        #[serde(default)]
        minimum: f64,
    },
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Cosine { warmup_steps: 20, minimum: 0.01 }
    }
}

impl Schedule {
    /// The step size stays between 0 and its highest.
    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Self::Constant {} => true,
            Self::Cosine { minimum, .. } => (0.0..=1.0).contains(minimum),
        }
    }

    /// The factor on the learning rate at `step` (from 0) of `total`.
    #[must_use]
    pub fn factor(&self, step: u64, total: u64) -> f64 {
        match *self {
            Self::Constant {} => 1.0,
            Self::Cosine { warmup_steps, .. } if step < warmup_steps => (step + 1) as f64 / warmup_steps as f64,
            Self::Cosine { warmup_steps, minimum } => {
                let span = total.saturating_sub(warmup_steps).max(1) as f64;
                let progress = ((step - warmup_steps) as f64 / span).min(1.0);
                minimum + (1.0 - minimum) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
        }
    }
}

/// Early stopping.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a mapping, {patience: EPOCHS, min_delta: NUMBER}, or null")]
pub struct EarlyStopping {
    /// Number of epochs without improvement.
    pub patience: u64,
    /// Least improvement that counts.
    pub min_delta: f64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { patience: 5, min_delta: 0.0 }
    }
}

/// The figure of the validation split that epochs are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppingMetric {
    /// The loss; lower is better.
    ValLoss,
    /// The AUROC; higher is better, the lower loss decides between equals.
    ValAuroc,
}
