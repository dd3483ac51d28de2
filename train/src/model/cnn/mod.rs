//! The convolutional classifier: feature maps, then a dense head.

mod classifier;
mod config;
mod features;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

pub use classifier::Classifier;
pub use config::{CnnConfig, Head};
pub use features::Features;

use super::loss::{cross_entropy, cross_entropy_of_scores};
use super::{ClassifiedMaps, LossOptions, PixelValues, Scores, TileModel, prepare};

/// The whole classifier.
#[derive(Module, Debug)]
pub struct Cnn {
    features: Features,
    classifier: Classifier,
}

impl Cnn {
    /// Logits of prepared tiles, `[batch, classes]`.
    fn logits(&self, prepared: Tensor<4>) -> Tensor<2> {
        self.classifier.forward(self.features.forward(prepared))
    }
}

impl TileModel for Cnn {
    type Settings = CnnConfig;

    const KIND: &'static str = "cnn";
    const PHRASE: &'static str = "cnn";

    fn from_settings(settings: &CnnConfig, classes: usize, device: &Device) -> Self {
        Self {
            features: Features::new(&settings.filters, device),
            classifier: Classifier::new(settings, classes, device),
        }
    }

    fn score(&self, tile: PixelValues, normal: usize) -> Scores {
        Scores::from_logits(self.logits(prepare(tile)), normal)
    }

    fn loss(
        &self,
        tile: Tensor<4, Int>,
        labels: Tensor<1, Int>,
        _normal: Tensor<1>,
        options: &LossOptions,
    ) -> Tensor<1> {
        cross_entropy(self.logits(prepare(tile)), labels, options)
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

    fn recalibrated<E>(self, batches: impl Iterator<Item = Result<Tensor<4>, E>>) -> Result<Self, E> {
        Ok(Self { features: self.features.recalibrated(batches)?, ..self })
    }

    fn classified_maps(&self, tile: PixelValues) -> Option<ClassifiedMaps> {
        Some(self.classifier.classified(self.features.forward(prepare(tile))))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cnn_keeps_the_promises_of_a_kind() {
        crate::model::testing::check_kind("{kind: cnn, filters: [4, 4], head: pooled, dense: [4]}");
    }
}
