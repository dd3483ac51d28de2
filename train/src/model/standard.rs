//! Standardised vectors: centred and scaled by measured figures, not by learned ones.

use burn::module::{Module, RunningState};
use burn::tensor::{Device, Tensor};

use super::identity;

/// Subtracts a mean from each feature and divides by a deviation.
#[derive(Module, Debug)]
pub(crate) struct Standard {
    mean: RunningState<Tensor<1>>,
    deviation: RunningState<Tensor<1>>,
}

impl Standard {
    /// The identity.
    pub(crate) fn new(features: usize, device: &Device) -> Self {
        Self::from_moments(Tensor::zeros([features], device), Tensor::ones([features], device))
    }

    fn from_moments(mean: Tensor<1>, deviation: Tensor<1>) -> Self {
        let state = |name: &str, value| RunningState::with_id(identity::for_path(&format!("standard.{name}")), value);
        Self { mean: state("mean", mean), deviation: state("deviation", deviation) }
    }

    /// Mean and deviation of these vectors, `[n, features]`. `least` is added to each deviation, so that a constant
    /// feature does not become a division by zero.
    pub(crate) fn from_features(features: Tensor<2>, least: f64) -> Self {
        let mean = features.clone().mean_dim(0);
        let distance = features - mean.clone();
        let deviation = (distance.clone() * distance).mean_dim(0).sqrt().add_scalar(least);
        Self::from_moments(mean.squeeze_dim(0), deviation.squeeze_dim(0))
    }

    /// Vectors `[batch, features]`, standardised.
    pub(crate) fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        (features - self.mean.value().unsqueeze()) / self.deviation.value().unsqueeze()
    }
}
