//! Vectors centred and scaled by the figures of others, which are not learnt but measured.

use burn::module::{Module, RunningState};
use burn::tensor::{Device, Tensor};

use super::identity;

/// Each feature less its mean, over its deviation.
#[derive(Module, Debug)]
pub(crate) struct Standard {
    mean: RunningState<Tensor<1>>,
    deviation: RunningState<Tensor<1>>,
}

impl Standard {
    /// Changes nothing.
    pub(crate) fn new(features: usize, device: &Device) -> Self {
        Self::from(Tensor::zeros([features], device), Tensor::ones([features], device))
    }

    fn from(mean: Tensor<1>, deviation: Tensor<1>) -> Self {
        let state = |name: &str, value| RunningState::with_id(identity::of_path(&format!("standard.{name}")), value);
        Self { mean: state("mean", mean), deviation: state("deviation", deviation) }
    }

    /// By the figures of these vectors, `[n, features]`. `least` is added to each deviation, so that a feature that is
    /// the same everywhere does not become a division by zero.
    pub(crate) fn of(features: Tensor<2>, least: f64) -> Self {
        let mean = features.clone().mean_dim(0);
        let distance = features - mean.clone();
        let deviation = (distance.clone() * distance).mean_dim(0).sqrt().add_scalar(least);
        Self::from(mean.squeeze_dim(0), deviation.squeeze_dim(0))
    }

    /// Vectors `[batch, features]`, standardised.
    pub(crate) fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        (features - self.mean.value().unsqueeze()) / self.deviation.value().unsqueeze()
    }
}
