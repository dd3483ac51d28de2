//! The mixture: a density of normal vectors, and the negative log-density of others under it. The vectors of one tissue form
//! several clusters (fat, stroma, dense cells), between which an anomalous tile is near to the mean of all of them, but
//! improbable.

use burn::module::{Module, RunningState};
use burn::tensor::{Device, Tensor};

use crate::model::identity;

/// Gaussians with full covariances in the space of the first principal components.
#[derive(Module, Debug)]
pub(super) struct Mixture {
    /// Mean of the normal vectors, `[features]`.
    centre: RunningState<Tensor<1>>,
    /// The map from differences to principal components of variance 1, `[features, dimensions]`.
    projection: RunningState<Tensor<2>>,
    /// Cholesky factors of the inverse covariances side by side, `[dimensions, components * dimensions]`.
    factors: RunningState<Tensor<2>>,
    /// The mean of each component times its factor, `[components * dimensions]`.
    offsets: RunningState<Tensor<1>>,
    /// Logarithm of each component's weight times its density at its mean, over the highest of these, `[components]`.
    peaks: RunningState<Tensor<1>>,
}

/// The figures of a [`Mixture`].
pub(super) struct MixtureValues {
    pub(super) centre: Tensor<1>,
    pub(super) projection: Tensor<2>,
    pub(super) factors: Tensor<2>,
    pub(super) offsets: Tensor<1>,
    pub(super) peaks: Tensor<1>,
}

impl Mixture {
    /// A mixture before it is fitted.
    pub(super) fn new(features: usize, [components, dimensions]: [usize; 2], device: &Device) -> Self {
        Self::from_values(MixtureValues {
            centre: Tensor::zeros([features], device),
            projection: Tensor::zeros([features, dimensions], device),
            factors: Tensor::zeros([dimensions, components * dimensions], device),
            offsets: Tensor::zeros([components * dimensions], device),
            peaks: Tensor::zeros([components], device),
        })
    }

    pub(super) fn from_values(values: MixtureValues) -> Self {
        let path = |part: &str| identity::for_path(&format!("mixture.{part}"));
        Self {
            centre: RunningState::with_id(path("centre"), values.centre),
            projection: RunningState::with_id(path("projection"), values.projection),
            factors: RunningState::with_id(path("factors"), values.factors),
            offsets: RunningState::with_id(path("offsets"), values.offsets),
            peaks: RunningState::with_id(path("peaks"), values.peaks),
        }
    }

    /// Negative natural logarithm of the density at the principal components of each vector `[n, features]`, `[n]`, over the
    /// highest density of a component.
    pub(super) fn negative_log_density(&self, vectors: Tensor<2>) -> Tensor<1> {
        let peaks = self.peaks.value();
        let factors = self.factors.value();
        let ([count, _], [components], [dimensions, _]) = (vectors.dims(), peaks.dims(), factors.dims());
        let white = (vectors - self.centre.value().unsqueeze()).matmul(self.projection.value());
        let distances = white.matmul(factors) - self.offsets.value().unsqueeze();
        let squares = (distances.clone() * distances).reshape([count, components, dimensions]);
        let squares: Tensor<2> = squares.sum_dim(2).squeeze_dim(2);
        let logarithms = peaks.unsqueeze() - squares.mul_scalar(0.5);
        // The largest term is subtracted first, because far from all components every exponential would be 0.
        let largest = logarithms.clone().max_dim(1);
        let sum = (logarithms - largest.clone()).exp().sum_dim(1).log();
        (sum + largest).neg().squeeze_dim(1)
    }
}
