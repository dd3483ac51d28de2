//! The keys of a `memory_bank`.

use serde::{Deserialize, Serialize};

use crate::model::backbone::BackboneConfig;
use crate::model::{ModelSettings, Pooling, Scores};

/// A bank of vectors of whole normal tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BankConfig {
    /// Number of vectors kept: the ones furthest from each other.
    pub entries: usize,
    /// The distance is the mean to this many nearest entries.
    pub neighbours: usize,
}

impl Default for BankConfig {
    fn default() -> Self {
        Self { entries: 128, neighbours: 3 }
    }
}

/// A bank of vectors of patches of normal tiles, for the error map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PatchBankConfig {
    /// Patches along a side of the tile; the maps of all stages are resized to this side.
    pub side: usize,
    /// Patches of each training tile that may enter the bank.
    pub of_each_tile: usize,
    /// Number of vectors kept: the ones furthest from each other.
    pub entries: usize,
}

impl Default for PatchBankConfig {
    fn default() -> Self {
        Self { side: 16, of_each_tile: 8, entries: 512 }
    }
}

/// A density of whole normal tiles: Gaussians in the space of the first principal components of their vectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MixtureConfig {
    /// Number of Gaussians, each with a full covariance.
    pub components: usize,
    /// Number of principal components.
    pub dimensions: usize,
}

impl Default for MixtureConfig {
    fn default() -> Self {
        Self { components: 16, dimensions: 10 }
    }
}

/// Distances of whole tiles and of patches from normal ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryBankConfig {
    /// The backbone; its weights do not learn.
    pub backbone: BackboneConfig,
    /// The bank of whole tiles, whose distance is the score; `null` takes the score from the patches.
    pub tile: Option<BankConfig>,
    /// A mixture of whole tiles, whose negative log-density is the score in place of a distance; `null` for none. Left out of
    /// written configurations without one, so that those of older versions stay the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixture: Option<MixtureConfig>,
    /// The numbers that each map becomes in vectors of whole tiles. Left out of written configurations at its default.
    #[serde(skip_serializing_if = "Pooling::is_default")]
    pub pooling: Pooling,
    /// The bank of patches, whose distances are the error map; `null` for none.
    pub patch: Option<PatchBankConfig>,
    /// Number of variations of each normal training tile. 1 without augmentation.
    pub views: u64,
}

impl Default for MemoryBankConfig {
    fn default() -> Self {
        Self {
            backbone: BackboneConfig::default(),
            tile: Some(BankConfig::default()),
            mixture: None,
            pooling: Pooling::default(),
            patch: Some(PatchBankConfig::default()),
            views: 1,
        }
    }
}

impl MemoryBankConfig {
    /// Length of the vectors of whole tiles.
    pub(super) fn features(&self) -> usize {
        self.pooling.features(self.backbone.features())
    }
}

impl ModelSettings for MemoryBankConfig {
    fn problem(&self) -> Option<String> {
        let tile = self.tile.as_ref().is_none_or(|bank| bank.neighbours >= 1 && bank.entries >= bank.neighbours);
        let patch = self.patch.as_ref().is_none_or(|bank| {
            bank.entries >= 1 && bank.of_each_tile >= 1 && bank.of_each_tile <= bank.side * bank.side
        });
        let side = self.patch.as_ref().is_none_or(|bank| [4, 8, 16, 32].contains(&bank.side));
        let mixture = self
            .mixture
            .as_ref()
            .is_none_or(|mixture| (1..=256).contains(&mixture.components) && (1..=64).contains(&mixture.dimensions));
        let any = self.tile.is_some() || self.mixture.is_some() || self.patch.is_some();
        let checks = [
            (any, "model: a memory bank needs `tile`, `patch` or both, or `mixture`"),
            (
                self.tile.is_none() || self.mixture.is_none(),
                "model.mixture: `tile` and `mixture` both make the score; set one of them to null",
            ),
            (mixture, "model.mixture: components must be 1 to 256, and dimensions 1 to 64"),
            (tile, "model.tile: entries must be at least neighbours, and those at least 1"),
            (side, "model.patch.side: must be 4, 8, 16 or 32"),
            (patch, "model.patch: entries and of_each_tile must be at least 1, and a tile has side x side patches"),
            ((1..=1000).contains(&self.views), "model.views: must be 1 to 1000"),
        ];
        let problem = checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem.to_owned());
        self.backbone.problem().or(problem)
    }

    /// About a thousand features per vector.
    fn estimated_weights(&self) -> f64 {
        let tile = self.tile.as_ref().map_or(0, |bank| bank.entries);
        let patch = self.patch.as_ref().map_or(0, |bank| bank.entries);
        let mixture = self.mixture.as_ref().map_or(0, |mixture| mixture.dimensions);
        1e3 * (tile as f64 + patch as f64 + mixture as f64)
    }

    fn output_meaning(&self, output: &str, _fitted_score: bool) -> &'static str {
        match output {
            "score" if self.mixture.is_some() => {
                "higher is more anomalous: negative natural logarithm of the density of normal tiles, about 0 where it is highest"
            }
            "score" => "higher is more anomalous: distance from the nearest normal tiles, about 1 for a normal one",
            "error_map" => {
                "distance of each place from the nearest normal patch, about 1 for a normal one, between patches by interpolation"
            }
            _ => Scores::meaning(output),
        }
    }

    fn backbone(&self) -> Option<&BackboneConfig> {
        Some(&self.backbone)
    }

    fn views(&self) -> u64 {
        self.views
    }

    fn learns_from_features(&self) -> bool {
        true
    }

    fn learns_in_one_pass(&self) -> bool {
        true
    }
}
