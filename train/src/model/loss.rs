//! Losses: cross-entropy for classifiers, mean squared error plus beta times the KL divergence for autoencoders, their
//! weighted sum for the hybrid.

use std::sync::Arc;

use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::tensor::{Device, Int, Tensor};

use super::{Latent, Scores};

/// Parameters of the loss beside model and tiles.
#[derive(Debug, Clone)]
pub struct LossOptions {
    /// Part of the target spread evenly over all classes.
    pub label_smoothing: f32,
    /// Weight of each class in the cross-entropy, `[classes]`, all over 0; `None` for equal weights.
    pub class_weights: Option<Arc<[f32]>>,
    /// The part of the model that learns.
    pub part: Part,
    /// Factor on the weight of the KL divergence, 0 to 1: its warm-up.
    pub divergence: f64,
}

impl Default for LossOptions {
    fn default() -> Self {
        Self { label_smoothing: 0.0, class_weights: None, part: Part::Whole, divergence: 1.0 }
    }
}

/// The part of a model that learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A hybrid's classifier alone: stage one.
    Classifier,
    /// The whole model.
    Whole,
}

/// The loss of a batch.
#[derive(Debug, Clone)]
pub struct Loss {
    /// The value to minimise, `[1]`.
    pub total: Tensor<1>,
}

impl LossOptions {
    /// Sum of the weights in the cross-entropy of tiles with these class numbers.
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

/// Cross-entropy of logits `[batch, classes]` against class numbers `[batch]`, in nats: the mean over tiles, weighted by
/// class.
pub(crate) fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>, options: &LossOptions) -> Tensor<1> {
    options.cross_entropy(true, &logits.device()).forward(logits, labels)
}

/// As [`cross_entropy`], of the probabilities in `scores`; 0 without any.
pub(crate) fn cross_entropy_of_scores(scores: &Scores, labels: Tensor<1, Int>, options: &LossOptions) -> Tensor<1> {
    match scores.probabilities.clone() {
        Some(probabilities) => options.cross_entropy(false, &probabilities.device()).forward(probabilities, labels),
        None => Tensor::zeros([1], &scores.score.device()),
    }
}

/// Squares of the differences of two `[batch, channels, height, width]`.
pub(crate) fn squares(truth: Tensor<4>, rebuilt: Tensor<4>) -> Tensor<4> {
    let difference = rebuilt - truth;
    difference.clone() * difference
}

/// Mean of `squares` for each tile, `[batch]`: its mean squared error.
pub(crate) fn squared_error(squares: Tensor<4>) -> Tensor<1> {
    let errors: Tensor<2> = squares.flatten(1, 3);
    errors.mean_dim(1).squeeze_dim(1)
}

/// The negative evidence lower bound of each tile, `[batch]`, divided by the number of rebuilt `values`: squared error
/// plus `beta` times the divergence spread over the values (196,608 for the pixels of a tile). With beta 1 it is the bound
/// for values of variance 1/2, up to a constant. Of a plain autoencoder it is the error alone.
pub(crate) fn negative_bound(error: Tensor<1>, latent: &Latent, beta: f64, values: usize) -> Tensor<1> {
    match latent.divergence() {
        Some(divergence) => error + divergence.mul_scalar(beta / values as f64),
        None => error,
    }
}

/// The mean over normal tiles of the [`negative_bound`] in `scores`; `None` if the scores lack reconstruction error or
/// latent mean.
pub(crate) fn negative_bound_of_scores(
    scores: &Scores,
    normal: Tensor<1>,
    beta: f64,
    values: usize,
) -> Option<Tensor<1>> {
    let latent = Latent { mean: scores.latent_mean.clone()?, log_variance: scores.latent_log_variance.clone() };
    let error = scores.squared_error.clone()?;
    Some(masked_mean(negative_bound(error, &latent, beta, values), normal))
}

/// The mean of `values` over the tiles for which `mask` (1 or 0, `[batch]`) is 1; 0 if there are none.
pub(crate) fn masked_mean(values: Tensor<1>, mask: Tensor<1>) -> Tensor<1> {
    let count = mask.clone().sum().clamp_min(1.0);
    (values * mask).sum() / count
}
