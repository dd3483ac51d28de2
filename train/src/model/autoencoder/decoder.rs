//! The decoder of both autoencoders: a dense layer, then transposed convolutions up to the tile, or to feature maps.

use burn::module::{Module, Param};
use burn::nn::conv::{ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};

use super::{LatentForm, keeping_variance, no_bias};
use crate::model::convolution::{Activation, transposed};

/// The colour with which an untrained decoder of pixels begins: that of tissue in H&E, as log-odds of R, G and B. From grey
/// it would spend its first epochs on the colour alone.
const TISSUE: [f32; 3] = [1.7, 0.6, 1.4];

/// From the latent space to pixels in 0..1, or to the values of feature maps.
#[derive(Module, Debug)]
pub struct Decoder {
    dense: Linear,
    deconvs: Vec<ConvTranspose2d>,
    /// One after each transposed convolution but the last; none for a vector.
    norms: Vec<GroupNorm>,
    channels: usize,
    side: usize,
    pixels: bool,
    by_place: bool,
}

impl Decoder {
    /// Fresh weights for the pixels of tiles: a dense layer to `[channels[0], side, side]`, then one transposed convolution for
    /// each further entry of `channels`, which multiplies the side by the entry of `strides`. The last entry is 3, and a sigmoid
    /// follows. If the latent space is a map, it has the side `side`, the dense layer is one of each place, and the
    /// convolutions are normalised over each tile, with which they learn several times as fast.
    #[must_use]
    pub fn for_pixels(
        latent: (LatentForm, usize),
        side: usize,
        channels: &[usize],
        strides: &[usize],
        device: &Device,
    ) -> Self {
        Self::new(latent, side, [channels, strides], true, device)
    }

    /// As [`Decoder::for_pixels`], for feature maps: any number of channels, and no sigmoid, because their values have no bounds.
    #[must_use]
    pub fn for_maps(
        latent: (LatentForm, usize),
        side: usize,
        channels: &[usize],
        strides: &[usize],
        device: &Device,
    ) -> Self {
        Self::new(latent, side, [channels, strides], false, device)
    }

    fn new(
        (form, latent): (LatentForm, usize),
        side: usize,
        [channels, strides]: [&[usize]; 2],
        pixels: bool,
        device: &Device,
    ) -> Self {
        debug_assert_eq!(channels.len(), strides.len() + 1);
        debug_assert!(!pixels || channels.last() == Some(&TISSUE.len()));
        let first = channels.first().copied().unwrap_or(1);
        let last = strides.len().saturating_sub(1);
        let layer = |(index, (pair, stride)): (usize, (&[usize], &usize))| {
            widened([pair[0], pair[1]], *stride, pixels && index == last, device)
        };
        let deconvs = channels.windows(2).zip(strides).enumerate().map(layer).collect();
        let by_place = form == LatentForm::Map;
        let normed = if by_place { channels.get(1..channels.len() - 1).unwrap_or_default() } else { &[] };
        let norms = normed.iter().map(|width| GroupNormConfig::new(1, *width).init(device)).collect();
        let width = if by_place { first } else { first * side * side };
        let dense = LinearConfig::new(latent, width).with_initializer(keeping_variance(latent)).init(device);
        let dense = Linear { bias: no_bias(width, device), ..dense };
        Self { dense, deconvs, norms, channels: first, side, pixels, by_place }
    }

    /// Rebuilt tiles in 0..1, `[batch, 3, 256, 256]`, or maps, `[batch, channels, side, side]`.
    #[must_use]
    pub fn forward(&self, latent: Tensor<2>) -> Tensor<4> {
        let [batch, values] = latent.dims();
        let maps = if self.by_place {
            let places = [batch, self.side, self.side, values / (self.side * self.side)];
            relu(self.dense.forward(latent.reshape(places))).permute([0, 3, 1, 2])
        } else {
            relu(self.dense.forward(latent)).reshape([batch, self.channels, self.side, self.side])
        };
        let last = self.deconvs.len().saturating_sub(1);
        let maps = self.deconvs.iter().enumerate().fold(maps, |maps, (index, deconv)| {
            let activation = if index == last { Activation::None } else { Activation::Relu };
            transposed(maps, deconv, self.norms.get(index), activation)
        });
        if self.pixels { sigmoid(maps) } else { maps }
    }
}

/// A transposed convolution that multiplies the side by `stride` exactly: kernel `stride + 2`, padding 1. Each output is
/// a sum over `((stride + 2) / stride)²` places. The one that `gives_colours` begins near that of tissue.
fn widened(channels: [usize; 2], stride: usize, gives_colours: bool, device: &Device) -> ConvTranspose2d {
    let kernel = stride + 2;
    let inputs = (channels[0] * kernel * kernel).div_ceil(stride * stride);
    // A tenth of the variance: at first the colour of tissue with faint shapes.
    let initializer = keeping_variance(if gives_colours { 10 * inputs } else { inputs });
    let convolution = ConvTranspose2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding([1, 1])
        .with_initializer(initializer)
        .init(device);
    let bias = if gives_colours {
        Some(Param::from_tensor(Tensor::from_floats(TISSUE, device)))
    } else {
        no_bias(channels[1], device)
    };
    ConvTranspose2d { bias, ..convolution }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::tensors::read;

    #[test]
    fn only_the_pixels_of_a_decoder_begin_with_the_colour_of_tissue() {
        let device = Device::flex();
        let latent = (LatentForm::Vector, 2);
        // Three channels of a hidden layer, or of maps, are no colours.
        let pixels = Decoder::for_pixels(latent, 2, &[4, 3, 3], &[2, 2], &device);
        let maps = Decoder::for_maps(latent, 2, &[4, 3, 3], &[2, 2], &device);
        let biases = |decoder: &Decoder| -> Vec<Vec<f64>> {
            let bias = |layer: &ConvTranspose2d| read(layer.bias.as_ref().unwrap().val().into_data()).unwrap();
            decoder.deconvs.iter().map(bias).collect()
        };
        let tissue: Vec<f64> = TISSUE.into_iter().map(f64::from).collect();
        assert_eq!(biases(&pixels), [vec![0.0; 3], tissue]);
        assert_eq!(biases(&maps), [[0.0; 3]; 2]);
        assert!(pixels.pixels && !maps.pixels);
    }
}
