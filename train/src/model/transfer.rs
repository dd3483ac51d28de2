//! A classifier on a backbone whose weights come from elsewhere. With the backbone frozen only the dense part learns,
//! from features that need computing once.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor};

use super::backbone::{Backbone, pooled};
use super::loss::cross_entropy;
use super::{Levels, Loss, LossOptions, Scores, Standard};
use crate::config::TransferConfig;

/// Pooled maps of a backbone, standardised, then dense layers with ReLU and dropout.
#[derive(Module, Debug)]
pub struct Transfer {
    backbone: Backbone,
    standard: Standard,
    dense: Vec<Linear>,
    dropout: Dropout,
    output: Linear,
    frozen: bool,
    #[module(skip)]
    stages: Vec<usize>,
}

impl Transfer {
    /// Fresh weights, the backbone's too.
    #[must_use]
    pub fn new(config: &TransferConfig, classes: usize, device: &Device) -> Self {
        let backbone = &config.backbone;
        let features = backbone.features();
        let widths: Vec<usize> = std::iter::once(features).chain(config.dense.iter().copied()).collect();
        let last = widths.last().copied().unwrap_or(features);
        Self {
            backbone: Backbone::new(backbone.name, backbone.depth(), backbone.width, device),
            standard: Standard::new(features, device),
            dense: widths.windows(2).map(|pair| LinearConfig::new(pair[0], pair[1]).init(device)).collect(),
            dropout: DropoutConfig::new(config.dropout).init(),
            output: LinearConfig::new(last, classes).init(device),
            frozen: config.frozen,
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

    /// The stages whose maps are pooled, from 1.
    pub(crate) fn stages(&self) -> &[usize] {
        &self.stages
    }

    /// Whether the backbone's weights stay as they are.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// What the classifier sees of decoded tiles (u8, `[batch, 256, 256, 3]`): `[batch, features]`.
    #[must_use]
    pub fn features(&self, tile: impl Into<Levels>) -> Tensor<2> {
        self.backbone.features(tile, &self.stages)
    }

    /// The maps that these features are the means of.
    pub(crate) fn maps(&self, tile: impl Into<Levels>) -> Vec<Tensor<4>> {
        self.backbone.maps(tile, &self.stages)
    }

    /// Logits `[batch, classes]` of maps.
    pub(crate) fn logits_of_maps(&self, maps: Vec<Tensor<4>>) -> Tensor<2> {
        self.logits(pooled(maps))
    }

    /// Logits `[batch, classes]` of features `[batch, features]`.
    #[must_use]
    pub fn logits(&self, features: Tensor<2>) -> Tensor<2> {
        let values = self.dropout.forward(self.standard.forward(features));
        let hidden = self.dense.iter().fold(values, |values, layer| self.dropout.forward(relu(layer.forward(values))));
        self.output.forward(hidden)
    }

    /// The loss of features `[batch, features]` with class numbers `[batch]`.
    pub(crate) fn loss(&self, features: Tensor<2>, labels: Tensor<1, Int>, options: &LossOptions) -> Loss {
        Loss { total: cross_entropy(self.logits(features), labels, options) }
    }

    /// Probabilities and score of features; the first `normal` classes are normal.
    #[must_use]
    pub fn score_features(&self, features: Tensor<2>, normal: usize) -> Scores {
        Scores::of_classifier(self.logits(features), normal)
    }

    /// Probabilities and score of decoded tiles (u8, `[batch, 256, 256, 3]`).
    #[must_use]
    pub fn score(&self, tile: impl Into<Levels>, normal: usize) -> Scores {
        self.score_features(self.features(tile), normal)
    }

    /// The same model, its features centred and scaled by the figures of these, `[tiles, features]`.
    #[must_use]
    pub(crate) fn standardised(self, features: Tensor<2>) -> Self {
        Self { standard: Standard::of(features, 1e-4), ..self }
    }
}
