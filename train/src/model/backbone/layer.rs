//! The layer of every backbone: a convolution and its batch normalisation.

use burn::module::{Module, RunningState};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::module::{batch_norm, batch_norm_train};
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
/// would replace the figures of a million images by its own. Only pre-training normalises by the figures of each batch: see
/// [`Layer::follow_batches`].
#[derive(Module, Debug)]
pub(super) struct Layer {
    conv: Conv2d,
    norm: BatchNorm,
    /// The part of each batch in the running figures; `None` normalises by the running figures.
    #[module(skip)]
    momentum: Option<f64>,
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
        Self { conv: conv.init(device), norm: identity::normalisation(&norm, &path, device), momentum: None }
    }

    /// Maps `[batch, channels in, side, side]` to `[batch, channels out, side / stride, side / stride]`.
    pub(super) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let maps = self.conv.forward(input);
        if let Some(momentum) = self.momentum {
            return self.normalised_by_batch(maps, momentum);
        }
        let (mean, variance) = (self.norm.running_mean.value(), self.norm.running_var.value());
        batch_norm(maps, self.norm.gamma.val(), self.norm.beta.val(), mean, variance, self.norm.epsilon)
    }

    /// From now on normalises by the figures of each batch, which replace the part `momentum` of the running figures; `None`
    /// normalises by the running figures again.
    pub(super) fn follow_batches(&mut self, momentum: Option<f64>) {
        self.momentum = momentum;
    }

    fn normalised_by_batch(&self, maps: Tensor<4>, momentum: f64) -> Tensor<4> {
        let normal = batch_norm_train(maps, self.norm.gamma.val(), self.norm.beta.val(), self.norm.epsilon);
        follow(&self.norm.running_mean, normal.mean, momentum);
        follow(&self.norm.running_var, normal.variance, momentum);
        normal.output
    }
}

/// Moves running figures towards those of a batch, `[channels]`.
fn follow(running: &RunningState<Tensor<1>>, batch: Tensor<1>, momentum: f64) {
    let kept = running.value_sync().mul_scalar(1.0 - momentum);
    running.update((kept + batch.detach().mul_scalar(momentum)).detach());
}
