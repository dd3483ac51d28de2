//! The keys of `model.backbone`: the network, the source of its weights, and the maps that are used.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use kiln_tile::SIDE;
use serde::{Deserialize, Serialize};

use crate::model::Reduction;

/// A network that computes feature maps.
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

/// The source of a backbone's weights: in a configuration `fetch`, `random`, or a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Weights {
    /// The published weights, verified by digest: from the user's cache, downloaded if missing.
    Fetch,
    /// Weights drawn from the seed: for tests, and for measuring the effect of pretraining.
    Random,
    /// A file that [`weights::import`](crate::weights::import) or [`pretrain`](crate::pretraining::pretrain) wrote.
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

/// A backbone and the maps that a model uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackboneConfig {
    /// The network.
    pub name: BackboneKind,
    /// The source of its weights.
    pub weights: Weights,
    /// The stages whose maps are used, from 1, ascending. Layers behind the last one are left out of the model.
    pub stages: Vec<usize>,
    /// Factor on all numbers of channels; published weights fit only 1, and those of a file the width that they have.
    pub width: f64,
    /// The side in pixels at which the network works; the model reduces tiles to it. Left out of written configurations at
    /// 256, so that those of older versions stay the same.
    #[serde(skip_serializing_if = "Reduction::keeps")]
    pub side: usize,
}

impl Default for BackboneConfig {
    fn default() -> Self {
        Self {
            name: BackboneKind::EfficientnetLite0,
            weights: Weights::Fetch,
            stages: vec![3, 5, 7],
            width: 1.0,
            side: SIDE as usize,
        }
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

    /// The first problem with the keys.
    pub(crate) fn problem(&self) -> Option<String> {
        let count = self.name.channels(1.0).len();
        if !are_stages(&self.stages, count) {
            let name = self.name;
            return Some(format!("model.backbone.stages: give stages of {name} in ascending order, of 1 to {count}"));
        }
        if !(0.1..=4.0).contains(&self.width) {
            return Some(format!("model.backbone.width: {} is not in 0.1..=4", self.width));
        }
        if let Some(problem) = Reduction::problem("model.backbone.side", self.side) {
            return Some(problem);
        }
        let published = self.weights == Weights::Fetch;
        (published && self.width != 1.0).then(|| {
            "model.backbone.width: the published weights fit a width of 1; set model.backbone.weights=random".to_owned()
        })
    }
}

/// `stages` are some of `count` stages, from 1, in ascending order.
pub(crate) fn are_stages(stages: &[usize], count: usize) -> bool {
    let ascending = stages.windows(2).all(|pair| pair[0] < pair[1]);
    ascending && !stages.is_empty() && stages.iter().all(|stage| (1..=count).contains(stage))
}
