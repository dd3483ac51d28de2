//! The hybrid: one set of feature maps feeds a classifier and a variational autoencoder, and what both say of a tile is
//! put together in one score. The paper's model, with what it leaves open as words of the configuration: which feature
//! maps the autoencoder reads, whether it rebuilds the tile or those maps, and what the score is.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use kiln_tile::{SIDE, TILE_BYTES};

use super::combination::{Combination, log_odds};
use super::loss::{squared_error, squares};
use super::maps::resized;
use super::{Classifier, Decoder, Encoder, Features, Latent, Levels, Scores, prepare};
use crate::config::{HybridConfig, HybridScore, Reconstruct};

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
}

/// What both parts make of a batch of prepared tiles.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// `[batch, classes]`.
    pub logits: Tensor<2>,
    /// Where in the latent space the tiles lie.
    pub latent: Latent,
    /// What the decoder is to rebuild: the tiles, or the feature maps `[batch, channels, side, side]`.
    pub target: Tensor<4>,
}

impl Hybrid {
    /// Fresh weights.
    #[must_use]
    pub fn new(config: &HybridConfig, classes: usize, device: &Device) -> Self {
        let stages = config.read_stages();
        let channels: usize = stages.iter().filter_map(|stage| config.cnn.filters.get(stage - 1)).sum();
        let side = Features::side(stages.last().copied().unwrap_or(1));
        let rebuilds_image = config.reconstruct == Reconstruct::Image;
        let [first, second] = config.filters;
        let decoder = |channels: &[usize]| Decoder::new(config.latent, side / 4, channels, 2, device);
        Self {
            features: Features::new(&config.cnn.filters, device),
            classifier: Classifier::new(&config.cnn, classes, device),
            encoder: Encoder::new([channels, side], config.filters, 2, config.latent, true, device),
            decoder: if rebuilds_image {
                decoder(&mirrored(config))
            } else {
                decoder(&[second, first, channels]).of_maps()
            },
            combination: Combination::new(config.latent, device),
            beta: config.beta,
            reconstruction_weight: config.reconstruction_weight,
            rebuilds_image,
            values: if rebuilds_image { TILE_BYTES } else { channels * side * side },
            combines: config.score == HybridScore::Combined,
            stages,
        }
    }

    /// Logits of prepared tiles, `[batch, classes]`. A pooled head takes tiles of any side that the stages divide.
    #[must_use]
    pub fn logits(&self, prepared: Tensor<4>) -> Tensor<2> {
        self.classifier.forward(self.features.forward(prepared))
    }

    /// What both parts make of prepared tiles.
    #[must_use]
    pub fn encode(&self, prepared: Tensor<4>) -> Encoded {
        let maps = self.features.each(prepared.clone());
        let read = self.read(&maps);
        let last = maps.last().unwrap_or(&prepared);
        let logits = self.classifier.forward(last.clone());
        let latent = self.encoder.forward(read.clone());
        Encoded { logits, latent, target: if self.rebuilds_image { prepared } else { read } }
    }

    /// The maps that the encoder reads, at the size of the smallest of them.
    fn read(&self, maps: &[Tensor<4>]) -> Tensor<4> {
        let of_stages: Vec<Tensor<4>> = self.stages.iter().filter_map(|stage| maps.get(stage - 1)).cloned().collect();
        // The stages ascend, so the last one's are the smallest; a configuration without stages is refused.
        let side = of_stages.last().map_or(1, |maps| maps.dims()[3]);
        Tensor::cat(of_stages.into_iter().map(|maps| resized(maps, side)).collect(), 1)
    }

    /// What the decoder makes of points in the latent space: tiles in 0..1, `[batch, 3, 256, 256]`, or feature maps.
    #[must_use]
    pub fn decode(&self, latent: Tensor<2>) -> Tensor<4> {
        self.decoder.forward(latent)
    }

