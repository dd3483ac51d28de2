//! What training minimises: cross-entropy for the classifier, mean squared error plus beta times the KL divergence for
//! the autoencoders, their weighted sum for the hybrid.

use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Int, Tensor};
use kiln_tile::TILE_BYTES;

use super::Latent;

/// What the loss depends on beside model and tiles.
#[derive(Debug, Clone, Copy, Default)]
pub struct LossOptions {
    /// Part of the target spread evenly over all classes.
    pub label_smoothing: f32,
}

/// The loss of a batch.
#[derive(Debug, Clone)]
pub struct Loss {
    /// What is minimised, `[1]`.
    pub total: Tensor<1>,
}

/// Mean cross-entropy of logits `[batch, classes]` against class numbers `[batch]`, in nats.
pub(crate) fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>, smoothing: f32) -> Tensor<1> {
    let smoothing = (smoothing > 0.0).then_some(smoothing);
    CrossEntropyLossConfig::new().with_smoothing(smoothing).init(&logits.device()).forward(logits, labels)
}

/// As [`cross_entropy`], of probabilities `[batch, classes]`.
pub(crate) fn cross_entropy_of_probabilities(
    probabilities: Tensor<2>,
    labels: Tensor<1, Int>,
    smoothing: f32,
) -> Tensor<1> {
    let smoothing = (smoothing > 0.0).then_some(smoothing);
    let loss = CrossEntropyLossConfig::new().with_smoothing(smoothing).with_logits(false);
    loss.init(&probabilities.device()).forward(probabilities, labels)
}

/// Mean squared error of each tile in 0..1 units squared, `[batch]`, of two `[batch, 3, 256, 256]`.
pub(crate) fn squared_error(image: Tensor<4>, rebuilt: Tensor<4>) -> Tensor<1> {
    let difference = rebuilt - image;
    let errors: Tensor<2> = (difference.clone() * difference).flatten(1, 3);
    errors.mean_dim(1).squeeze_dim(1)
}

/// The negative evidence lower bound of each tile, `[batch]`, for each pixel value: squared error plus `beta` times
/// the divergence spread over the 196,608 values of a tile. With beta 1 it is the bound for pixels of variance 1/2, up
/// to a constant.
pub(crate) fn negative_bound(error: Tensor<1>, latent: &Latent, beta: f64) -> Tensor<1> {
    error + latent.divergence().mul_scalar(beta / TILE_BYTES as f64)
}

/// The mean of `values` over the tiles that `mask` (1 or 0, `[batch]`) holds; 0 if it holds none.
pub(crate) fn masked_mean(values: Tensor<1>, mask: Tensor<1>) -> Tensor<1> {
    let count = mask.clone().sum().clamp_min(1.0);
    (values * mask).sum() / count
}
