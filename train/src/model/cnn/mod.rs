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
use super::{ClassifiedMaps, LossOptions, Part, PixelValues, Reduction, Scores, TestTimeAugmentation, TileModel};

/// The whole classifier.
#[derive(Module, Debug)]
pub struct Cnn {
    features: Features,
    classifier: Classifier,
    #[module(skip)]
    reduction: Reduction,
    #[module(skip)]
    test_time: TestTimeAugmentation,
}

impl Cnn {
    /// The last feature maps of tiles.
    fn maps(&self, tile: impl Into<PixelValues>) -> Tensor<4> {
        self.features.forward(self.reduction.prepared(tile))
    }

    /// Logits of tiles, `[batch, classes]`.
    fn logits(&self, tile: impl Into<PixelValues>) -> Tensor<2> {
        self.classifier.forward(self.maps(tile))
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
            reduction: Reduction::new(settings.side),
            test_time: settings.test_time_augmentation,
        }
    }

    fn score(&self, tile: PixelValues, normal: usize) -> Scores {
        let prepared = self.reduction.prepared(tile);
        let logits =
            self.test_time.mean_logits(prepared, |forms| self.classifier.forward(self.features.forward(forms)));
        Scores::from_logits(logits, normal)
    }

    /// Of the tiles alone: test-time augmentation would make a validation longer than its epoch.
    fn score_part(&self, _part: Part, tile: PixelValues, normal: usize) -> Scores {
        Scores::from_logits(self.logits(tile), normal)
    }

    fn loss(&self, tile: PixelValues, labels: Tensor<1, Int>, _normal: Tensor<1>, options: &LossOptions) -> Tensor<1> {
        cross_entropy(self.logits(tile), labels, options)
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

    fn recalibrated<E>(self, batches: impl Iterator<Item = Result<PixelValues, E>>) -> Result<Self, E> {
        let prepared = self.reduction.prepared_batches(batches);
        Ok(Self { features: self.features.recalibrated(prepared)?, ..self })
    }

    fn classified_maps(&self, tile: PixelValues) -> Option<ClassifiedMaps> {
        Some(self.classifier.classified(self.maps(tile)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use kiln_tile::TILE_BYTES;

    use super::*;
    use crate::model::tensors::{read, tile_tensor};
    use crate::model::{ModelConfig, Zoo};

    fn zoo(keys: &str) -> Zoo {
        let config: ModelConfig = serde_yaml::from_str(&format!("{{kind: cnn, filters: [4, 4], {keys}}}")).unwrap();
        Zoo::new(&config, 2, 3, &Device::flex()).valid()
    }

    #[test]
    fn a_cnn_keeps_the_promises_of_a_kind() {
        crate::model::testing::check_kind("{kind: cnn, filters: [4, 4], head: pooled, dense: [4]}");
    }

    #[test]
    fn a_cnn_at_fewer_pixels_keeps_the_promises_of_a_kind() {
        for (head, side) in
            [("pooled", 96), ("flatten", 96), ("flatten", 99), ("mean_and_centre", 96), ("means_and_deviations", 96)]
        {
            let rest = format!("head: {head}, dense: [4], side: {side}");
            crate::model::testing::check_kind(&format!("{{kind: cnn, filters: [4, 4], {rest}}}"));
        }
    }

    #[test]
    fn a_smaller_side_has_other_scores_and_the_same_weights() {
        let whole = zoo("head: pooled, dense: []");
        let record = || whole.clone().into_record();
        let reduced = zoo("head: pooled, dense: [], side: 96").try_load_record(record()).unwrap();
        assert!(reduced.clone().into_record().into_bytes().unwrap()[..] == record().into_bytes().unwrap()[..]);
        let pixels = (0..TILE_BYTES).map(|at| (at * 31 % 251) as u8).collect();
        let tile = tile_tensor(pixels, &Device::flex());
        let scores = |zoo: &Zoo| read(zoo.score(tile.clone(), 1).score.into_data()).unwrap();
        assert_ne!(scores(&whole), scores(&reduced));
    }

    #[test]
    fn test_time_augmentation_scores_every_form_of_a_tile_alike() {
        crate::model::testing::check_forms(&zoo(
            "head: flatten, dense: [4], side: 96, test_time_augmentation: flips_and_turns",
        ));
    }

    #[test]
    fn a_flat_head_reads_the_maps_of_the_side() {
        // Two halvings of 96 give 24, of 256 give 64; four maps, a dense layer of 4, and its bias.
        let weights = |keys: &str| zoo(keys).num_params() as i64;
        let first = |side: i64| 4 * side * side * 4;
        assert_eq!(weights("dense: [4], side: 96") - weights("dense: [4]"), first(24) - first(64));
    }
}
