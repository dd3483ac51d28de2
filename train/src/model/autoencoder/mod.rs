//! The parts of both autoencoders: [`Encoder`] and [`Decoder`].

mod decoder;
mod encoder;

use burn::module::Param;
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

pub use decoder::Decoder;
pub use encoder::{Encoder, Latent};

/// The arrangement of a latent space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatentForm {
    /// One vector for the whole tile, as in the paper: enough for its colour and rough structure.
    #[default]
    Vector,
    /// A vector at each place of the encoder's last maps, so that the decoder need not learn where things are: enough for
    /// glands and nuclei. The latent outputs have the vectors of all places, row by row.
    Map,
}

impl LatentForm {
    /// Numbers of a latent space of `latent` dimensions over maps of `side`.
    pub(super) fn values(self, latent: usize, side: usize) -> usize {
        match self {
            Self::Vector => latent,
            Self::Map => latent * side * side,
        }
    }

    /// Rough number of weights of an autoencoder with two convolutions of `filters` on `channels`, and a last feature map of
    /// `side`.
    pub(super) fn estimated_weights(self, channels: usize, filters: [usize; 2], latent: usize, side: f64) -> f64 {
        let [channels, first, second] = [channels, filters[0], filters[1]].map(|width| width as f64);
        let places = if self == Self::Vector { side * side } else { 1.0 };
        18.0 * first * (channels + second) + 3.0 * second * places * latent as f64
    }
}

/// Weights that keep the variance of values through a ReLU, for layers whose outputs are sums over `inputs` values (He et
/// al., 2015). burn's default divides the variance by 6, or by 24 in a transposed convolution of stride 2: after five of
/// them the output hardly depends on the latent space, and hundreds of steps pass before it does.
fn keeping_variance(inputs: usize) -> Initializer {
    Initializer::Normal { mean: 0.0, std: (2.0 / inputs.max(1) as f64).sqrt() }
}

/// A bias of zeros, `[width]`.
fn no_bias(width: usize, device: &Device) -> Option<Param<Tensor<1>>> {
    Some(Initializer::Zeros.init([width], device))
}
