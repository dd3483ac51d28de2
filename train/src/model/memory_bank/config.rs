//! The keys of a `memory_bank`.

use serde::{Deserialize, Serialize};

use super::fit;
use crate::Result;
use crate::model::backbone::BackboneConfig;
use crate::model::{ModelSettings, Pooling, Scores, Statistic};

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

/// A density of whole normal tiles: Gaussians in the space of the first principal components of their vectors, or of the
/// parts that `stages` and `of` name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MixtureConfig {
    /// Stages of the backbone whose maps count; all of its stages if empty.
    pub stages: Vec<usize>,
    /// The numbers of each map that count; all that `pooling` computes if empty.
    pub of: Vec<Statistic>,
    /// Number of Gaussians, each with a full covariance.
    pub components: usize,
    /// Number of principal components.
    pub dimensions: usize,
    /// Factor on the distance in the score. A negative one makes tiles anomalous that are more typical than normal ones. It
    /// lowers no score by more than a distance of two standard deviations does.
    pub weight: f64,
}

impl MixtureConfig {
    /// The least that the part of a score with a negative weight can be: that of a tile two standard deviations farther away
    /// than the mean normal tile. A tile that is like no tissue at all is far from every density; without the limit, that from a
    /// density with a negative weight would make it normal.
    pub(super) fn least_part(&self) -> Option<f64> {
        const DEVIATIONS: f64 = 2.0;
        (self.weight < 0.0).then_some(DEVIATIONS * self.weight)
    }
}

impl Default for MixtureConfig {
    fn default() -> Self {
        Self { stages: Vec::new(), of: Vec::new(), components: 16, dimensions: 10, weight: 1.0 }
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
    /// Mixtures of whole tiles, whose weighted distances add up to the score in place of the bank's. Left out of written
    /// configurations without one, so that those of older versions stay the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mixtures: Vec<MixtureConfig>,
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
            mixtures: Vec::new(),
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

    /// The parts of a vector that a mixture reads, each from its first value to that after its last.
    pub(super) fn columns(&self, mixture: &MixtureConfig) -> Vec<[usize; 2]> {
        let channels = self.backbone.name.channels(self.backbone.width);
        let mut columns: Vec<[usize; 2]> = Vec::new();
        let mut start = 0;
        for statistic in self.pooling.statistics() {
            for stage in &self.backbone.stages {
                let end = start + channels.get(stage - 1).copied().unwrap_or(0);
                let counts = mixture.of.is_empty() || mixture.of.contains(statistic);
                if counts && (mixture.stages.is_empty() || mixture.stages.contains(stage)) {
                    match columns.last_mut() {
                        Some(last) if last[1] == start => last[1] = end,
                        _ => columns.push([start, end]),
                    }
                }
                start = end;
            }
        }
        columns
    }

    /// The first problem with the keys of the mixtures.
    fn problem_of_mixtures(&self) -> Option<String> {
        let problem = |mixture: &MixtureConfig| {
            let stages = mixture.stages.iter().all(|stage| self.backbone.stages.contains(stage));
            let of = mixture.of.iter().all(|statistic| self.pooling.statistics().contains(statistic));
            let checks = [
                (stages, "stages: model.backbone.stages must have all of them"),
                (of, "of: model.pooling must compute it; means_and_deviations computes all"),
                ((1..=256).contains(&mixture.components), "components: must be 1 to 256"),
                ((1..=64).contains(&mixture.dimensions), "dimensions: must be 1 to 64"),
                (
                    (1e-6..=1e6).contains(&mixture.weight.abs()),
                    "weight: must be 0.000001 to 1000000, or the negative of such a number",
                ),
            ];
            checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem)
        };
        let found = self.mixtures.iter().enumerate().find_map(|(at, mixture)| Some((at, problem(mixture)?)));
        found.map(|(at, problem)| format!("model.mixtures[{at}].{problem}"))
    }
}

