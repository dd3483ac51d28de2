//! The hybrid: one set of feature maps feeds a classifier and a variational autoencoder.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use kiln_tile::SIDE;

use super::{Classifier, Decoder, Encoder, Features, Latent, Scores, prepare};
use crate::config::HybridConfig;

/// Classifier and autoencoder on shared feature maps.
#[derive(Module, Debug)]
pub struct Hybrid {
    features: Features,
    classifier: Classifier,
    encoder: Encoder,
    decoder: Decoder,
    beta: f64,
    reconstruction_weight: f64,
}

impl Hybrid {
    /// Fresh weights.
    #[must_use]
    pub fn new(config: &HybridConfig, classes: usize, device: &Device) -> Self {
        let stages = config.cnn.filters.len();
        let maps = config.cnn.filters.last().copied().unwrap_or(3);
        let side = Features::side(stages);
        Self {
            features: Features::new(&config.cnn.filters, device),
            classifier: Classifier::new(&config.cnn, classes, device),
            encoder: Encoder::new(maps, side, config.filters, 2, config.latent, device),
            decoder: Decoder::new(config.latent, side / 4, &mirrored(config), 2, device),
            beta: config.beta,
            reconstruction_weight: config.reconstruction_weight,
        }
    }

    /// Logits `[batch, classes]` and latent distribution of prepared tiles.
    #[must_use]
    pub fn encode(&self, prepared: Tensor<4>) -> (Tensor<2>, Latent) {
        let maps = self.features.forward(prepared);
        (self.classifier.forward(maps.clone()), self.encoder.forward(maps))
    }

    /// Tiles in 0..1, `[batch, 3, 256, 256]`, of points in the latent space.
    #[must_use]
    pub fn decode(&self, latent: Tensor<2>) -> Tensor<4> {
        self.decoder.forward(latent)
    }

    /// Probabilities, score and reconstruction of decoded tiles (u8, `[batch, 256, 256, 3]`), rebuilt from the latent
    /// mean; the first `normal` classes are normal.
    #[must_use]
    pub fn score(&self, tile: Tensor<4, Int>, normal: usize) -> Scores {
        let image = prepare(tile);
        let (logits, latent) = self.encode(image.clone());
        let rebuilt = self.decode(latent.mean.clone());
        Scores::of_classifier(logits, normal).with_reconstruction(image, rebuilt, latent)
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

/// The decoder's channels: the encoder's two convolutions and the classifier's stages in reverse, down to RGB. The
/// stages of full size are halved in width: they hold most of the work and the least of the meaning.
fn mirrored(config: &HybridConfig) -> Vec<usize> {
    debug_assert_eq!(Features::side(config.cnn.filters.len()) << config.cnn.filters.len(), SIDE as usize);
    let [first, second] = config.filters;
    let stages = config.cnn.filters.iter().rev().skip(1).map(|filters| (filters / 2).max(1));
    [second, first].into_iter().chain([first]).chain(stages).chain([3]).collect()
}
