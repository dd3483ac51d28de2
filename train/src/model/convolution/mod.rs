//! Convolutions together with what follows them. With LibTorch each is one operation, on maps with channels last, which LibTorch
//! differentiates itself: burn's gradient of a convolution copies the maps with their axes exchanged, that of a depthwise one
//! loops over channels, and those of a normalisation and of ReLU6 take several passes (`docs/reports-for-burn.md`). Everywhere
//! else each is the sequence of burn's operations.

#[cfg(feature = "tch")]
mod libtorch;

use burn::module::RunningState;
use burn::nn::conv::{Conv2d, ConvTranspose2d};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, GroupNorm};
use burn::tensor::Tensor;
use burn::tensor::activation::{relu, relu6};
use burn::tensor::module::{batch_norm_train, conv2d};
use burn::tensor::ops::ConvOptions;

/// The last operation on maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// Nothing.
    None,
    /// max(0, x).
    Relu,
    /// min(max(0, x), 6).
    Relu6,
}

impl Activation {
    /// The activation of every value.
    pub(crate) fn of(self, maps: Tensor<4>) -> Tensor<4> {
        match self {
            Self::None => maps,
            Self::Relu => relu(maps),
            Self::Relu6 => relu6(maps),
        }
    }
}

/// The operations after a normalisation by the figures of the batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AfterNormalisation {
    /// Max-pooling of 2x2 places.
    pub(crate) pooling: bool,
    /// The activation, after pooling: it then passes over a quarter of the values. The two commute, with the same values and
    /// gradients.
    pub(crate) activation: Activation,
}

impl AfterNormalisation {
    /// Normalised maps, pooled and activated.
    fn of(self, maps: Tensor<4>) -> Tensor<4> {
        let pooled = if self.pooling { halving().forward(maps) } else { maps };
        self.activation.of(pooled)
    }
}

/// Max-pooling of 2x2 places.
pub(crate) fn halving() -> MaxPool2d {
    MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init()
}

/// The options of a convolution with `padding` rows and columns of zeros before and after the maps.
pub(crate) fn options(convolution: &Conv2d, padding: (usize, usize)) -> ConvOptions<2> {
    let Conv2d { stride, dilation, groups, .. } = *convolution;
    ConvOptions::new_with_padding(stride, [padding; 2], dilation, groups)
}

/// LibTorch computes operations on these maps.
pub(crate) fn by_libtorch(maps: &Tensor<4>) -> bool {
    #[cfg(feature = "tch")]
    return libtorch::computes(maps);
    #[cfg(not(feature = "tch"))]
    {
        let _ = maps;
        false
    }
}

/// The kernel of a convolution with the normalisation by running figures that follows it, `gamma` its scale, and a bias: four
/// operations on whole maps, and their gradients, become operations on the weights.
pub(crate) fn folded(kernel: Tensor<4>, gamma: Tensor<1>, norm: &BatchNorm) -> (Tensor<4>, Tensor<1>) {
    let (mean, variance) = (norm.running_mean.value(), norm.running_var.value());
    let factor = gamma / variance.add_scalar(norm.epsilon).sqrt();
    let bias = norm.beta.val() - mean * factor.clone();
    let [channels] = factor.dims();
    (kernel * factor.reshape([channels, 1, 1, 1]), bias)
}

/// Convolution of `[batch, channels in, height, width]` and activation.
pub(crate) fn convolved(
    maps: Tensor<4>,
    (kernel, bias): (Tensor<4>, Tensor<1>),
    options: ConvOptions<2>,
    activation: Activation,
) -> Tensor<4> {
    #[cfg(feature = "tch")]
    if libtorch::computes(&maps) {
        return libtorch::convolved(maps, (kernel, bias), options, activation);
    }
    activation.of(conv2d(maps, kernel, Some(bias), options))
}

/// Convolution without bias, normalisation by the figures of the batch, and what follows. The running figures of `norm` move
/// by `momentum` towards those of the batch.
pub(crate) fn normalised_by_batch(
    maps: Tensor<4>,
    kernel: Tensor<4>,
    options: ConvOptions<2>,
    (norm, momentum): (&BatchNorm, f64),
    after: AfterNormalisation,
) -> Tensor<4> {
    let (gamma, beta) = (norm.gamma.val(), norm.beta.val());
    #[cfg(feature = "tch")]
    if libtorch::computes(&maps) {
        let (maps, mean, variance) = libtorch::normalised(maps, kernel, options, (gamma, beta, norm.epsilon), after);
        follow(norm, mean, variance, momentum);
        return maps;
    }
    let normal = batch_norm_train(conv2d(maps, kernel, None, options), gamma, beta, norm.epsilon);
    follow(norm, normal.mean, normal.variance, momentum);
    after.of(normal.output)
}

/// Transposed convolution, normalisation over each tile and activation.
pub(crate) fn transposed(
    maps: Tensor<4>,
    layer: &ConvTranspose2d,
    norm: Option<&GroupNorm>,
    activation: Activation,
) -> Tensor<4> {
    #[cfg(feature = "tch")]
    if libtorch::computes(&maps)
        && let Some(maps) = libtorch::transposed(maps.clone(), layer, norm, activation)
    {
        return maps;
    }
    let maps = layer.forward(maps);
    activation.of(match norm {
        Some(norm) => norm.forward(maps),
        None => maps,
    })
}

/// Moves the running figures towards those of a batch, `[channels]`.
fn follow(norm: &BatchNorm, mean: Tensor<1>, variance: Tensor<1>, momentum: f64) {
    let towards = |running: &RunningState<Tensor<1>>, batch: Tensor<1>| {
        let kept = running.value_sync().mul_scalar(1.0 - momentum);
        running.update((kept + batch.detach().mul_scalar(momentum)).detach());
    };
    towards(&norm.running_mean, mean);
    towards(&norm.running_var, variance);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use burn::tensor::{Device, Distribution, Int, TensorData};

    use super::*;
    use crate::model::tensors::read;

    #[test]
    fn pooling_before_relu_has_the_values_and_gradients_of_pooling_behind_it() {
        let device = Device::flex().autodiff();
        device.seed(5);
        // Whole windows that are negative, zero and equal, beside random ones.
        let random: Vec<f64> =
            read(Tensor::<1>::random([960], Distribution::Normal(0.0, 1.0), &device).into_data()).unwrap();
        let values: Vec<f32> = [vec![-1.0; 16], vec![0.0; 16], vec![2.0; 32]].concat();
        let values = values.into_iter().chain(random.into_iter().map(|value| value as f32)).collect::<Vec<_>>();
        let maps = || Tensor::<4>::from_data(TensorData::new(values.clone(), [1, 4, 16, 16]), &device).require_grad();
        let weights = Tensor::<1, Int>::arange(1..257, &device).float().reshape([1, 4, 8, 8]);
        let of = |maps: Tensor<4>, pooled: Tensor<4>| {
            let gradients = (pooled.clone() * weights.clone()).sum().backward();
            let gradient = maps.grad(&gradients).unwrap();
            (read(pooled.into_data()).unwrap(), read(gradient.into_data()).unwrap())
        };
        let (first, second) = (maps(), maps());
        let after = AfterNormalisation { pooling: true, activation: Activation::Relu };
        let found = of(first.clone(), after.of(first));
        let behind = halving().forward(relu(second.clone()));
        assert_eq!(found, of(second, behind));
        assert!(found.1.iter().any(|value| *value != 0.0));
    }
}
