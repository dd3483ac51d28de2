//! A classifier on a pretrained backbone. With the backbone frozen, only the dense part learns, from features that are
//! computed once.

mod config;

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor};

pub use config::{Frozen, TransferConfig};

use super::backbone::{Backbone, Extraction, FrozenBackbone};
use super::loss::{cross_entropy, cross_entropy_of_scores};
use super::{
    ClassifiedMaps, FeatureModel, LossOptions, Part, PixelValues, Scores, Standard, TestTimeAugmentation, TileModel,
};

/// Pooled maps of a backbone, standardised, then dense layers with ReLU and dropout.
#[derive(Module, Debug)]
pub struct Transfer {
    backbone: Backbone,
    standard: Standard,
    dense: Vec<Linear>,
    dropout: Dropout,
    output: Linear,
    #[module(skip)]
    frozen: Frozen,
    /// Part of a hybrid, whose autoencoder reads the maps of every tile: features are never computed ahead.
    #[module(skip)]
    within_hybrid: bool,
    #[module(skip)]
    extraction: Extraction,
    /// That of the trained model, which may work on more pixels than it learns from.
    #[module(skip)]
    trained_extraction: Extraction,
    #[module(skip)]
    test_time: TestTimeAugmentation,
}

impl Transfer {
    /// Logits `[batch, classes]` of features `[batch, features]`.
    fn logits(&self, features: Tensor<2>) -> Tensor<2> {
        let values = self.dropout.forward(self.standard.forward(features));
        let hidden = self.dense.iter().fold(values, |values, layer| self.dropout.forward(relu(layer.forward(values))));
        self.output.forward(hidden)
    }

    /// Fresh weights of the classifier of a hybrid.
    pub(super) fn within_hybrid(settings: &TransferConfig, classes: usize, device: &Device) -> Self {
        Self { within_hybrid: true, ..Self::from_settings(settings, classes, device) }
    }

    /// Tiles at the side at which the backbone works: values from 0 to 255, `[batch, 3, side, side]`.
    pub(super) fn reduced(&self, tile: impl Into<PixelValues>) -> Tensor<4> {
        self.extraction.reduced(tile)
    }

    /// Maps of each used stage, of tiles that are [`reduced`](Self::reduced). A frozen backbone computes them without automatic
    /// differentiation, which is faster even where no weight has a gradient.
    pub(super) fn maps(&self, reduced: Tensor<4>) -> Vec<Tensor<4>> {
        if self.frozen == Frozen::All && reduced.device().is_autodiff() {
            let maps = self.extraction.maps_of_reduced(&self.backbone.valid(), reduced.inner());
            return maps.into_iter().map(Tensor::from_inner).collect();
        }
        self.extraction.maps_of_reduced(&self.backbone, reduced)
    }

    /// Logits, `[batch, classes]`, of [`maps`](Self::maps).
    pub(super) fn logits_of_maps(&self, maps: Vec<Tensor<4>>) -> Tensor<2> {
        self.logits(self.extraction.pooled(maps))
    }
}

impl TileModel for Transfer {
    type Settings = TransferConfig;

    const KIND: &'static str = "transfer";
    const PHRASE: &'static str = "classifier on a pretrained backbone";

    fn from_settings(settings: &TransferConfig, classes: usize, device: &Device) -> Self {
        let backbone = &settings.backbone;
        let features = settings.pooling.features(backbone.features());
        let widths: Vec<usize> = std::iter::once(features).chain(settings.dense.iter().copied()).collect();
        let last = widths.last().copied().unwrap_or(features);
        let extraction = Extraction::new(backbone, settings.pooling);
        Self {
            backbone: settings.frozen.applied(Backbone::new(backbone.name, backbone.depth(), backbone.width, device)),
            standard: Standard::new(features, device),
            dense: widths.windows(2).map(|pair| LinearConfig::new(pair[0], pair[1]).init(device)).collect(),
            dropout: DropoutConfig::new(settings.dropout).init(),
            output: LinearConfig::new(last, classes).init(device),
            frozen: settings.frozen,
            within_hybrid: false,
            trained_extraction: extraction.clone().at_side(settings.side_of_scores()),
            extraction,
            test_time: settings.test_time_augmentation,
        }
    }

