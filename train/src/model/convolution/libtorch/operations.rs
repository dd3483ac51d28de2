//! The operations in LibTorch's terms. LibTorch records them if an input learns.

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use tch::Tensor as Torch;

use super::super::{Activation, AfterNormalisation};
use super::AfterTransposed;

pub(super) fn activated(maps: Torch, activation: Activation) -> Torch {
    match activation {
        Activation::None => maps,
        Activation::Relu => maps.relu(),
        Activation::Relu6 => maps.relu6(),
    }
}

/// Maps with the channels of a place beside one another, as those of an earlier convolution here already are. The processor's
/// kernels are faster for these: fine-tuning takes 0.7 times as long.
fn channels_last(maps: &Torch) -> Torch {
    if maps.device().is_cuda() {
        return maps.shallow_clone();
    }
    maps.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// The convolution of maps with a kernel.
fn plain_convolution(maps: &Torch, kernel: &Torch, bias: Option<&Torch>, options: &ConvOptions<2>) -> Torch {
    let maps = &channels_last(maps);
    let (stride, dilation) = (numbers(options.stride), numbers(options.dilation));
    let groups = options.groups as i64;
    if !options.is_asymmetric() {
        return maps.conv2d(kernel, bias, stride, numbers(options.padding_begin()), dilation, groups);
    }
    let [rows, columns] = options.padding;
    let zeros = [columns.0, columns.1, rows.0, rows.1].map(|zeros| zeros as i64);
    maps.constant_pad_nd(zeros).conv2d(kernel, bias, stride, [0, 0], dilation, groups)
}

pub(super) fn convolution(
    [maps, kernel, bias]: [&Torch; 3],
    options: &ConvOptions<2>,
    activation: Activation,
) -> Torch {
    activated(plain_convolution(maps, kernel, Some(bias), options), activation)
}

/// Maps, and mean and variance of the batch.
pub(super) fn normalised_by_batch(
    [maps, kernel, gamma, beta]: [&Torch; 4],
    options: &ConvOptions<2>,
    epsilon: f64,
    after: AfterNormalisation,
) -> (Torch, [Torch; 2]) {
    let maps = plain_convolution(maps, kernel, None, options);
    let none = None::<&Torch>;
    let (maps, mean, inverse_deviation) =
        maps.native_batch_norm(Some(gamma), Some(beta), none, none, true, 0.0, epsilon);
    let maps = if after.pooling { maps.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false) } else { maps };
    // Rounding may leave less than nothing of a constant channel's.
    let variance = (inverse_deviation.detach().pow_tensor_scalar(-2) - epsilon).clamp_min(0.0);
    // A copy: LibTorch keeps the mean for the gradient, and burn may write over its own.
    (activated(maps, after.activation), [mean.detach().copy(), variance])
}

pub(super) fn transposed_convolution([maps, kernel, bias]: [&Torch; 3], options: &ConvTransposeOptions<2>) -> Torch {
    let (stride, padding) = (numbers(options.stride), numbers(options.padding));
    let (padding_out, dilation) = (numbers(options.padding_out), numbers(options.dilation));
    maps.conv_transpose2d(kernel, Some(bias), stride, padding, padding_out, options.groups as i64, dilation)
}

pub(super) fn normalised_by_tile(
    [maps, kernel, bias, gamma, beta]: [&Torch; 5],
    options: &ConvTransposeOptions<2>,
    after: AfterTransposed,
) -> Torch {
    let maps = transposed_convolution([maps, kernel, bias], options);
    let normal = maps.group_norm(after.groups as i64, Some(gamma), Some(beta), after.epsilon, false);
    activated(normal, after.activation)
}

fn numbers(pair: [usize; 2]) -> [i64; 2] {
    pair.map(|number| number as i64)
}
