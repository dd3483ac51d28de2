//! The keys of a `memory_bank`.

use serde::{Deserialize, Serialize};

use crate::model::backbone::BackboneConfig;
use crate::model::{ModelSettings, Scores};

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

/// Distances of whole tiles and of patches from normal ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryBankConfig {
    /// The backbone; its weights do not learn.
    pub backbone: BackboneConfig,
    /// The bank of whole tiles, whose distance is the score; `null` takes the score from the patches.
    pub tile: Option<BankConfig>,
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
            patch: Some(PatchBankConfig::default()),
            views: 1,
        }
    }
}

impl ModelSettings for MemoryBankConfig {
    fn problem(&self) -> Option<String> {
        let tile = self.tile.as_ref().is_none_or(|bank| bank.neighbours >= 1 && bank.entries >= bank.neighbours);
        let patch = self.patch.as_ref().is_none_or(|bank| {
            bank.entries >= 1 && bank.of_each_tile >= 1 && bank.of_each_tile <= bank.side * bank.side
        });
        let side = self.patch.as_ref().is_none_or(|bank| [4, 8, 16, 32].contains(&bank.side));
        let checks = [
            (self.tile.is_some() || self.patch.is_some(), "model: a memory bank needs `tile`, `patch` or both"),
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
        1e3 * (tile as f64 + patch as f64)
    }

    fn output_meaning(&self, output: &str, _fitted_score: bool) -> &'static str {
        match output {
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