    /// Whether [`Hybrid::decode`] gives tiles.
    #[must_use]
    pub fn rebuilds_image(&self) -> bool {
        self.rebuilds_image
    }

    /// Values that are rebuilt of a tile.
    pub(crate) fn rebuilt_values(&self) -> usize {
        self.values
    }

    /// Probabilities, score, error map and, where it is the tile that is rebuilt, reconstruction of decoded tiles (u8,
    /// `[batch, 256, 256, 3]`), rebuilt from the latent mean; the first `normal` classes are normal.
    #[must_use]
    pub fn score(&self, tile: impl Into<Levels>, normal: usize) -> Scores {
        let Encoded { logits, latent, target } = self.encode(prepare(tile));
        let rebuilt = self.decode(latent.mean.clone());
        let squares = squares(target, rebuilt.clone());
        let error = squared_error(squares.clone());
        let mut scores = Scores::of_classifier(logits.clone(), normal);
        if self.combines {
            let odds = log_odds(logits, normal);
            scores.score = self.combination.score(self.combination.parts(odds, error.clone(), latent.mean.clone()));
        }
        scores.squared_error = Some(error);
        let scores = if self.rebuilds_image { scores.with_image(rebuilt, squares) } else { scores.with_maps(squares) };
        scores.with_latent(latent)
    }

    /// What the classifier alone says of decoded tiles.
    pub(crate) fn classify(&self, tile: impl Into<Levels>, normal: usize) -> Scores {
        Scores::of_classifier(self.logits(prepare(tile)), normal)
    }

    /// Latent means of decoded tiles, `[batch, latent]`.
    pub(crate) fn latent_means(&self, tile: impl Into<Levels>) -> Tensor<2> {
        self.encode(prepare(tile)).latent.mean
    }

    /// What the score of decoded tiles is made of, `[batch, 3]`.
    pub(crate) fn parts_of_score(&self, tile: impl Into<Levels>, normal: usize) -> Tensor<2> {
        let Encoded { logits, latent, target } = self.encode(prepare(tile));
        let error = squared_error(squares(target, self.decode(latent.mean.clone())));
        self.combination.parts(log_odds(logits, normal), error, latent.mean)
    }

    /// Whether the score is a combination, whose weights need fitting.
    pub(crate) fn combines(&self) -> bool {
        self.combines
    }

    /// How the score is put together.
    pub(crate) fn combination(&self) -> &Combination {
        &self.combination
    }

    /// The same model under another combination.
    #[must_use]
    pub(crate) fn combining(self, combination: Combination) -> Self {
        Self { combination, ..self }
    }

    /// As [`Features::settled`].
    pub(crate) fn settled<E>(self, batches: impl Iterator<Item = Result<Tensor<4>, E>>) -> Result<Self, E> {
        Ok(Self { features: self.features.settled(batches)?, ..self })
    }

    /// The convolutional part and the classifier's dense one.
    pub(crate) fn parts(&self) -> (&Features, &Classifier) {
        (&self.features, &self.classifier)
    }

    /// Weight of the divergence.
    #[must_use]
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// Weight of reconstruction and divergence beside the cross-entropy.
    #[must_use]
    pub fn reconstruction_weight(&self) -> f64 {
        self.reconstruction_weight
    }
}

/// The channels of a decoder of tiles: the encoder's two convolutions and the classifier's stages in reverse, down to
/// RGB. The stages of full size are halved in width: they hold most of the work and the least of the meaning.
fn mirrored(config: &HybridConfig) -> Vec<usize> {
    let deepest = config.read_stages().last().copied().unwrap_or(1);
    debug_assert_eq!(Features::side(deepest) << deepest, SIDE as usize);
    let [first, second] = config.filters;
    let stages = config.cnn.filters[..deepest].iter().rev().skip(1).map(|filters| (filters / 2).max(1));
    [second, first].into_iter().chain([first]).chain(stages).chain([3]).collect()
}
