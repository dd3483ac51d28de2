//! The variational autoencoder on pixels, and the plain one.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use kiln_tile::{SIDE, TILE_BYTES};

use super::loss::{negative_bound, squared_error, squares};
use super::{Decoder, Encoder, Latent, Levels, Scores, prepare};
use crate::config::VaeConfig;

/// Two convolutions, a latent Gaussian, and the mirror of both.
#[derive(Module, Debug)]
pub struct Vae {
    encoder: Encoder,
    decoder: Decoder,
    beta: f64,
}

impl Vae {
    /// Fresh weights.
    #[must_use]
    pub fn new(config: &VaeConfig, device: &Device) -> Self {
        let VaeConfig { filters, stride, latent, beta, variational, .. } = *config;
        let side = SIDE as usize;
        let channels = [filters[1], filters[0], 3];
        Self {
            encoder: Encoder::new([3, side], filters, stride, latent, variational, device),
            decoder: Decoder::new(latent, side / (stride * stride), &channels, stride, device),
            beta,
        }
    }

    /// Latent distribution of prepared tiles.
    #[must_use]
    pub fn encode(&self, prepared: Tensor<4>) -> Latent {
        self.encoder.forward(prepared)
    }

    /// Tiles in 0..1, `[batch, 3, 256, 256]`, of points in the latent space.
    #[must_use]
    pub fn decode(&self, latent: Tensor<2>) -> Tensor<4> {
        self.decoder.forward(latent)
    }

    /// Reconstruction and score of decoded tiles (u8, `[batch, 256, 256, 3]`), rebuilt from the latent mean.
    #[must_use]
    pub fn score(&self, tile: impl Into<Levels>) -> Scores {
        let image = prepare(tile);
        let latent = self.encode(image.clone());
        let rebuilt = self.decode(latent.mean.clone());
        let squares = squares(image, rebuilt.clone());
        let error = squared_error(squares.clone());
        let score = negative_bound(error.clone(), &latent, self.beta, TILE_BYTES);
        Scores::of_autoencoder(score, error).with_image(rebuilt, squares).with_latent(latent)
    }

    /// Weight of the divergence.
    #[must_use]
    pub fn beta(&self) -> f64 {
        self.beta
    }
}
