//! The decoder of both autoencoders: a dense layer, then transposed convolutions up to the tile, or to feature maps.

use burn::module::Module;
use burn::nn::conv::{ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};

/// From the latent space to pixels in 0..1, or to the values of feature maps.
#[derive(Module, Debug)]
pub struct Decoder {
    dense: Linear,
    deconvs: Vec<ConvTranspose2d>,
    channels: usize,
    side: usize,
    pixels: bool,
}

impl Decoder {
    /// Fresh weights: a dense layer to `[channels[0], side, side]`, then one transposed convolution for each further
    /// entry of `channels`, which multiplies the side by `stride`.
    #[must_use]
    pub fn new(latent: usize, side: usize, channels: &[usize], stride: usize, device: &Device) -> Self {
        let first = channels.first().copied().unwrap_or(1);
        let deconvs = channels.windows(2).map(|pair| widened([pair[0], pair[1]], stride).init(device)).collect();
        let dense = LinearConfig::new(latent, first * side * side).init(device);
        Self { dense, deconvs, channels: first, side, pixels: true }
    }

    /// The decoder without the final sigmoid, for feature maps, whose values have no bounds.
    #[must_use]
    pub fn for_maps(self) -> Self {
        Self { pixels: false, ..self }
    }

    /// Rebuilt tiles in 0..1, `[batch, 3, 256, 256]`, or maps, `[batch, channels, side, side]`.
    #[must_use]
    pub fn forward(&self, latent: Tensor<2>) -> Tensor<4> {
        let [batch, _] = latent.dims();
        let maps = relu(self.dense.forward(latent)).reshape([batch, self.channels, self.side, self.side]);
        let last = self.deconvs.len().saturating_sub(1);
        let maps = self.deconvs.iter().enumerate().fold(maps, |maps, (index, deconv)| {
            let maps = deconv.forward(maps);
            if index == last { maps } else { relu(maps) }
        });
        if self.pixels { sigmoid(maps) } else { maps }
    }
}

/// A transposed convolution that multiplies the side by `stride` exactly: kernel `stride + 2`, padding 1.
fn widened(channels: [usize; 2], stride: usize) -> ConvTranspose2dConfig {
    let kernel = stride + 2;
    ConvTranspose2dConfig::new(channels, [kernel, kernel]).with_stride([stride, stride]).with_padding([1, 1])
}
