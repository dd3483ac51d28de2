//! The hybrid: one set of feature maps feeds a classifier and a variational autoencoder, and the results of both are
//! combined into one score. The paper's model; what the paper leaves open is configurable: which feature maps the
//! autoencoder reads, whether it rebuilds the tile or those maps, and how the score is computed.

mod combination;
mod config;
mod fit;

use burn::module::{Module, ParamGroup};
use burn::tensor::{Device, Int, Tensor};
use kiln_tile::{ScoreRule, TILE_BYTES};

use combination::{Combination, PARTS, PartWeights, log_odds};
pub use config::{HybridConfig, HybridScore, Reconstruct};

use super::loss::{
    cross_entropy, cross_entropy_of_scores, masked_mean, negative_bound, negative_bound_of_scores, squared_error,
    squares,
};
use super::maps::resized;
use super::{
    ClassifiedMaps, Classifier, Decoder, Encoder, Features, FitTiles, Latent, LatentForm, LossOptions, Part,
    PixelValues, Reduction, Scores, TestTimeAugmentation, TileModel,
};

/// Classifier and autoencoder on shared feature maps.
#[derive(Module, Debug)]
pub struct Hybrid {
    features: Features,
    classifier: Classifier,
    encoder: Encoder,
    decoder: Decoder,
    combination: Combination,
    beta: f64,
    reconstruction_weight: f64,
    rebuilds_image: bool,
    values: usize,
    combines: bool,
    #[module(skip)]
    stages: Vec<usize>,
    #[module(skip)]
    reduction: Reduction,
    #[module(skip)]
    test_time: TestTimeAugmentation,
}

/// Results of both parts for a batch of prepared tiles.
struct Encoded {
    /// `[batch, classes]`.
    logits: Tensor<2>,
    latent: Latent,
    /// The target of the decoder: the tiles, or the feature maps `[batch, channels, side, side]`.
    target: Tensor<4>,
}

impl Hybrid {
    /// Logits of prepared tiles, `[batch, classes]`. A pooled head takes tiles of any side that the stages divide.
    fn logits(&self, prepared: Tensor<4>) -> Tensor<2> {
        self.classifier.forward(self.features.forward(prepared))
    }

    /// Results of both parts for prepared tiles. The classifier's are means over the forms of a tile, the autoencoder's those of
    /// the tile alone.
    fn encode(&self, prepared: Tensor<4>, test_time: TestTimeAugmentation) -> Encoded {
        let [tiles, ..] = prepared.dims();
        let mut maps = Vec::new();
        let logits = test_time.mean_logits(prepared.clone(), |forms| {
            let all = self.features.each(forms.clone());
            let logits = self.classifier.forward(all.last().unwrap_or(&forms).clone());
            maps = all.into_iter().map(|maps| test_time.of_tiles(maps, tiles)).collect();
            logits
        });
        let read = self.read(&maps);
        let latent = self.encoder.forward(read.clone());
        Encoded { logits, latent, target: if self.rebuilds_image { prepared } else { read } }
    }

    /// The maps that the encoder reads, resized to the smallest of them.
    fn read(&self, maps: &[Tensor<4>]) -> Tensor<4> {
        let of_stages: Vec<Tensor<4>> = self.stages.iter().filter_map(|stage| maps.get(stage - 1)).cloned().collect();
        // Stages ascend, so the last is the smallest; a configuration without stages is refused.
        let side = of_stages.last().map_or(1, |maps| maps.dims()[3]);
        Tensor::cat(of_stages.into_iter().map(|maps| resized(maps, side)).collect(), 1)
    }

    /// Latent means of tiles, `[batch, latent]`.
    fn latent_means(&self, tile: PixelValues) -> Tensor<2> {
        self.encode(self.reduction.prepared(tile), TestTimeAugmentation::None).latent.mean
    }

    /// The parts of the score, `[batch, 3]`.
    fn parts_of_score(&self, tile: PixelValues, normal: usize) -> Tensor<2> {
        let Encoded { logits, latent, target } = self.encode(self.reduction.prepared(tile), self.test_time);
        let error = squared_error(squares(target, self.decoder.forward(latent.mean.clone())));
        self.combination.parts(log_odds(logits, normal), error, latent.mean)
    }