impl ModelSettings for MemoryBankConfig {
    fn problem(&self) -> Option<String> {
        let tile = self.tile.as_ref().is_none_or(|bank| bank.neighbours >= 1 && bank.entries >= bank.neighbours);
        let patch = self.patch.as_ref().is_none_or(|bank| {
            bank.entries >= 1 && bank.of_each_tile >= 1 && bank.of_each_tile <= bank.side.saturating_mul(bank.side)
        });
        let side = self.patch.as_ref().is_none_or(|bank| [4, 8, 16, 32].contains(&bank.side));
        let any = self.tile.is_some() || !self.mixtures.is_empty() || self.patch.is_some();
        let checks = [
            (any, "model: a memory bank needs `tile`, `patch` or both, or `mixtures`"),
            (
                self.tile.is_none() || self.mixtures.is_empty(),
                "model.mixtures: `tile` and `mixtures` both make the score; set `tile` to null, or remove `mixtures`",
            ),
            (tile, "model.tile: entries must be at least neighbours, and those at least 1"),
            (side, "model.patch.side: must be 4, 8, 16 or 32"),
            (patch, "model.patch: entries and of_each_tile must be at least 1, and a tile has side x side patches"),
            ((1..=1000).contains(&self.views), "model.views: must be 1 to 1000"),
        ];
        let problem = checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem.to_owned());
        self.backbone.problem().or(problem).or_else(|| self.problem_of_mixtures())
    }

    fn estimated_weights(&self) -> f64 {
        let tile = self.tile.as_ref().map_or(0, |bank| bank.entries) as f64;
        let patch = self.patch.as_ref().map_or(0, |bank| bank.entries) as f64;
        let dimensions: usize = self.mixtures.iter().map(|mixture| mixture.dimensions).sum();
        (tile + dimensions as f64) * self.features() as f64 + patch * self.backbone.features() as f64
    }

    fn check_room(&self, vectors: usize) -> Result<()> {
        fit::check_rooms(self, vectors)
    }

    fn output_meaning(&self, output: &str, _fitted_score: bool) -> &'static str {
        match output {
            "score" if !self.mixtures.is_empty() => {
                "higher is more anomalous: softplus of the weighted distances from densities of normal tiles, in their standard deviations"
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BackboneKind;

    #[test]
    fn a_mixture_reads_the_named_numbers_of_the_named_stages() {
        let backbone =
            BackboneConfig { name: BackboneKind::Resnet18, stages: vec![1, 2, 4], ..BackboneConfig::default() };
        let config =
            MemoryBankConfig { backbone, pooling: Pooling::MeanCentreAndDeviation, ..MemoryBankConfig::default() };
        let columns = |stages: &[usize], of: &[Statistic]| {
            config.columns(&MixtureConfig { stages: stages.to_vec(), of: of.to_vec(), ..MixtureConfig::default() })
        };
        // Stages of 64, 128 and 512 channels, three times.
        assert_eq!(columns(&[], &[]), [[0, 3 * 704]]);
        assert_eq!(columns(&[2], &[]), [[64, 192], [704 + 64, 704 + 192], [2 * 704 + 64, 2 * 704 + 192]]);
        assert_eq!(columns(&[], &[Statistic::Deviation]), [[2 * 704, 3 * 704]]);
        assert_eq!(columns(&[1, 4], &[Statistic::Mean]), [[0, 64], [192, 704]]);
        assert_eq!(
            columns(&[4, 1], &[Statistic::Centre, Statistic::Mean]),
            [[0, 64], [192, 704 + 64], [704 + 192, 1408]]
        );
    }

    #[test]
    fn the_wrong_key_of_a_mixture_is_named_with_its_number() {
        let problem = |mixture: MixtureConfig| {
            let mixtures = vec![MixtureConfig::default(), mixture];
            MemoryBankConfig { tile: None, mixtures, ..MemoryBankConfig::default() }.problem().unwrap_or_default()
        };
        let usual = MixtureConfig::default;
        assert_eq!(problem(MixtureConfig { stages: vec![7], of: vec![Statistic::Mean], weight: -1.0, ..usual() }), "");
        for (mixture, key) in [
            (MixtureConfig { stages: vec![3, 6], ..usual() }, "stages"),
            (MixtureConfig { of: vec![Statistic::Deviation], ..usual() }, "of"),
            (MixtureConfig { components: 0, ..usual() }, "components"),
            (MixtureConfig { dimensions: 65, ..usual() }, "dimensions"),
            (MixtureConfig { weight: 0.0, ..usual() }, "weight"),
            (MixtureConfig { weight: f64::NAN, ..usual() }, "weight"),
            (MixtureConfig { weight: -1e300, ..usual() }, "weight"),
            (MixtureConfig { weight: 1e-40, ..usual() }, "weight"),
        ] {
            let found = problem(mixture);
            assert!(found.starts_with(&format!("model.mixtures[1].{key}: ")), "{found}");
        }
    }
}
