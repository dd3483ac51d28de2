//! What training minimises: cross-entropy for the classifier, mean squared error plus beta times the KL divergence for
//! the autoencoders, their weighted sum for the hybrid.

use std::sync::Arc;

use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::tensor::{Device, Int, Tensor};

use super::Latent;

/// What the loss depends on beside model and tiles.
#[derive(Debug, Clone)]
pub struct LossOptions {
    /// Part of the target spread evenly over all classes.
    pub label_smoothing: f32,
    /// What a tile of each class counts in the cross-entropy, `[classes]`, all over 0; `None` for all the same.
    pub class_weights: Option<Arc<[f32]>>,
    /// What of the model learns.
    pub part: Part,
    /// Factor on the weight of the KL divergence, 0 to 1: its warm-up.
    pub divergence: f64,
}

impl Default for LossOptions {
    fn default() -> Self {
        Self { label_smoothing: 0.0, class_weights: None, part: Part::Whole, divergence: 1.0 }
    }
}

/// What of a model learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A hybrid's classifier alone: stage one.
    Classifier,
    /// All of it.
    Whole,
}

/// The loss of a batch.
#[derive(Debug, Clone)]
pub struct Loss {
    /// What is minimised, `[1]`.
    pub total: Tensor<1>,
}

impl LossOptions {
    /// What tiles of these class numbers count in the cross-entropy together.
    pub(crate) fn weight_of(&self, classes: &[usize]) -> f64 {
        let weight =
            |class: &usize| self.class_weights.as_ref().and_then(|weights| weights.get(*class)).unwrap_or(&1.0);
        classes.iter().map(|class| f64::from(*weight(class))).sum()
    }

    fn cross_entropy(&self, logits: bool, device: &Device) -> CrossEntropyLoss {
        CrossEntropyLossConfig::new()
            .with_smoothing((self.label_smoothing > 0.0).then_some(self.label_smoothing))
            .with_weights(self.class_weights.as_ref().map(|weights| weights.to_vec()))
            .with_logits(logits)
            .init(device)
    }
}

/// Cross-entropy of logits `[batch, classes]` against class numbers `[batch]`, in nats: the mean over tiles, each
/// counting what its class counts.
pub(crate) fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>, options: &LossOptions) -> Tensor<1> {
    options.cross_entropy(true, &logits.device()).forward(logits, labels)
}

/// As [`cross_entropy`], of probabilities `[batch, classes]`.
pub(crate) fn cross_entropy_of_probabilities(
    probabilities: Tensor<2>,
    labels: Tensor<1, Int>,
    options: &LossOptions,
) -> Tensor<1> {
    options.cross_entropy(false, &probabilities.device()).forward(probabilities, labels)
}

/// Squares of the differences of two `[batch, channels, height, width]`.
pub(crate) fn squares(truth: Tensor<4>, rebuilt: Tensor<4>) -> Tensor<4> {
    let difference = rebuilt - truth;
    difference.clone() * difference
}

/// Their mean for each tile, `[batch]`: its mean squared error.
pub(crate) fn squared_error(squares: Tensor<4>) -> Tensor<1> {
    let errors: Tensor<2> = squares.flatten(1, 3);
    errors.mean_dim(1).squeeze_dim(1)
}

/// The negative evidence lower bound of each tile, `[batch]`, for each of the `values` that are rebuilt: squared error
/// plus `beta` times the divergence spread over them (196,608 for the pixels of a tile). With beta 1 it is the bound for
/// values of variance 1/2, up to a constant. Of a plain autoencoder it is the error alone.
pub(crate) fn negative_bound(error: Tensor<1>, latent: &Latent, beta: f64, values: usize) -> Tensor<1> {
    match latent.divergence() {
        Some(divergence) => error + divergence.mul_scalar(beta / values as f64),
        None => error,
    }
}

/// The mean of `values` over the tiles that `mask` (1 or 0, `[batch]`) holds; 0 if it holds none.
pub(crate) fn masked_mean(values: Tensor<1>, mask: Tensor<1>) -> Tensor<1> {
    let count = mask.clone().sum().clamp_min(1.0);
    (values * mask).sum() / count
}