    fn scores(&self, encoded: Encoded, normal: usize) -> Scores {
        let Encoded { logits, latent, target } = encoded;
        let rebuilt = self.decoder.forward(latent.mean.clone());
        let squares = squares(target, rebuilt.clone());
        let error = squared_error(squares.clone());
        let mut scores = Scores::from_logits(logits.clone(), normal);
        if self.combines {
            let odds = log_odds(logits, normal);
            scores.score = self.combination.score(self.combination.parts(odds, error.clone(), latent.mean.clone()));
        }
        scores.squared_error = Some(error);
        let scores = if self.rebuilds_image { scores.with_image(rebuilt, squares) } else { scores.with_maps(squares) };
        scores.with_latent(latent)
    }

    /// The model with another combination.
    fn combining(self, combination: Combination) -> Self {
        Self { combination, ..self }
    }
}

impl TileModel for Hybrid {
    type Settings = HybridConfig;

    const KIND: &'static str = "hybrid";
    const PHRASE: &'static str = "hybrid";

    fn from_settings(settings: &HybridConfig, classes: usize, device: &Device) -> Self {
        let stages = settings.read_stages();
        let channels: usize = stages.iter().filter_map(|stage| settings.cnn.filters.get(stage - 1)).sum();
        let side = settings.maps_side();
        let rebuilds_image = settings.reconstruct == Reconstruct::Image;
        let [first, second] = settings.filters;
        let (stride, latent) = (settings.stride, (settings.latent_form, settings.latent));
        let last_side = side / (stride * stride);
        // Back through the encoder's convolutions, then through the classifier's poolings.
        let strides = |layers: usize| (0..layers).map(|layer| if layer < 2 { stride } else { 2 }).collect::<Vec<_>>();
        Self {
            features: Features::new(&settings.cnn.filters, device),
            classifier: Classifier::new(&settings.cnn, classes, device),
            encoder: Encoder::new([channels, side], settings.filters, stride, latent, true, device),
            decoder: if rebuilds_image {
                let channels = mirrored(settings);
                Decoder::for_pixels(latent, last_side, &channels, &strides(channels.len() - 1), device)
            } else {
                Decoder::for_maps(latent, last_side, &[second, first, channels], &[stride, stride], device)
            },
            combination: Combination::new(settings.latent_form.values(settings.latent, last_side), device),
            beta: settings.beta,
            reconstruction_weight: settings.reconstruction_weight,
            rebuilds_image,
            values: if rebuilds_image { TILE_BYTES } else { channels * side * side },
            combines: settings.score == HybridScore::Combined,
            stages,
            reduction: Reduction::new(settings.cnn.side),
            test_time: settings.cnn.test_time_augmentation,
        }
    }

    /// Rebuilds from the latent mean.
    fn score(&self, tile: PixelValues, normal: usize) -> Scores {
        self.scores(self.encode(self.reduction.prepared(tile), self.test_time), normal)
    }

    fn score_part(&self, part: Part, tile: PixelValues, normal: usize) -> Scores {
        match part {
            Part::Classifier => Scores::from_logits(self.logits(self.reduction.prepared(tile)), normal),
            Part::Whole => self.scores(self.encode(self.reduction.prepared(tile), TestTimeAugmentation::None), normal),
        }
    }

    fn loss(
        &self,
        tile: Tensor<4, Int>,
        labels: Tensor<1, Int>,
        normal: Tensor<1>,
        options: &LossOptions,
    ) -> Tensor<1> {
        if options.part == Part::Classifier {
            return cross_entropy(self.logits(self.reduction.prepared(tile)), labels, options);
        }
        let Encoded { logits, latent, target } = self.encode(self.reduction.prepared(tile), TestTimeAugmentation::None);
        // The target must not move towards what is easy to rebuild.
        let error = squared_error(squares(target.detach(), self.decoder.forward(latent.sample())));
        let bound = negative_bound(error, &latent, self.beta * options.divergence, self.values);
        let entropy = cross_entropy(logits, labels, options);
        entropy + masked_mean(bound, normal).mul_scalar(self.reconstruction_weight)
    }

    fn loss_of_scores(
        &self,
        scores: &Scores,
        labels: Tensor<1, Int>,
        normal: Tensor<1>,
        options: &LossOptions,
    ) -> Tensor<1> {
        let entropy = cross_entropy_of_scores(scores, labels, options);
        match negative_bound_of_scores(scores, normal, self.beta, self.values) {
            Some(bound) => entropy + bound.mul_scalar(self.reconstruction_weight),
            None => entropy,
        }
    }

    fn recalibrated<E>(self, batches: impl Iterator<Item = Result<Tensor<4>, E>>) -> Result<Self, E> {
        let reduced = self.reduction.reduced_batches(batches);
        Ok(Self { features: self.features.recalibrated(reduced)?, ..self })
    }