    fn score(&self, tile: PixelValues, normal: usize) -> Scores {
        let extraction = &self.trained_extraction;
        let logits = self.test_time.mean_logits(extraction.reduced(tile), |forms| {
            self.logits_of_maps(extraction.maps_of_reduced(&self.backbone, forms))
        });
        Scores::from_logits(logits, normal)
    }

    /// Of the tiles as they are learnt from: test-time augmentation would make a validation longer than its epoch.
    fn score_part(&self, _part: Part, tile: PixelValues, normal: usize) -> Scores {
        self.score_features(self.features(tile), normal)
    }

    fn loss(&self, tile: PixelValues, labels: Tensor<1, Int>, _normal: Tensor<1>, options: &LossOptions) -> Tensor<1> {
        self.loss_of_features(self.features(tile), labels, options)
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
        Self { backbone: self.frozen.applied(backbone), ..self }
    }

    fn feature_model(&self) -> Option<&dyn FeatureModel> {
        Some(self)
    }

    fn frozen_backbone(&self) -> Option<FrozenBackbone> {
        self.is_frozen().then(|| FrozenBackbone::new(self.backbone.clone(), &self.extraction, None))
    }

    fn standardised(self, features: Tensor<2>) -> Self {
        Self { standard: Standard::from_features(features, 1e-4), ..self }
    }

    fn classified_maps(&self, tile: PixelValues) -> Option<ClassifiedMaps> {
        // Frozen, so that dropout has no effect and gradients reach the maps alone.
        let head = self.clone().train().freeze();
        let maps = self.trained_extraction.maps(&self.backbone, tile);
        Some(ClassifiedMaps { maps, head: Box::new(move |maps| head.logits_of_maps(maps)) })
    }
}

impl FeatureModel for Transfer {
    fn is_frozen(&self) -> bool {
        self.frozen == Frozen::All && !self.within_hybrid
    }

