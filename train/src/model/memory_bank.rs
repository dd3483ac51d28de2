//! Distances from normal tiles in the features of a backbone: nothing is learnt but what normal tiles look like, so no
//! anomalous tile is needed. After PatchCore (Roth and others, 2022), with two changes: distances are Mahalanobis's, as
//! in PaDiM (Defard and others, 2021), because features of one tissue vary together; and whole tiles have a bank of
//! their own, because in tissue it is the arrangement that is wrong more often than any one patch.

use burn::module::{Module, RunningState};
use burn::tensor::{Device, Tensor};

use super::backbone::{Backbone, pooled};
use super::maps::{enlarged, resized};
use super::{Levels, Scores, identity};
use crate::config::MemoryBankConfig;

/// A backbone, and a bank of vectors for tiles, for patches, or for both.
#[derive(Module, Debug)]
pub struct MemoryBank {
    backbone: Backbone,
    tile: Option<Bank>,
    patch: Option<Bank>,
    side: usize,
    #[module(skip)]
    stages: Vec<usize>,
}

impl MemoryBank {
    /// Empty banks and fresh weights.
    #[must_use]
    pub fn new(config: &MemoryBankConfig, device: &Device) -> Self {
        let backbone = &config.backbone;
        let features = backbone.features();
        let bank = |name, entries, neighbours| Bank::new(name, [features, entries], neighbours, device);
        Self {
            backbone: Backbone::new(backbone.name, backbone.depth(), backbone.width, device),
            tile: config.tile.as_ref().map(|tile| bank("tile", tile.entries, tile.neighbours)),
            patch: config.patch.as_ref().map(|patch| bank("patch", patch.entries, 1)),
            side: config.patch.as_ref().map_or(1, |patch| patch.side),
            stages: backbone.stages.clone(),
        }
    }

    /// The backbone.
    #[must_use]
    pub fn backbone(&self) -> &Backbone {
        &self.backbone
    }

    /// The same model on another backbone of the same form.
    #[must_use]
    pub(crate) fn on(self, backbone: Backbone) -> Self {
        Self { backbone, ..self }
    }

    /// The same model with other vectors in its banks.
    #[must_use]
    pub(crate) fn with_banks(self, tile: Option<Bank>, patch: Option<Bank>) -> Self {
        Self { tile, patch, ..self }
    }

    /// The vectors of decoded tiles (u8, `[batch, 256, 256, 3]`): of whole tiles, `[batch, features]`, and of their
    /// patches, `[batch * side * side, features]`, where there is a bank for them.
    pub(crate) fn vectors(&self, tile: impl Into<Levels>) -> (Tensor<2>, Option<Tensor<2>>) {
        let maps = self.backbone.maps(tile, &self.stages);
        let means = pooled(maps.clone());
        let patches = self.patch.as_ref().map(|_| {
            let all: Vec<Tensor<4>> = maps.into_iter().map(|maps| resized(maps, self.side)).collect();
            let all = Tensor::cat(all, 1);
            let [batch, features, height, width] = all.dims();
            all.permute([0, 2, 3, 1]).reshape([batch * height * width, features])
        });
        (means, patches)
    }

    /// Score and map of decoded tiles.
    #[must_use]
    pub fn score(&self, tile: impl Into<Levels>) -> Scores {
        let (whole, patches) = self.vectors(tile);
        let [batch, _] = whole.dims();
        let map = self
            .patch
            .as_ref()
            .zip(patches)
            .map(|(bank, patches)| bank.distances(patches).reshape([batch, 1, self.side, self.side]));
        let score = match (&self.tile, &map) {
            (Some(bank), _) => bank.distances(whole),
            (None, Some(map)) => map.clone().mean_dim(3).mean_dim(2).reshape([batch]),
            // A configuration without any bank is refused; this tells nothing apart.
            (None, None) => Tensor::zeros([batch], &whole.device()),
        };
        Scores::of_distance(score, map.map(enlarged))
    }
}

/// Vectors in a space where normal ones vary equally in every direction.
#[derive(Module, Debug)]
pub(crate) struct Bank {
    /// Mean of the normal vectors, `[features]`.
    centre: RunningState<Tensor<1>>,
    /// From differences to that space, `[features, features]`.
    whitening: RunningState<Tensor<2>>,
    /// The kept vectors there, `[features, entries]`.
    entries: RunningState<Tensor<2>>,
    /// Their squared lengths, `[entries]`.
    squares: RunningState<Tensor<1>>,
    neighbours: usize,
}

impl Bank {
    fn new(name: &str, [features, entries]: [usize; 2], neighbours: usize, device: &Device) -> Self {
        let centre = Tensor::zeros([features], device);
        let whitening = Tensor::zeros([features, features], device);
        Self::of(name, centre, whitening, Tensor::zeros([features, entries], device), neighbours)
    }

    /// A bank of `entries`, `[features, entries]`, that are whitened already. `name` tells a model's banks apart.
    pub(crate) fn of(
        name: &str,
        centre: Tensor<1>,
        whitening: Tensor<2>,
        entries: Tensor<2>,
        neighbours: usize,
    ) -> Self {
        let path = |part: &str| identity::of_path(&format!("{name}.{part}"));
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
    /// features: about 1 where a vector lies as far out as normal ones do.
    fn distances(&self, vectors: Tensor<2>) -> Tensor<1> {
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