    fn with_fitted_score(self, tiles: &FitTiles<'_>) -> crate::Result<(Self, Option<ScoreRule>)> {
        if !self.combines {
            return Ok((self, None));
        }
        let (model, rule) = fit::fitted(self, tiles)?;
        Ok((model, Some(rule)))
    }

    fn first_stage_params(&self) -> Vec<ParamGroup> {
        vec![ParamGroup::ids_from_module(self.features.clone()), ParamGroup::ids_from_module(self.classifier.clone())]
    }

    fn decoded(&self, latent: Tensor<2>) -> Option<Tensor<4>> {
        self.rebuilds_image.then(|| self.decoder.forward(latent))
    }

    fn classified_maps(&self, tile: PixelValues) -> Option<ClassifiedMaps> {
        Some(self.classifier.classified(self.features.forward(self.reduction.prepared(tile))))
    }
}

/// The channels of a decoder of tiles: the encoder's two convolutions and the classifier's stages in reverse, down to
/// RGB. The stages of full size are halved in width, because they take most of the work; not if a map brings them more
/// than blurred shapes to draw.
fn mirrored(settings: &HybridConfig) -> Vec<usize> {
    let deepest = settings.read_stages().last().copied().unwrap_or(1);
    let [first, second] = settings.filters;
    let narrower = if settings.latent_form == LatentForm::Map { 1 } else { 2 };
    let stages = settings.cnn.filters[..deepest].iter().rev().skip(1).map(|filters| (filters / narrower).max(1));
    [second, first].into_iter().chain([first]).chain(stages).chain([3]).collect()
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use burn::module::{Module, list_param_ids};

    use super::*;
    use crate::model::{ModelConfig, Zoo};

    const SMALL: &str = "{kind: hybrid, cnn: {filters: [4, 4], dense: [4]}, filters: [4, 4], latent: 4}";

    #[test]
    fn a_hybrid_keeps_the_promises_of_a_kind() {
        crate::model::testing::check_kind(SMALL);
    }

    #[test]
    fn a_hybrid_at_fewer_pixels_and_with_test_time_augmentation_keeps_the_promises_of_a_kind() {
        let cnn = "{filters: [4, 4], dense: [4], side: 96, test_time_augmentation: flips}";
        crate::model::testing::check_kind(&format!(
            "{{kind: hybrid, cnn: {cnn}, stages: [1, 2], reconstruct: features, filters: [4, 4], latent: 4}}"
        ));
    }

    #[test]
    fn test_time_augmentation_of_the_classifier_gives_every_form_of_a_tile_the_same_probabilities()
    -> Result<(), serde_yaml::Error> {
        let cnn = "{filters: [4, 4], head: flatten, dense: [4], side: 64, test_time_augmentation: flips_and_turns}";
        let keys = "reconstruct: features, filters: [4, 4], latent: 4";
        let config: ModelConfig = serde_yaml::from_str(&format!("{{kind: hybrid, cnn: {cnn}, {keys}}}"))?;
        crate::model::testing::check_forms(&Zoo::new(&config, 2, 3, &Device::flex()).valid());
        Ok(())
    }

    #[test]
    fn a_hybrid_with_a_latent_map_keeps_the_promises_of_a_kind() {
        for target in ["image", "features"] {
            let rest = format!("stride: 1, latent: 3, latent_form: map, reconstruct: {target}");
            let cnn = "{filters: [4, 4, 4], dense: [4]}";
            crate::model::testing::check_kind(&format!("{{kind: hybrid, cnn: {cnn}, filters: [4, 4], {rest}}}"));
        }
    }

    #[test]
    fn stage_one_trains_features_and_classifier_and_nothing_else() -> Result<(), serde_yaml::Error> {
        let config: ModelConfig = serde_yaml::from_str(SMALL)?;
        let Zoo::Hybrid(hybrid) = Zoo::new(&config, 2, 1, &Device::flex()) else { panic!("not a hybrid") };
        let mut first = list_param_ids(&hybrid.features);
        first.extend(list_param_ids(&hybrid.classifier));
        let groups = hybrid.first_stage_params();
        for id in list_param_ids(&hybrid) {
            assert_eq!(groups.iter().any(|group| group.matches(&id, None)), first.contains(&id));
        }
        for later in [list_param_ids(&hybrid.encoder), list_param_ids(&hybrid.decoder)] {
            assert!(!later.is_empty() && later.iter().all(|id| !first.contains(id)));
        }
        Ok(())
    }
}
