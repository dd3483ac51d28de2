//! The mixture: a density of normal vectors, and the distance of others from it. The vectors of one tissue form several
//! clusters (fat, stroma, dense cells), between which an anomalous tile is near to the mean of all of them, but improbable.

use burn::module::{Module, RunningState};
use burn::tensor::{Device, Tensor};

use super::MixtureConfig;
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
    /// Logarithm of each component's weight times its density at its mean, over the sum of these, `[components]`.
    peaks: RunningState<Tensor<1>>,
    /// Mean logarithmic distance of normal vectors, and the weight of the mixture over their standard deviation, `[2]`.
    standard: RunningState<Tensor<1>>,
    /// The parts of a vector that count, each from its first value to that after its last.
    #[module(skip)]
    columns: Vec<[usize; 2]>,
    /// The least part of a score, where the weight is negative.
    #[module(skip)]
    least: Option<f64>,
}

/// The figures of a [`Mixture`].
pub(super) struct MixtureValues {
    pub(super) centre: Tensor<1>,
    pub(super) projection: Tensor<2>,
    pub(super) factors: Tensor<2>,
    pub(super) offsets: Tensor<1>,
    pub(super) peaks: Tensor<1>,
    pub(super) standard: Tensor<1>,
}

impl Mixture {
    /// The mixture with the number `at` before it is fitted. It reads these parts of a vector.
    pub(super) fn new(at: usize, config: &MixtureConfig, columns: Vec<[usize; 2]>, device: &Device) -> Self {
        let features = columns.iter().map(|[start, end]| end - start).sum();
        let (components, dimensions) = (config.components, config.dimensions);
        Self::from_values(
            at,
            config,
            columns,
            MixtureValues {
                centre: Tensor::zeros([features], device),
                projection: Tensor::zeros([features, dimensions], device),
                factors: Tensor::zeros([dimensions, components * dimensions], device),
                offsets: Tensor::zeros([components * dimensions], device),
                peaks: Tensor::zeros([components], device),
                standard: Tensor::zeros([2], device),
            },
        )
    }

    pub(super) fn from_values(
        at: usize,
        config: &MixtureConfig,
        columns: Vec<[usize; 2]>,
        values: MixtureValues,
    ) -> Self {
        let path = |part: &str| identity::for_path(&format!("mixtures.{at}.{part}"));
        Self {
            columns,
            least: config.least_part(),
            centre: RunningState::with_id(path("centre"), values.centre),
            projection: RunningState::with_id(path("projection"), values.projection),
            factors: RunningState::with_id(path("factors"), values.factors),
            offsets: RunningState::with_id(path("offsets"), values.offsets),
            peaks: RunningState::with_id(path("peaks"), values.peaks),
            standard: RunningState::with_id(path("standard"), values.standard),
        }
    }

    /// The part of a score: the logarithmic distances of vectors `[n, all features]` in standard deviations of those of normal
    /// vectors, `[n]`, times the weight, and at least [`MixtureConfig::least_part`].
    pub(super) fn part(&self, vectors: &Tensor<2>) -> Tensor<1> {
        let parts = self.columns.iter().map(|[start, end]| vectors.clone().narrow(1, *start, end - start));
        let distances = self.log_distances(Tensor::cat(parts.collect(), 1));
        let standard = self.standard.value();
        let part = (distances - standard.clone().narrow(0, 0, 1)) * standard.narrow(0, 1, 1);
        match self.least {
            Some(least) => part.clamp_min(least),
            None => part,
        }
    }

    /// Logarithms of the distances of vectors `[n, features]` from the mixture, `[n]`: ln(1 + d^2) / 2, where d^2 is twice the
    /// negative log-density over the sum of the components' highest densities. With one component d is Mahalanobis's distance
    /// in the space of the principal components. The logarithm has a small rounding error for vectors that are far from all
    /// components, or at the centre of one.
    pub(super) fn log_distances(&self, vectors: Tensor<2>) -> Tensor<1> {
        let squares = self.negative_log_density(vectors).mul_scalar(2.0);
        // Below 0 by rounding only.
        squares.clamp_min(0.0).add_scalar(1.0).log().mul_scalar(0.5)
    }

    fn negative_log_density(&self, vectors: Tensor<2>) -> Tensor<1> {
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
