//! The hybrid: one set of feature maps feeds a classifier and a variational autoencoder, and the results of both are
//! combined into one score. The paper's model; what the paper leaves open is configurable: which feature maps the
//! autoencoder reads, whether it rebuilds the tile or those maps, and how the score is computed. In place of the paper's
//! convolutions the classifier may have a pretrained backbone.

mod combination;
mod config;
mod fit;
mod trunk;

use burn::module::{Module, ParamGroup};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::{Device, Int, Tensor};
use kiln_tile::{ScoreRule, TILE_BYTES};

use combination::{Combination, PARTS, PartWeights, log_odds};
pub use config::{HybridConfig, HybridScore, Reconstruct};
use trunk::Trunk;

use super::backbone::Backbone;
use super::loss::{
    cross_entropy, cross_entropy_of_scores, masked_mean, negative_bound, negative_bound_of_scores, squared_error,
    squares,
};
use super::maps::resized;
use super::moments::{MeanMoments, Moments};
use super::{
    ClassifiedMaps, Classifier, Decoder, Encoder, FeatureModel, Features, FitTiles, Latent, LatentForm, LossOptions,
    Part, PixelValues, Reduction, Scores, TestTimeAugmentation, TileModel, Transfer, identity,
};

/// Classifier and autoencoder on shared feature maps.
#[derive(Module, Debug)]
pub struct Hybrid {
    /// Convolutions and the head behind them; `None` on a backbone.
    features: Option<Features>,
    classifier: Option<Classifier>,
    /// The classifier on a backbone.
    transfer: Option<Transfer>,
    /// Normalises maps of a backbone, whose channels differ in scale, before the autoencoder. It has no learned factors.
    maps_norm: Option<BatchNorm>,
    encoder: Encoder,
    decoder: Decoder,
    combination: Combination,
    beta: f64,
    reconstruction_weight: f64,
    rebuilds_image: bool,
    values: usize,
    combines: bool,
    /// Places of the maps that the encoder reads among those of the trunk.
    #[module(skip)]
    read: Vec<usize>,
    #[module(skip)]
    reduction: Reduction,
    #[module(skip)]
    test_time: TestTimeAugmentation,
}

/// Path of the normalisation of a backbone's maps.
const MAPS_NORM: &str = "maps_norm";

/// Results of both parts for a batch of prepared tiles.
struct Encoded {
    /// `[batch, classes]`.
    logits: Tensor<2>,
    latent: Latent,
    /// The target of the decoder: the tiles, or the feature maps `[batch, channels, side, side]`.
    target: Tensor<4>,
}

