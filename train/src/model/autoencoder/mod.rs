//! The parts of both autoencoders: [`Encoder`] and [`Decoder`].

mod decoder;
mod encoder;

pub use decoder::Decoder;
pub use encoder::{Encoder, Latent};

/// Rough number of weights of an autoencoder with two convolutions of `filters` and a last feature map of `side`.
pub(super) fn estimated_weights(filters: [usize; 2], latent: usize, side: f64) -> f64 {
    let [first, second] = filters.map(|width| width as f64);
    18.0 * first * second + 3.0 * second * side * side * latent as f64
}
