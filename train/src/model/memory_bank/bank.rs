//! The bank: whitened vectors, and distances from the nearest of them.

use burn::module::{Module, RunningState};
use burn::tensor::{Device, Tensor};

use crate::model::identity;

/// Vectors in a space in which normal vectors have no covariance and variance 1.
#[derive(Module, Debug)]
pub(super) struct Bank {
    /// Mean of the normal vectors, `[features]`.
    centre: RunningState<Tensor<1>>,
    /// The map from differences to that space, `[features, features]`.
    whitening: RunningState<Tensor<2>>,
    /// The kept vectors in that space, `[features, entries]`.
    entries: RunningState<Tensor<2>>,
    /// Their squared lengths, `[entries]`.
    squares: RunningState<Tensor<1>>,
    neighbours: usize,
}

impl Bank {
    /// An empty bank.
    pub(super) fn new(name: &str, [features, entries]: [usize; 2], neighbours: usize, device: &Device) -> Self {
        let centre = Tensor::zeros([features], device);
        let whitening = Tensor::zeros([features, features], device);
        Self::from_entries(name, centre, whitening, Tensor::zeros([features, entries], device), neighbours)
    }

    /// A bank of whitened `entries`, `[features, entries]`. `name` must be unique in the model.
    pub(super) fn from_entries(
        name: &str,
        centre: Tensor<1>,
        whitening: Tensor<2>,
        entries: Tensor<2>,
        neighbours: usize,
    ) -> Self {
        let path = |part: &str| identity::for_path(&format!("{name}.{part}"));
        let squares = (entries.clone() * entries.clone()).sum_dim(0).squeeze_dim(0);
        Self {
            centre: RunningState::with_id(path("centre"), centre),
            whitening: RunningState::with_id(path("whitening"), whitening),
            entries: RunningState::with_id(path("entries"), entries),
            squares: RunningState::with_id(path("squares"), squares),
            neighbours,
        }
    }

    /// Mean distance of vectors `[n, features]` to their nearest entries, `[n]`, over the root of the number of
    /// features: about 1 for a normal vector.
    pub(super) fn distances(&self, vectors: Tensor<2>) -> Tensor<1> {
        let [_, features] = vectors.dims();
        let white = (vectors - self.centre.value().unsqueeze()).matmul(self.whitening.value());
        let lengths = (white.clone() * white.clone()).sum_dim(1);
        let products = white.matmul(self.entries.value());
        let squared = lengths + self.squares.value().unsqueeze() - products.mul_scalar(2.0);
        let nearest = match self.neighbours {
            1 => squared.min_dim(1),
            count => squared.neg().topk(count, 1).neg(),
        };
        // Rounding can leave a square just below zero.
        let distances = nearest.clamp_min(0.0).div_scalar(features as f64).sqrt();
        distances.mean_dim(1).squeeze_dim(1)
    }
}
