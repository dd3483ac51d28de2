//! The layer of every backbone: a convolution and its batch normalisation.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::module::batch_norm;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};

use crate::model::convolution::{
    Activation, AfterNormalisation, by_libtorch, convolved, folded, normalised_by_batch, options,
};
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
    /// Rows and columns of zeros before and after the maps.
    #[module(skip)]
    padding: (usize, usize),
    /// The part of each batch in the running figures; `None` normalises by the running figures.
    #[module(skip)]
    momentum: Option<f64>,
    /// The kernel does not learn: see [`Layer::fix_depthwise`].
    #[module(skip)]
    is_fixed: bool,
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
        let norm = identity::normalisation(&norm, &path, device);
        Self { conv: conv.init(device), norm, padding: (before, after), momentum: None, is_fixed: false }
    }

    /// Maps `[batch, channels in, side, side]` to `[batch, channels out, side / stride, side / stride]`, with an activation.
    pub(super) fn forward(&self, input: Tensor<4>, activation: Activation) -> Tensor<4> {
        if let Some(momentum) = self.momentum {
            let after = AfterNormalisation { pooling: false, activation };
            return normalised_by_batch(input, self.kernel(), self.options(), (&self.norm, momentum), after);
        }
        // An exported graph keeps the normalisation, as saved weights do.
        if input.device().is_autodiff() || by_libtorch(&input) {
            let weights = folded(self.kernel(), self.unless_fixed(self.norm.gamma.val()), &self.norm);
            return convolved(input, weights, self.options(), activation);
        }
        let (mean, variance) = (self.norm.running_mean.value(), self.norm.running_var.value());
        let (gamma, beta) = (self.norm.gamma.val(), self.norm.beta.val());
        activation.of(batch_norm(self.conv.forward(input), gamma, beta, mean, variance, self.norm.epsilon))
    }

    fn kernel(&self) -> Tensor<4> {
        self.unless_fixed(self.conv.weight.val())
    }

    /// A parameter, as a constant if it does not learn. Outside of burn's graph: operations on a parameter whose results are
    /// detached stay in the graph, because no gradient passes and frees them.
    fn unless_fixed<const D: usize>(&self, parameter: Tensor<D>) -> Tensor<D> {
        let is_constant = self.is_fixed && parameter.device().is_autodiff();
        if is_constant { Tensor::from_inner(parameter.inner()) } else { parameter }
    }

    fn options(&self) -> ConvOptions<2> {
        options(&self.conv, self.padding)
    }

    /// From now on the kernel of a depthwise convolution does not learn, nor the scale of its normalisation where this is folded
    /// into the kernel.
    pub(super) fn fix_depthwise(&mut self) {
        self.is_fixed = self.conv.groups > 1;
    }

    /// From now on normalises by the figures of each batch, which replace the part `momentum` of the running figures; `None`
    /// normalises by the running figures again.
    pub(super) fn follow_batches(&mut self, momentum: Option<f64>) {
        self.momentum = momentum;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use burn::tensor::Distribution;

    use super::*;
    use crate::model::tensors::read;

    #[test]
    fn a_normalisation_in_the_weights_gives_the_same_maps_and_gradients() {
        let device = Device::flex().autodiff();
        device.seed(1);
        for groups in [1, 6] {
            let shape = LayerShape { channels: [6, 6], kernel: 3, stride: 2, groups, padding: [0, 1], epsilon: 1e-3 };
            let mut layer = Layer::new(shape, "test", &device);
            let random = |low, high| Tensor::<1>::random([6], Distribution::Uniform(low, high), &device);
            let (mean, variance) = (random(-1.0, 1.0), random(0.1, 2.0));
            identity::set_running_figures(&mut layer.norm, "test", mean.clone(), variance.clone());
            layer.norm.gamma = layer.norm.gamma.map(|_| random(0.5, 1.5).detach().require_grad());
            let input = Tensor::<4>::random([2, 6, 8, 8], Distribution::Normal(0.0, 1.0), &device).require_grad();
            let (gamma, beta) = (layer.norm.gamma.val(), layer.norm.beta.val());
            let separate =
                batch_norm(layer.conv.forward(input.clone()), gamma, beta, mean, variance, layer.norm.epsilon);
            let together = layer.forward(input.clone(), Activation::None);
            assert!(separate.clone().sub(together.clone()).abs().max().into_scalar::<f32>() < 1e-5);
            let (apart, joint) = (separate.powi_scalar(2).sum().backward(), together.powi_scalar(2).sum().backward());
            let of_weight = |gradients| layer.conv.weight.val().grad(gradients).unwrap();
            assert!(of_weight(&apart).sub(of_weight(&joint)).abs().max().into_scalar::<f32>() < 1e-3);
            for one in [layer.norm.gamma.val(), layer.norm.beta.val()] {
                let difference = one.grad(&apart).unwrap() - one.grad(&joint).unwrap();
                assert!(difference.abs().max().into_scalar::<f32>() < 1e-3);
            }
            assert!(
                (input.grad(&apart).unwrap() - input.grad(&joint).unwrap()).abs().max().into_scalar::<f32>() < 1e-4
            );
        }
    }

    #[test]
    fn a_fixed_kernel_has_no_gradient_and_the_same_maps_in_pre_training() {
        let device = Device::flex().autodiff();
        device.seed(2);
        let shape = LayerShape { channels: [6, 6], kernel: 3, stride: 2, groups: 6, padding: [0, 1], epsilon: 1e-3 };
        let mut layer = Layer::new(shape, "test", &device);
        layer.follow_batches(Some(0.1));
        let input = Tensor::<4>::random([2, 6, 8, 8], Distribution::Normal(0.0, 1.0), &device);
        let free = layer.forward(input.clone(), Activation::None);
        layer.fix_depthwise();
        let fixed = layer.forward(input, Activation::None);
        assert_eq!(read(free.clone().into_data()).unwrap(), read(fixed.clone().into_data()).unwrap());
        for (maps, learns) in [(free, true), (fixed, false)] {
            let gradients = maps.powi_scalar(3).sum().backward();
            assert_eq!(layer.conv.weight.val().grad(&gradients).is_some(), learns);
            assert!(layer.norm.gamma.val().grad(&gradients).is_some());
        }
    }
}