    fn features(&self, tile: PixelValues) -> Tensor<2> {
        self.extraction.features(&self.backbone, tile)
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
    #![allow(clippy::unwrap_used)]

    use burn::optim::GradientsParams;
    use kiln_tile::TILE_BYTES;

    use super::*;
    use crate::model::backbone::BackboneKind;
    use crate::model::tensors::{read, tile_tensor};
    use crate::model::{ModelConfig, Zoo};

    const BACKBONE: &str = "name: resnet18, weights: random, stages: [1, 2], width: 0.25";

    #[test]
    fn a_transfer_keeps_the_promises_of_a_kind() {
        crate::model::testing::check_kind(&format!("{{kind: transfer, backbone: {{{BACKBONE}}}, dense: [4]}}"));
    }

    #[test]
    fn a_transfer_at_fewer_pixels_and_with_centres_keeps_the_promises_of_a_kind() {
        for side in [96, 33] {
            let backbone = format!("{{{BACKBONE}, side: {side}}}");
            crate::model::testing::check_kind(&format!(
                "{{kind: transfer, backbone: {backbone}, pooling: mean_and_centre, dense: [4]}}"
            ));
        }
    }

    #[test]
    fn a_transfer_with_test_time_augmentation_scores_every_form_of_a_tile_alike() {
        let model = "dense: [4], test_time_augmentation: flips_and_turns}";
        let text = format!("{{kind: transfer, backbone: {{{BACKBONE}, side: 64}}, {model}");
        crate::model::testing::check_kind(&text);
        let config: ModelConfig = serde_yaml::from_str(&text).unwrap();
        crate::model::testing::check_forms(&Zoo::new(&config, 2, 3, &Device::flex()).valid());
    }

    #[test]
    fn a_trained_transfer_scores_at_its_own_side_and_validates_epochs_at_that_of_its_features() {
        let zoo = |side: usize, keys: &str| {
            let text = format!("{{kind: transfer, backbone: {{{BACKBONE}, side: {side}}}, dense: [4]{keys}}}");
            crate::model::testing::check_kind(&text);
            let config: ModelConfig = serde_yaml::from_str(&text).unwrap();
            Zoo::new(&config, 2, 3, &Device::flex()).valid()
        };
        let small = zoo(64, "");
        let of = |other: Zoo| other.try_load_record(small.clone().into_record()).unwrap();
        let (both, large) = (of(zoo(64, ", test_time_side: 96")), of(zoo(96, "")));
        let tile = || tile_tensor((0..TILE_BYTES).map(|at| (at * 31 % 251) as u8).collect(), &Device::flex());
        let whole = |zoo: &Zoo| read(zoo.score(tile(), 1).score.into_data()).unwrap();
        let epoch = |zoo: &Zoo| read(zoo.score_part(Part::Whole, tile(), 1).score.into_data()).unwrap();
        assert_ne!(whole(&small), whole(&large));
        assert_eq!((whole(&both), epoch(&both)), (whole(&large), whole(&small)));
    }

    fn zoo(keys: &str) -> Zoo {
        let text = format!("{{kind: transfer, backbone: {{{BACKBONE}{keys}}}, pooling: mean_and_centre, dense: [4]}}");
        let config: ModelConfig = serde_yaml::from_str(&text).unwrap();
        Zoo::new(&config, 2, 3, &Device::flex()).valid()
    }

    #[test]
    fn features_of_the_frozen_backbone_are_those_of_the_model_at_every_side() {
        let whole = zoo("");
        let reduced = zoo(", side: 96").try_load_record(whole.clone().into_record()).unwrap();
        let pixels = (0..TILE_BYTES).map(|at| (at * 31 % 251) as u8).collect();
        let tile = tile_tensor(pixels, &Device::flex());
        let features = |zoo: &Zoo| {
            let frozen = zoo.frozen_backbone().unwrap().forward(tile.clone()).0;
            let own = zoo.feature_model().unwrap().features(tile.clone().into());
            assert_eq!(frozen.dims(), [1, 2 * (16 + 32)]);
            let frozen = read(frozen.into_data()).unwrap();
            assert_eq!(frozen, read(own.into_data()).unwrap());
            frozen
        };
        assert_ne!(features(&whole), features(&reduced));
    }

    /// The number of the backbone's parameters with a gradient, and the sum of its features.
    fn learning(frozen: &str) -> (usize, f32) {
        let backbone = "{name: efficientnet-lite0, weights: random, stages: [2], width: 0.25, side: 32}";
        let text = format!("{{backbone: {backbone}, frozen: {frozen}, dense: []}}");
        let settings: TransferConfig = serde_yaml::from_str(&text).unwrap();
        let device = Device::flex().autodiff();
        device.seed(3);
        let model = Transfer::from_settings(&settings, 2, &device);
        // As weights that were loaded replace those of a fresh model.
        let model = model.with_backbone(Backbone::new(BackboneKind::EfficientnetLite0, 2, 0.25, &device));
        let tile = tile_tensor((0..TILE_BYTES).map(|at| (at * 31 % 251) as u8).collect(), &device);
        let sum = model.features(tile.into()).sum();
        let gradients = GradientsParams::from_grads(sum.clone().backward(), &model.backbone);
        (gradients.len(), sum.into_scalar())
    }

    #[test]
    fn fixed_depthwise_kernels_get_no_gradient_and_everything_else_does() {
        let (all, sum) = learning("false");
        let (fixed, same) = learning("depthwise");
        // Nine layers up to stage 2, each with a kernel, a scale and a shift; three are depthwise.
        assert_eq!(all, 3 * 9);
        assert_eq!(all - fixed, 2 * 3);
        assert!((sum - same).abs() <= sum.abs() * 1e-5, "{sum} and {same}");
        let refusal = serde_yaml::from_str::<TransferConfig>("frozen: pointwise").unwrap_err().to_string();
        assert!(refusal.contains("true") && refusal.contains("depthwise"), "{refusal}");
    }
}
