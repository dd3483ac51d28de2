//! The keys of a `transfer` model.

use std::fmt::{self, Formatter};
use std::iter::once;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::backbone::{Backbone, BackboneConfig, Weights};
use crate::model::{ModelSettings, Pooling, Reduction, TestTimeAugmentation};

/// A dense classifier on a backbone's pooled maps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransferConfig {
    /// The backbone.
    pub backbone: BackboneConfig,
    /// The weights of the backbone that do not learn.
    pub frozen: Frozen,
    /// Number of variations of each training tile that a frozen backbone's features are computed of; epochs cycle through
    /// them. 1 without augmentation.
    pub views: u64,
    /// The numbers that each map becomes. Left out of written configurations at its default, so that those of older versions
    /// stay the same.
    #[serde(skip_serializing_if = "Pooling::is_default")]
    pub pooling: Pooling,
    /// Widths of the dense layers before the classes.
    pub dense: Vec<usize>,
    /// Fraction of dense activations, and of features, dropped while training.
    pub dropout: f64,
    /// The forms of a tile whose mean is the result. Left out of written configurations at its default.
    #[serde(skip_serializing_if = "TestTimeAugmentation::is_default")]
    pub test_time_augmentation: TestTimeAugmentation,
    /// The side in pixels at which the backbone works once the model is trained; none for that of `backbone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_time_side: Option<usize>,
}

impl TransferConfig {
    /// The side at which the trained model's backbone works.
    pub(super) fn side_of_scores(&self) -> usize {
        self.test_time_side.unwrap_or(self.backbone.side)
    }
}

/// The weights of a backbone that do not learn, in a configuration `true`, `depthwise` or `false`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Frozen {
    /// All: the features are computed once, and only the classifier learns.
    #[default]
    All,
    /// Depthwise kernels and the scales of their normalisation: their gradients would take most of a training step in burn.
    Depthwise,
    /// None.
    Nothing,
}

impl Frozen {
    /// The problem with weights that it does not [fit](Self::fits), after the section of its key.
    pub(crate) const MISFIT: &str =
        "frozen: depthwise kernels would keep their random weights; set false, or give weights";

    /// Weights that do not learn were learnt before.
    pub(crate) fn fits(self, weights: &Weights) -> bool {
        self != Self::Depthwise || *weights != Weights::Random
    }

    /// The backbone, with the kernels fixed that do not learn within it.
    pub(crate) fn applied(self, mut backbone: Backbone) -> Backbone {
        if self == Self::Depthwise {
            backbone.fix_depthwise();
        }
        backbone
    }
}

impl Serialize for Frozen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_bool(true),
            Self::Depthwise => serializer.serialize_str("depthwise"),
            Self::Nothing => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for Frozen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;

        impl Visitor<'_> for Word {
            type Value = Frozen;

            fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
                formatter.write_str("true, depthwise or false")
            }

            fn visit_bool<E: Error>(self, all: bool) -> Result<Frozen, E> {
                Ok(if all { Frozen::All } else { Frozen::Nothing })
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Frozen, E> {
                if word == "depthwise" {
                    Ok(Frozen::Depthwise)
                } else {
                    Err(E::unknown_variant(word, &["true", "depthwise", "false"]))
                }
            }
        }

        deserializer.deserialize_any(Word)
    }
}

impl Default for TransferConfig {
    fn default() -> Self {
        Self {
            backbone: BackboneConfig::default(),
            frozen: Frozen::All,
            views: 2,
            pooling: Pooling::default(),
            dense: vec![128],
            dropout: 0.3,
            test_time_augmentation: TestTimeAugmentation::None,
            test_time_side: None,
        }
    }
}

impl ModelSettings for TransferConfig {
    fn problem(&self) -> Option<String> {
        let checks = [
            ((1..=1000).contains(&self.views), "model.views: must be 1 to 1000".to_owned()),
            (self.frozen.fits(&self.backbone.weights), format!("model.{}", Frozen::MISFIT)),
            (!self.dense.contains(&0), "model.dense: a layer of width 0 passes nothing on".to_owned()),
            ((0.0..1.0).contains(&self.dropout), format!("model.dropout: {} is not in [0, 1)", self.dropout)),
        ];
        let problem = checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem);
        let side = Reduction::problem("model.test_time_side", self.side_of_scores());
        self.backbone.problem().or(problem).or(side)
    }

    fn output_meaning(&self, output: &str, _fitted_score: bool) -> &'static str {
        self.test_time_augmentation.meaning(output)
    }

    /// The dense layers alone, with the smallest number of classes; the backbone is small.
    fn estimated_weights(&self) -> f64 {
        let features = self.pooling.features(self.backbone.features());
        let widths: Vec<f64> = once(&features).chain(&self.dense).chain(&[2]).map(|width| *width as f64).collect();
        widths.windows(2).map(|pair| pair[0] * pair[1]).sum()
    }

    fn backbone(&self) -> Option<&BackboneConfig> {
        Some(&self.backbone)
    }

    fn backbone_learns(&self) -> bool {
        self.frozen != Frozen::All
    }

    fn views(&self) -> u64 {
        self.views
    }

    fn learns_from_features(&self) -> bool {
        self.frozen == Frozen::All
    }

    fn learning_side(&self) -> usize {
        self.backbone.side
    }
}
