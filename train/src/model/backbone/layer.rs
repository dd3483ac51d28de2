//! The layer of every backbone: a convolution and its batch normalisation.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::module::batch_norm;
use burn::tensor::{Device, Tensor};

use crate::model::identity;

/// The shape of a layer's convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct LayerShape {
    /// Channels in and out.
    pub(super) channels: [usize; 2],
    /// Side of the kernel.
    pub(super) kernel: usize,
    /// Stride in both directions.
    pub(super) stride: usize,
    /// 1, or the channels of a depthwise convolution.
    pub(super) groups: usize,
    /// Rows and columns of zeros before and after the maps.
    pub(super) padding: [usize; 2],
    /// Added to the variance before its root.
    pub(super) epsilon: f64,
}

/// Convolution without bias, then batch normalisation by the running figures, in training too: a batch of a few tiles
/// would replace the figures of a million images by its own.
#[derive(Module, Debug)]
pub(super) struct Layer {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Layer {
    /// Fresh weights; `path` is the layer's path within its backbone.
    pub(super) fn new(shape: LayerShape, path: &str, device: &Device) -> Self {
        let [before, after] = shape.padding;
        let conv = Conv2dConfig::new(shape.channels, [shape.kernel; 2])
            .with_stride([shape.stride; 2])
            .with_padding(PaddingConfig2d::Explicit(before, before, after, after))
            .with_groups(shape.groups)
            .with_bias(false);
        let norm = BatchNormConfig::new(shape.channels[1]).with_epsilon(shape.epsilon);
        let path = format!("backbone.{path}.norm");
        Self { conv: conv.init(device), norm: identity::normalisation(&norm, &path, device) }
    }

    /// Maps `[batch, channels in, side, side]` to `[batch, channels out, side / stride, side / stride]`.
    pub(super) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let maps = self.conv.forward(input);
        let (mean, variance) = (self.norm.running_mean.value(), self.norm.running_var.value());
        batch_norm(maps, self.norm.gamma.val(), self.norm.beta.val(), mean, variance, self.norm.epsilon)
    }
}