impl Hybrid {
    /// The parts that classify.
    fn trunk(&self) -> Trunk<'_> {
        match (&self.features, &self.classifier, &self.transfer) {
            (Some(features), Some(classifier), None) => Trunk::Cnn { features, classifier, reduction: self.reduction },
            (None, None, Some(transfer)) => Trunk::Transfer(transfer),
            _ => unreachable!("from_settings makes one of the two"),
        }
    }

    fn prepared(&self, tile: impl Into<PixelValues>) -> Tensor<4> {
        self.trunk().prepared(tile.into())
    }

    /// Results of both parts for prepared tiles. The classifier's are means over the forms of a tile, the autoencoder's those of
    /// the tile alone.
    fn encode(&self, prepared: Tensor<4>, test_time: TestTimeAugmentation) -> Encoded {
        let [tiles, ..] = prepared.dims();
        let trunk = self.trunk();
        let mut maps = Vec::new();
        let logits = test_time.mean_logits(prepared.clone(), |forms| {
            let (logits, all) = trunk.forward(forms);
            maps = all.into_iter().map(|maps| test_time.of_tiles(maps, tiles)).collect();
            logits
        });
        let read = self.normalised(self.read(&maps));
        let latent = self.encoder.forward(read.clone());
        Encoded { logits, latent, target: if self.rebuilds_image { prepared } else { read } }
    }

    /// The maps that the encoder reads, resized to the smallest of them.
    fn read(&self, maps: &[Tensor<4>]) -> Tensor<4> {
        let of_stages: Vec<Tensor<4>> = self.read.iter().filter_map(|place| maps.get(*place)).cloned().collect();
        // Stages ascend, so the last is the smallest; a configuration without stages is refused.
        let side = of_stages.last().map_or(1, |maps| maps.dims()[3]);
        Tensor::cat(of_stages.into_iter().map(|maps| resized(maps, side)).collect(), 1)
    }

    fn normalised(&self, read: Tensor<4>) -> Tensor<4> {
        match &self.maps_norm {
            Some(norm) => norm.forward(read),
            None => read,
        }
    }

    /// Latent means of tiles, `[batch, latent]`.
    fn latent_means(&self, tile: PixelValues) -> Tensor<2> {
        self.encode(self.prepared(tile), TestTimeAugmentation::None).latent.mean
    }

    /// The parts of the score, `[batch, 3]`.
    fn parts_of_score(&self, tile: PixelValues, normal: usize) -> Tensor<2> {
        let Encoded { logits, latent, target } = self.encode(self.prepared(tile), self.test_time);
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

    /// `norm` with running figures that are the means over `batches` of tiles.
    fn norm_of_maps<E>(
        &self,
        mut norm: BatchNorm,
        batches: impl Iterator<Item = Result<PixelValues, E>>,
    ) -> Result<BatchNorm, E> {
        let mut moments = MeanMoments::default();
        for batch in batches {
            let tiles = self.prepared(batch?);
            moments.add(Moments::measure(&self.read(&self.trunk().forward(tiles).1)));
        }
        if let Some(Moments { mean, variance }) = moments.mean() {
            identity::set_running_figures(&mut norm, MAPS_NORM, mean, variance);
        }
        Ok(norm)
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
        let channels = settings.maps_channels();
        let side = settings.maps_side();
        let rebuilds_image = settings.reconstruct == Reconstruct::Image;
        let [first, second] = settings.filters;
        let (stride, latent) = (settings.stride, (settings.latent_form, settings.latent));
        let last_side = side / (stride * stride);
        // Back through the encoder's convolutions, then through the classifier's poolings.
        let strides = |layers: usize| (0..layers).map(|layer| if layer < 2 { stride } else { 2 }).collect::<Vec<_>>();
        Self {
            features: settings.cnn.as_ref().map(|cnn| Features::new(&cnn.filters, device)),
            classifier: settings.cnn.as_ref().map(|cnn| Classifier::new(cnn, classes, device)),
            transfer: settings.transfer.as_ref().map(|transfer| Transfer::within_hybrid(transfer, classes, device)),
            maps_norm: settings
                .transfer
                .as_ref()
                .map(|_| identity::normalisation(&BatchNormConfig::new(channels), MAPS_NORM, device).no_grad()),
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
            read: settings.places_of_stages(),
            reduction: Reduction::new(settings.side()),
            test_time: settings.test_time_augmentation(),
        }
    }

    /// Rebuilds from the latent mean.
    fn score(&self, tile: PixelValues, normal: usize) -> Scores {
        self.scores(self.encode(self.prepared(tile), self.test_time), normal)
    }

    fn score_part(&self, part: Part, tile: PixelValues, normal: usize) -> Scores {
        match part {
            Part::Classifier => Scores::from_logits(self.trunk().logits(self.prepared(tile)), normal),
            Part::Whole => self.scores(self.encode(self.prepared(tile), TestTimeAugmentation::None), normal),
        }
    }

    fn loss(&self, tile: PixelValues, labels: Tensor<1, Int>, normal: Tensor<1>, options: &LossOptions) -> Tensor<1> {
        if options.part == Part::Classifier {
            return cross_entropy(self.trunk().logits(self.prepared(tile)), labels, options);
        }
        let Encoded { logits, latent, target } = self.encode(self.prepared(tile), TestTimeAugmentation::None);
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

    fn recalibrated<E>(self, batches: impl Iterator<Item = Result<PixelValues, E>>) -> Result<Self, E> {
        if let Some(norm) = self.maps_norm.clone() {
            return Ok(Self { maps_norm: Some(self.norm_of_maps(norm, batches)?), ..self });
        }
        let prepared = self.reduction.prepared_batches(batches);
        let features = self.features.map(|features| features.recalibrated(prepared)).transpose()?;
        Ok(Self { features, ..self })
    }

    fn backbone(&self) -> Option<&Backbone> {
        self.transfer.as_ref().and_then(TileModel::backbone)
    }

    fn with_backbone(self, backbone: Backbone) -> Self {
        Self { transfer: self.transfer.map(|transfer| transfer.with_backbone(backbone)), ..self }
    }

    fn feature_model(&self) -> Option<&dyn FeatureModel> {
        self.transfer.as_ref().and_then(TileModel::feature_model)
    }

    fn standardised(self, features: Tensor<2>) -> Self {
        Self { transfer: self.transfer.map(|transfer| transfer.standardised(features)), ..self }
    }

    fn with_fitted_score(self, tiles: &FitTiles<'_>) -> crate::Result<(Self, Option<ScoreRule>)> {
        if !self.combines {
            return Ok((self, None));
        }
        let (model, rule) = fit::fitted(self, tiles)?;
        Ok((model, Some(rule)))
    }

    fn first_stage_params(&self) -> Vec<ParamGroup> {
        self.trunk().parameters()
    }

    fn decoded(&self, latent: Tensor<2>) -> Option<Tensor<4>> {
        self.rebuilds_image.then(|| self.decoder.forward(latent))
    }

    fn classified_maps(&self, tile: PixelValues) -> Option<ClassifiedMaps> {
        self.trunk().classified_maps(tile)
    }
}

/// The channels of a decoder of tiles: the encoder's two convolutions and the classifier's stages in reverse, down to
/// RGB. The stages of full size are halved in width, because they take most of the work; not if a map brings them more
/// than blurred shapes to draw.
fn mirrored(settings: &HybridConfig) -> Vec<usize> {
    let filters = settings.cnn.as_ref().map_or(&[][..], |cnn| &cnn.filters);
    let deepest = settings.read_stages().last().copied().unwrap_or(1).min(filters.len());
    let [first, second] = settings.filters;
    let narrower = if settings.latent_form == LatentForm::Map { 1 } else { 2 };
    let stages = filters[..deepest].iter().rev().skip(1).map(|filters| (filters / narrower).max(1));
    [second, first].into_iter().chain([first]).chain(stages).chain([3]).collect()
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use burn::module::{Module, ModuleVisitor, Param, list_param_ids};
    use burn::optim::GradientsParams;

    use super::*;
    use crate::model::tensors::{label_tensor, tile_tensor};
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

    const TRANSFER: &str =
        "backbone: {name: resnet18, weights: random, stages: [1, 3], width: 0.25, side: 64}, dense: [4]";

    fn on_backbone(keys: &str, rest: &str) -> String {
        let autoencoder = "reconstruct: features, stride: 1, filters: [4, 4], latent: 4";
        format!("{{kind: hybrid, cnn: null, transfer: {{{TRANSFER}{keys}}}, {autoencoder}{rest}}}")
    }

    #[test]
    fn a_hybrid_on_a_backbone_keeps_the_promises_of_a_kind() -> Result<(), serde_yaml::Error> {
        for frozen in ["true", "false"] {
            crate::model::testing::check_kind(&on_backbone(&format!(", frozen: {frozen}"), ", stages: [1, 3]"));
        }
        let forms = on_backbone(", test_time_augmentation: flips_and_turns", "");
        let config: ModelConfig = serde_yaml::from_str(&forms)?;
        crate::model::testing::check_forms(&Zoo::new(&config, 2, 3, &Device::flex()).valid());
        Ok(())
    }

    /// Counts the parameters of a module that have gradients.
    struct Counter<'a> {
        gradients: &'a GradientsParams,
        count: usize,
    }

    impl ModuleVisitor for Counter<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.count += usize::from(self.gradients.get::<D>(param.id).is_some());
        }
    }

    #[test]
    fn a_frozen_backbone_has_no_gradients_and_the_rest_of_a_hybrid_has() -> Result<(), serde_yaml::Error> {
        let device = Device::flex().autodiff();
        let pixels = (0..2 * TILE_BYTES).map(|at| (at * 31 % 251) as u8).collect();
        let tile = tile_tensor(pixels, &device);
        for (frozen, learns) in [(true, false), (false, true)] {
            let config: ModelConfig = serde_yaml::from_str(&on_backbone(&format!(", frozen: {frozen}"), ""))?;
            let zoo = Zoo::new(&config, 2, 3, &device);
            // As a checkpoint does.
            let Ok(zoo) = zoo.clone().try_load_record(zoo.into_record()) else { panic!("no record") };
            let labels = label_tensor(&[0, 1], &device);
            let normal = Tensor::from_floats([1.0, 0.0], &device);
            let loss = zoo.loss(tile.clone(), labels, normal, &LossOptions::default()).total;
            let Zoo::Hybrid(hybrid) = &zoo else { panic!("not a hybrid") };
            let Some(transfer) = &hybrid.transfer else { panic!("not on a backbone") };
            let moved = GradientsParams::from_grads(loss.backward(), &zoo);
            fn with_gradients<M: Module>(module: &M, gradients: &GradientsParams) -> usize {
                let mut counter = Counter { gradients, count: 0 };
                module.visit(&mut counter);
                counter.count
            }
            let backbone = transfer.backbone().unwrap_or_else(|| panic!("no backbone"));
            assert_eq!(with_gradients(backbone, &moved) > 0, learns, "frozen: {frozen}");
            assert!(with_gradients(transfer, &moved) > with_gradients(backbone, &moved), "frozen: {frozen}");
            assert!(with_gradients(&hybrid.encoder, &moved) > 0 && with_gradients(&hybrid.decoder, &moved) > 0);
            assert_eq!(with_gradients(&hybrid.maps_norm, &moved), 0);
        }
        Ok(())
    }

    #[test]
    fn maps_of_a_backbone_are_normalised_by_the_moments_of_the_tiles() -> Result<(), serde_yaml::Error> {
        let config: ModelConfig = serde_yaml::from_str(&on_backbone("", ""))?;
        let zoo = Zoo::new(&config, 2, 3, &Device::flex()).valid();
        let pixels: Vec<u8> = (0..4 * TILE_BYTES).map(|at| (at * at % 251) as u8).collect();
        let tile = tile_tensor(pixels, &Device::flex());
        let Ok(zoo) = zoo.recalibrated([Ok::<_, ()>(tile.clone().into())].into_iter()) else {
            panic!("no error was given")
        };
        let Zoo::Hybrid(hybrid) = &zoo else { panic!("not a hybrid") };
        let encoded = hybrid.encode(hybrid.prepared(tile), TestTimeAugmentation::None);
        let Moments { mean, variance } = Moments::measure(&encoded.target);
        assert!(mean.abs().max().into_scalar::<f32>() < 1e-3);
        // Channels that are 0 everywhere stay so; random weights have some.
        assert!((variance.clone().max().into_scalar::<f32>() - 1.0).abs() < 1e-2);
        assert!(variance.mean().into_scalar::<f32>() > 0.3);
        Ok(())
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
