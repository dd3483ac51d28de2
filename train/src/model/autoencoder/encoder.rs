//! The encoder of both autoencoders: two strided convolutions, then mean and log-variance, of the whole tile or at each
//! place.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Distribution, Tensor};

use super::{LatentForm, keeping_variance, no_bias};
use crate::model::convolution::{Activation, convolved, options};

/// Rows and columns of zeros on each side of the maps.
const PADDING: usize = 1;

/// A diagonal Gaussian over the latent space; a point for a plain autoencoder.
#[derive(Debug, Clone)]
pub struct Latent {
    /// Mean, `[batch, latent]`.
    pub mean: Tensor<2>,
    /// Natural logarithm of the variance, `[batch, latent]`; `None` for a point.
    pub log_variance: Option<Tensor<2>>,
}

impl Latent {
    /// A draw, differentiable by the reparameterisation of Kingma and Welling (2014); a point is returned unchanged.
    #[must_use]
    pub fn sample(&self) -> Tensor<2> {
        let Some(log_variance) = &self.log_variance else { return self.mean.clone() };
        let noise = self.mean.random_like(Distribution::Normal(0.0, 1.0));
        self.mean.clone() + log_variance.clone().mul_scalar(0.5).exp() * noise
    }

    /// KL divergence from the standard normal, summed over the latent dimensions, `[batch]`, in nats; `None` for a
    /// point.
    #[must_use]
    pub fn divergence(&self) -> Option<Tensor<1>> {
        let log_variance = self.log_variance.clone()?;
        let mean_squared = self.mean.clone() * self.mean.clone();
        let terms = mean_squared + log_variance.clone().exp() - log_variance;
        Some(terms.sub_scalar(1.0).mul_scalar(0.5).sum_dim(1).squeeze_dim(1))
    }
}

/// Two strided convolutions with ReLU, then a dense layer each for mean and log-variance: of all maps, or of the channels
/// at each place.
#[derive(Module, Debug)]
pub struct Encoder {
    conv1: Conv2d,
    conv2: Conv2d,
    mean: Linear,
    log_variance: Option<Linear>,
    by_place: bool,
}

impl Encoder {
    /// Fresh weights for maps of `channels` and `side`, which each convolution divides by `stride`.
    #[must_use]
    pub fn new(
        [channels, side]: [usize; 2],
        filters: [usize; 2],
        stride: usize,
        (form, latent): (LatentForm, usize),
        variational: bool,
        device: &Device,
    ) -> Self {
        let by_place = form == LatentForm::Map;
        let places = if by_place { 1 } else { (side / (stride * stride)).pow(2) };
        let dense = LinearConfig::new(filters[1] * places, latent);
        Self {
            conv1: strided([channels, filters[0]], stride, device),
            conv2: strided(filters, stride, device),
            mean: dense.init(device),
            log_variance: variational.then(|| dense.init(device)),
            by_place,
        }
    }

    /// The latent distribution of each tile's maps.
    #[must_use]
    pub fn forward(&self, maps: Tensor<4>) -> Latent {
        let maps = rectified(&self.conv2, rectified(&self.conv1, maps));
        let dense = |layer: &Linear| -> Tensor<2> {
            if self.by_place {
                layer.forward(maps.clone().permute([0, 2, 3, 1])).flatten(1, 3)
            } else {
                layer.forward(maps.clone().flatten::<2>(1, 3))
            }
        };
        // Beyond e^10 or below e^-10 the variance no longer matters, and its exponential can overflow.
        let log_variance = self.log_variance.as_ref().map(|layer| dense(layer).clamp(-10.0, 10.0));
        Latent { mean: dense(&self.mean), log_variance }
    }
}

/// A [`strided`] convolution and ReLU.
fn rectified(layer: &Conv2d, maps: Tensor<4>) -> Tensor<4> {
    match &layer.bias {
        Some(bias) => {
            let weights = (layer.weight.val(), bias.val());
            convolved(maps, weights, options(layer, (PADDING, PADDING)), Activation::Relu)
        }
        None => relu(layer.forward(maps)),
    }
}

/// A convolution that divides the side by `stride` exactly: kernel `stride + 2`, padding 1.
fn strided(channels: [usize; 2], stride: usize, device: &Device) -> Conv2d {
    let kernel = stride + 2;
    let convolution = Conv2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(PADDING, PADDING, PADDING, PADDING))
        .with_initializer(keeping_variance(channels[0] * kernel * kernel))
        .init(device);
    Conv2d { bias: no_bias(channels[1], device), ..convolution }
}
