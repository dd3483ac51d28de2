//! The variational autoencoder on pixels, and the plain one.

mod config;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use kiln_tile::{SIDE, TILE_BYTES};

pub use config::VaeConfig;

use super::loss::{masked_mean, negative_bound, negative_bound_of_scores, squared_error, squares};
use super::{Decoder, Encoder, LossOptions, PixelValues, Scores, TileModel, prepare};

/// Two convolutions, a latent Gaussian, and the mirror image of both.
#[derive(Module, Debug)]
pub struct Vae {
    encoder: Encoder,
    decoder: Decoder,
    beta: f64,
}

impl TileModel for Vae {
    type Settings = VaeConfig;

    const KIND: &'static str = "vae";
    const PHRASE: &'static str = "vae";
    const HAS_CLASSES: bool = false;

    fn from_settings(settings: &VaeConfig, _classes: usize, device: &Device) -> Self {
        let VaeConfig { filters, stride, latent, latent_form, beta, variational, .. } = *settings;
        let latent = (latent_form, latent);
        let side = SIDE as usize;
        let channels = [filters[1], filters[0], 3];
        Self {
            encoder: Encoder::new([3, side], filters, stride, latent, variational, device),
            decoder: Decoder::for_pixels(latent, side / (stride * stride), &channels, &[stride, stride], device),
            beta,
        }
    }

    /// Rebuilds from the latent mean.
    fn score(&self, tile: PixelValues, _normal: usize) -> Scores {
        let image = prepare(tile);
        let latent = self.encoder.forward(image.clone());
        let rebuilt = self.decoder.forward(latent.mean.clone());
        let squares = squares(image, rebuilt.clone());
        let error = squared_error(squares.clone());
        let score = negative_bound(error.clone(), &latent, self.beta, TILE_BYTES);
        let scores = Scores { squared_error: Some(error), ..Scores::new(score) };
        scores.with_image(rebuilt, squares).with_latent(latent)
    }

    fn loss(&self, tile: PixelValues, _labels: Tensor<1, Int>, normal: Tensor<1>, options: &LossOptions) -> Tensor<1> {
        let image = prepare(tile);
        let latent = self.encoder.forward(image.clone());
        let error = squared_error(squares(image, self.decoder.forward(latent.sample())));
        masked_mean(negative_bound(error, &latent, self.beta * options.divergence, TILE_BYTES), normal)
    }

    fn loss_of_scores(
        &self,
        scores: &Scores,
        _labels: Tensor<1, Int>,
        normal: Tensor<1>,
        _options: &LossOptions,
    ) -> Tensor<1> {
        let bound = negative_bound_of_scores(scores, normal, self.beta, TILE_BYTES);
        bound.unwrap_or_else(|| Tensor::zeros([1], &scores.score.device()))
    }

    fn decoded(&self, latent: Tensor<2>) -> Option<Tensor<4>> {
        Some(self.decoder.forward(latent))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_vae_keeps_the_promises_of_a_kind() {
        crate::model::testing::check_kind("{kind: vae, filters: [4, 4], stride: 8, latent: 4}");
    }

    #[test]
    fn a_vae_with_a_latent_map_keeps_the_promises_of_a_kind() {
        crate::model::testing::check_kind("{kind: vae, filters: [4, 4], stride: 8, latent: 3, latent_form: map}");
    }
}
