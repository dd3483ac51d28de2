//! Configuration of the models that stand on a backbone: which one, where its weights come from, which of its maps are
//! used, and what is made of them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A network that gives feature maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackboneKind {
    /// EfficientNet-Lite0: 3.4 million weights, eight stages.
    EfficientnetLite0,
    /// ResNet-18: 11.2 million weights, four stages.
    Resnet18,
}

impl BackboneKind {
    /// Every backbone.
    pub const ALL: [Self; 2] = [Self::EfficientnetLite0, Self::Resnet18];

    /// The name in a configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EfficientnetLite0 => "efficientnet-lite0",
            Self::Resnet18 => "resnet18",
        }
    }
}

impl fmt::Display for BackboneKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for BackboneKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| format!("unknown backbone `{text}`; known are: {}", known()))
    }
}

/// Where a backbone's weights come from: in a configuration `fetch`, `random`, or a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Weights {
    /// The published weights that Kiln knows by digest: from the user's cache, fetched if they are not there.
    Fetch,
    /// None: weights drawn from the seed. For tests, and for measuring what pretraining is worth.
    Random,
    /// A file that `kiln weights import` wrote.
    File(PathBuf),
}

impl From<String> for Weights {
    fn from(text: String) -> Self {
        match text.as_str() {
            "fetch" => Self::Fetch,
            "random" => Self::Random,
            _ => Self::File(PathBuf::from(text)),
        }
    }
}

impl From<Weights> for String {
    fn from(weights: Weights) -> Self {
        match weights {
            Weights::Fetch => "fetch".to_owned(),
            Weights::Random => "random".to_owned(),
            Weights::File(path) => path.to_string_lossy().into_owned(),
        }
    }
}

/// A backbone and the maps that are taken from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackboneConfig {
    /// Which network.
    pub name: BackboneKind,
    /// Where its weights come from.
    pub weights: Weights,
    /// The stages whose maps are used, from 1, ascending. What lies behind the last one is left out of the model.
    pub stages: Vec<usize>,
    /// Factor on all numbers of channels; published weights fit 1 alone.
    pub width: f64,
}

impl Default for BackboneConfig {
    fn default() -> Self {
        Self { name: BackboneKind::EfficientnetLite0, weights: Weights::Fetch, stages: vec![3, 5, 7], width: 1.0 }
    }
}

impl BackboneConfig {
    /// The deepest stage that is used.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.stages.last().copied().unwrap_or(1)
    }

    /// Channels of the maps of all used stages together.
    #[must_use]
    pub fn features(&self) -> usize {
        let channels = self.name.channels(self.width);
        self.stages.iter().filter_map(|stage| channels.get(stage - 1)).sum()
    }

    fn problem(&self) -> Option<String> {
        let count = self.name.channels(1.0).len();
        if !are_stages(&self.stages, count) {
            let name = self.name;
            return Some(format!("model.backbone.stages: give stages of {name} in ascending order, of 1 to {count}"));
        }
        if !(0.1..=4.0).contains(&self.width) {
            return Some(format!("model.backbone.width: {} is not in 0.1..=4", self.width));
        }
        let pretrained = self.weights != Weights::Random;
        (pretrained && self.width != 1.0).then(|| {
            "model.backbone.width: pretrained weights fit a width of 1; set model.backbone.weights=random".to_owned()
        })
    }
}

/// Whether these are some of `count` stages, in ascending order.
pub(super) fn are_stages(stages: &[usize], count: usize) -> bool {
    let ascending = stages.windows(2).all(|pair| pair[0] < pair[1]);
    ascending && !stages.is_empty() && stages.iter().all(|stage| (1..=count).contains(stage))
}

/// A dense classifier on a backbone's pooled maps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransferConfig {
    /// The backbone.
    pub backbone: BackboneConfig,
    /// The backbone's weights stay as they are: its features are computed once, and only the classifier learns.
    pub frozen: bool,
    /// How many variations of each training tile a frozen backbone's features are computed of; epochs go through them
    /// in turn. Without augmentation there is one.
    pub views: u64,
    /// Widths of the dense layers before the classes.
    pub dense: Vec<usize>,
    /// Fraction of dense activations, and of features, dropped while training.
    pub dropout: f64,
}

impl Default for TransferConfig {
    fn default() -> Self {
        Self { backbone: BackboneConfig::default(), frozen: true, views: 2, dense: vec![128], dropout: 0.3 }
    }
}

impl TransferConfig {
    pub(super) fn problem(&self) -> Option<String> {
        let checks = [
            ((1..=1000).contains(&self.views), "model.views: must be 1 to 1000".to_owned()),
            (!self.dense.contains(&0), "model.dense: a layer of width 0 passes nothing on".to_owned()),
            ((0.0..1.0).contains(&self.dropout), format!("model.dropout: {} is not in [0, 1)", self.dropout)),
        ];
        let problem = checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem);
        self.backbone.problem().or(problem)
    }
}

/// Vectors of normal tiles, and how far a new one may be from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BankConfig {
    /// Vectors kept: those that lie furthest from each other.
    pub entries: usize,
    /// The distance is the mean to this many nearest entries.
    pub neighbours: usize,
}

impl Default for BankConfig {
    fn default() -> Self {
        Self { entries: 128, neighbours: 3 }
    }
}

/// Vectors of patches of normal tiles: what the map of a tile is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PatchBankConfig {
    /// Patches along a side of the tile; the maps of all stages are brought to this size.
    pub side: usize,
    /// Patches of each training tile that may enter the bank.
    pub of_each_tile: usize,
    /// Vectors kept: those that lie furthest from each other.
    pub entries: usize,
}

impl Default for PatchBankConfig {
    fn default() -> Self {
        Self { side: 16, of_each_tile: 8, entries: 512 }
    }
}

/// Distances from normal tiles, as wholes and as patches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryBankConfig {
    /// The backbone; its weights stay as they are.
    pub backbone: BackboneConfig,
    /// The bank of whole tiles, whose distance is the score; `null` leaves the score to the patches.
    pub tile: Option<BankConfig>,
    /// The bank of patches, whose distances are the map; `null` for none.
    pub patch: Option<PatchBankConfig>,
    /// How many variations of each normal training tile are learnt from. Without augmentation there is one.
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

impl MemoryBankConfig {
    pub(super) fn problem(&self) -> Option<String> {
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
}
