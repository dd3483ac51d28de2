//! Distances from normal tiles in the features of a pretrained backbone. Needs no anomalous tile, because it learns only the
//! features of normal ones. A bank is after PatchCore (Roth and others, 2022), with two changes: distances are Mahalanobis's,
//! as in PaDiM (Defard and others, 2021), because features of one tissue vary together; and whole tiles have a separate bank,
//! because in tissue the arrangement is anomalous more often than any single patch. In place of that distance, the score can
//! be the distance from mixtures of Gaussians.

mod bank;
mod config;
mod fit;
mod fit_mixture;
mod mixture;
mod vectors;

use burn::module::Module;
use burn::tensor::activation::softplus;
use burn::tensor::{Device, Int, Tensor};

use bank::Bank;
pub use config::{BankConfig, MemoryBankConfig, MixtureConfig, PatchBankConfig};
use mixture::Mixture;

use super::backbone::{Backbone, Extraction, FrozenBackbone};
use super::loss::masked_mean;
use super::maps::enlarged;
use super::{LossOptions, OnePass, PixelValues, Scores, TileModel};

/// A backbone, and a bank of vectors for tiles, for patches, or for both.
#[derive(Module, Debug)]
pub struct MemoryBank {
    backbone: Backbone,
    tile: Option<Bank>,
    mixtures: Vec<Mixture>,
    patch: Option<Bank>,
    side: usize,
    #[module(skip)]
    extraction: Extraction,
}

impl MemoryBank {
    /// The model with other banks and mixtures.
    fn with_banks(self, tile: Option<Bank>, mixtures: Vec<Mixture>, patch: Option<Bank>) -> Self {
        Self { tile, mixtures, patch, ..self }
    }

    /// Patches along a side of the tile, if there is a bank for them.
    fn patch_side(&self) -> Option<usize> {
        self.patch.as_ref().map(|_| self.side)
    }

    /// The vectors of tiles: of whole tiles, `[batch, features]`, and of their patches, `[batch * side * side, features]`,
    /// if there is a bank for them.
    fn vectors(&self, tile: PixelValues) -> (Tensor<2>, Option<Tensor<2>>) {
        let (means, patches) = self.extraction.vectors(&self.backbone, tile, self.patch_side());
        let rows = patches.map(|patches| {
            let [batch, height, width, features] = patches.dims();
            patches.reshape([batch * height * width, features])
        });
        (means, rows)
    }
}

impl TileModel for MemoryBank {
    type Settings = MemoryBankConfig;

    const KIND: &'static str = "memory_bank";
    const PHRASE: &'static str = "memory bank";
    const HAS_CLASSES: bool = false;
    const FULL_PRECISION: &'static [&'static str] = &["tile", "mixtures", "patch"];

    /// Empty banks and fresh weights.
    fn from_settings(settings: &MemoryBankConfig, _classes: usize, device: &Device) -> Self {
        let backbone = &settings.backbone;
        let (whole, of_patch) = (settings.features(), backbone.features());
        Self {
            backbone: Backbone::new(backbone.name, backbone.depth(), backbone.width, device),
            tile: settings.tile.as_ref().map(|tile| Bank::new("tile", [whole, tile.entries], tile.neighbours, device)),
            mixtures: settings
                .mixtures
                .iter()
                .enumerate()
                .map(|(at, one)| Mixture::new(at, one, settings.columns(one), device))
                .collect(),
            patch: settings.patch.as_ref().map(|patch| Bank::new("patch", [of_patch, patch.entries], 1, device)),
            side: settings.patch.as_ref().map_or(1, |patch| patch.side),
            extraction: Extraction::new(backbone, settings.pooling),
        }
    }

    fn score(&self, tile: PixelValues, _normal: usize) -> Scores {
        let (whole, patches) = self.vectors(tile);
        let [batch, _] = whole.dims();
        let map = self
            .patch
            .as_ref()
            .zip(patches)
            .map(|(bank, patches)| bank.distances(patches).reshape([batch, 1, self.side, self.side]));
        // Parts with weights of both signs cancel. A sum near 0 would have a large relative rounding error; its softplus is not
        // near 0.
        let of_mixtures = self.mixtures.iter().map(|mixture| mixture.part(&whole)).reduce(|sum, part| sum + part);
        let of_mixtures = of_mixtures.map(|sum| softplus(sum, 1.0));
        let score = match (&self.tile, of_mixtures, &map) {
            (Some(bank), _, _) => bank.distances(whole),
            (None, Some(score), _) => score,
            (None, None, Some(map)) => map.clone().mean_dim(3).mean_dim(2).reshape([batch]),
            // A configuration with none of them is refused.
            (None, None, None) => Tensor::zeros([batch], &whole.device()),
        };
        Scores { error_map: map.map(enlarged), ..Scores::new(score) }
    }

    /// The mean distance of normal tiles. There is no gradient to follow: [`TileModel::fitted`] does the training.
    fn loss(&self, tile: PixelValues, _labels: Tensor<1, Int>, normal: Tensor<1>, _options: &LossOptions) -> Tensor<1> {
        masked_mean(self.score(tile, 0).score, normal)
    }

    fn loss_of_scores(
        &self,
        scores: &Scores,
        _labels: Tensor<1, Int>,
        normal: Tensor<1>,
        _options: &LossOptions,
    ) -> Tensor<1> {
        masked_mean(scores.score.clone(), normal)
    }

    fn backbone(&self) -> Option<&Backbone> {
        Some(&self.backbone)
    }

    fn with_backbone(self, backbone: Backbone) -> Self {
        Self { backbone, ..self }
    }

    fn frozen_backbone(&self) -> Option<FrozenBackbone> {
        Some(FrozenBackbone::new(self.backbone.clone(), &self.extraction, self.patch_side()))
    }

    fn fitted(self, settings: &MemoryBankConfig, pass: &mut OnePass<'_>) -> crate::Result<Self> {
        fit::fitted(self, settings, pass)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_memory_bank_keeps_the_promises_of_a_kind() {
        // At 96 pixels the maps have 24 cells a side, which 16 patches do not divide.
        for side in [256, 96] {
            crate::model::testing::check_kind(&format!(
                "{{kind: memory_bank, backbone: {{name: resnet18, weights: random, stages: [1], width: 0.25, side: {side}}}, \
                 tile: {{entries: 4, neighbours: 1}}, patch: {{side: 16, entries: 4}}}}"
            ));
        }
    }

    #[test]
    fn mixtures_keep_the_promises_of_a_kind() {
        crate::model::testing::check_kind(
            "{kind: memory_bank, backbone: {name: resnet18, weights: random, stages: [1, 2], width: 0.25}, pooling: \
             mean_centre_and_deviation, tile: null, patch: null, mixtures: [{components: 2, dimensions: 3}, {stages: [2], \
             of: [mean, deviation], components: 1, dimensions: 2, weight: -0.5}]}",
        );
    }
}
