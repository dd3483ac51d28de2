//! A classifier on a pretrained backbone. With the backbone frozen, only the dense part learns, from features that are
//! computed once.

mod config;

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor};

pub use config::TransferConfig;

use super::backbone::{Backbone, FrozenBackbone, pooled};
use super::loss::{cross_entropy, cross_entropy_of_scores};
use super::{ClassifiedMaps, FeatureModel, LossOptions, PixelValues, Scores, Standard, TileModel};

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
    /// Logits `[batch, classes]` of features `[batch, features]`.
    fn logits(&self, features: Tensor<2>) -> Tensor<2> {
        let values = self.dropout.forward(self.standard.forward(features));
        let hidden = self.dense.iter().fold(values, |values, layer| self.dropout.forward(relu(layer.forward(values))));
        self.output.forward(hidden)
    }
}

impl TileModel for Transfer {
    type Settings = TransferConfig;

    const KIND: &'static str = "transfer";
    const PHRASE: &'static str = "classifier on a pretrained backbone";

    fn from_settings(settings: &TransferConfig, classes: usize, device: &Device) -> Self {
        let backbone = &settings.backbone;
        let features = backbone.features();
        let widths: Vec<usize> = std::iter::once(features).chain(settings.dense.iter().copied()).collect();
        let last = widths.last().copied().unwrap_or(features);
        Self {
            backbone: Backbone::new(backbone.name, backbone.depth(), backbone.width, device),
            standard: Standard::new(features, device),
            dense: widths.windows(2).map(|pair| LinearConfig::new(pair[0], pair[1]).init(device)).collect(),
            dropout: DropoutConfig::new(settings.dropout).init(),
            output: LinearConfig::new(last, classes).init(device),
            frozen: settings.frozen,
            stages: backbone.stages.clone(),
        }
    }

    fn score(&self, tile: PixelValues, normal: usize) -> Scores {
        self.score_features(self.features(tile), normal)
    }

    fn loss(
        &self,
        tile: Tensor<4, Int>,
        labels: Tensor<1, Int>,
        _normal: Tensor<1>,
        options: &LossOptions,
    ) -> Tensor<1> {
        self.loss_of_features(self.features(tile.into()), labels, options)
    }

    fn loss_of_scores(
        &self,
        scores: &Scores,
        labels: Tensor<1, Int>,
        _normal: Tensor<1>,
        options: &LossOptions,
    ) -> Tensor<1> {
        cross_entropy_of_scores(scores, labels, options)
    }

    fn backbone(&self) -> Option<&Backbone> {
        Some(&self.backbone)
    }

    fn with_backbone(self, backbone: Backbone) -> Self {
        Self { backbone, ..self }
    }

    fn feature_model(&self) -> Option<&dyn FeatureModel> {
        Some(self)
    }

    fn frozen_backbone(&self) -> Option<FrozenBackbone> {
        self.frozen.then(|| FrozenBackbone::new(self.backbone.clone(), &self.stages, None))
    }

    fn standardised(self, features: Tensor<2>) -> Self {
        Self { standard: Standard::from_features(features, 1e-4), ..self }
    }

    fn classified_maps(&self, tile: PixelValues) -> Option<ClassifiedMaps> {
        // Frozen, so that dropout has no effect and gradients reach the maps alone.
        let head = self.clone().train().freeze();
        let maps = self.backbone.maps(tile, &self.stages);
        Some(ClassifiedMaps { maps, head: Box::new(move |maps| head.logits(pooled(maps))) })
    }
}

impl FeatureModel for Transfer {
    fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn features(&self, tile: PixelValues) -> Tensor<2> {
        self.backbone.features(tile, &self.stages)
    }

    fn loss_of_features(&self, features: Tensor<2>, labels: Tensor<1, Int>, options: &LossOptions) -> Tensor<1> {
        cross_entropy(self.logits(features), labels, options)
    }

    fn score_features(&self, features: Tensor<2>, normal: usize) -> Scores {
        Scores::from_logits(self.logits(features), normal)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_transfer_keeps_the_promises_of_a_kind() {
        crate::model::testing::check_kind(
            "{kind: transfer, backbone: {name: resnet18, weights: random, stages: [1, 2], width: 0.25}, dense: [4]}",
        );
    }
}
