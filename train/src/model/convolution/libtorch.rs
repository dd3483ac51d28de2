//! Convolutions that LibTorch differentiates: burn's graph holds one operation for each, whose gradient is LibTorch's own.

// Deprecated by burn in favour of its own kernels; kept for users of LibTorch.
#![allow(deprecated)]

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::libtorch::TchTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, DispatchDevice, LibTorch, backend_extension};
use burn::nn::GroupNorm;
use burn::nn::conv::ConvTranspose2d;
use burn::tensor::Tensor;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use tch::Tensor as Torch;

use super::{Activation, AfterNormalisation};

/// LibTorch would differentiate operations on these maps.
pub(super) fn differentiates(maps: &Tensor<4>) -> bool {
    let device = maps.device();
    device.is_autodiff() && matches!(device.without_autodiff().as_dispatch(), DispatchDevice::LibTorch(_))
}

/// See [`super::convolved`].
pub(super) fn convolved(
    maps: Tensor<4>,
    (kernel, bias): (Tensor<4>, Tensor<1>),
    options: ConvOptions<2>,
    activation: Activation,
) -> Tensor<4> {
    let (maps, kernel, bias) = (maps.into_dispatch(), kernel.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::convolution(maps, kernel, bias, options, activation))
}

/// Maps, and mean and variance of the batch; see [`super::normalised_by_batch`].
pub(super) fn normalised(
    maps: Tensor<4>,
    kernel: Tensor<4>,
    options: ConvOptions<2>,
    (gamma, beta, epsilon): (Tensor<1>, Tensor<1>, f64),
    after: AfterNormalisation,
) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let (maps, kernel) = (maps.into_dispatch(), kernel.into_dispatch());
    let (gamma, beta) = (gamma.into_dispatch(), beta.into_dispatch());
    let (maps, mean, variance) =
        Dispatch::convolution_normalised_by_batch(maps, kernel, gamma, beta, options, epsilon, after);
    (Tensor::from_dispatch(maps), Tensor::from_dispatch(mean), Tensor::from_dispatch(variance))
}

/// See [`super::transposed`]. `None` for a layer without a bias, or a normalisation without a learnt scale and shift.
pub(super) fn transposed(
    maps: Tensor<4>,
    layer: &ConvTranspose2d,
    norm: Option<&GroupNorm>,
    activation: Activation,
) -> Option<Tensor<4>> {
    let ConvTranspose2d { stride, padding, padding_out, dilation, groups, .. } = *layer;
    let options = ConvTransposeOptions::new(stride, padding, padding_out, dilation, groups);
    let bias = layer.bias.as_ref()?.val().into_dispatch();
    let (maps, kernel) = (maps.into_dispatch(), layer.weight.val().into_dispatch());
    let Some(norm) = norm else {
        return Some(Tensor::from_dispatch(Dispatch::transposed_convolution(maps, kernel, bias, options, activation)));
    };
    let (gamma, beta) = (norm.gamma.as_ref()?.val().into_dispatch(), norm.beta.as_ref()?.val().into_dispatch());
    let after = AfterTransposed { groups: norm.num_groups, epsilon: norm.epsilon, activation };
    Some(Tensor::from_dispatch(Dispatch::transposed_convolution_normalised_by_tile(
        maps, kernel, bias, gamma, beta, options, after,
    )))
}

/// What follows a transposed convolution: a normalisation of groups of channels over each tile, and an activation.
#[derive(Debug, Clone, Copy)]
struct AfterTransposed {
    groups: usize,
    epsilon: f64,
    activation: Activation,
}

/// Convolutions with what follows them, as one operation each.
#[backend_extension(LibTorch, Autodiff)]
trait Convolutions: Backend {
    /// Convolution with bias, activation.
    fn convolution(
        maps: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: ConvOptions<2>,
        activation: Activation,
    ) -> FloatTensor<Self>;

    /// Convolution without bias, normalisation by the figures of the batch, pooling, activation; and mean and variance of the
    /// batch, which have no gradient.
    fn convolution_normalised_by_batch(
        maps: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        options: ConvOptions<2>,
        epsilon: f64,
        after: AfterNormalisation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Transposed convolution with bias, activation.
    fn transposed_convolution(
        maps: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: ConvTransposeOptions<2>,
        activation: Activation,
    ) -> FloatTensor<Self>;

    /// Transposed convolution with bias, normalisation over each tile, activation.
    fn transposed_convolution_normalised_by_tile(
        maps: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        options: ConvTransposeOptions<2>,
        after: AfterTransposed,
    ) -> FloatTensor<Self>;
}

// Needed for the route to `Autodiff`; [`differentiates`] calls none of these.
impl Convolutions for LibTorch {
    fn convolution(
        maps: TchTensor,
        kernel: TchTensor,
        bias: TchTensor,
        options: ConvOptions<2>,
        activation: Activation,
    ) -> TchTensor {
        TchTensor::new(convolution([&maps, &kernel, &bias].map(|tensor| &tensor.tensor), &options, activation))
    }

    fn convolution_normalised_by_batch(
        maps: TchTensor,
        kernel: TchTensor,
        gamma: TchTensor,
        beta: TchTensor,
        options: ConvOptions<2>,
        epsilon: f64,
        after: AfterNormalisation,
    ) -> (TchTensor, TchTensor, TchTensor) {
        let inputs = [&maps, &kernel, &gamma, &beta].map(|tensor| &tensor.tensor);
        let (maps, [mean, variance]) = normalised_by_batch(inputs, &options, epsilon, after);
        (TchTensor::new(maps), TchTensor::new(mean), TchTensor::new(variance))
    }

    fn transposed_convolution(
        maps: TchTensor,
        kernel: TchTensor,
        bias: TchTensor,
        options: ConvTransposeOptions<2>,
        activation: Activation,
    ) -> TchTensor {
        let inputs = [&maps, &kernel, &bias].map(|tensor| &tensor.tensor);
        TchTensor::new(activated(transposed_convolution(inputs, &options), activation))
    }

    fn transposed_convolution_normalised_by_tile(
        maps: TchTensor,
        kernel: TchTensor,
        bias: TchTensor,
        gamma: TchTensor,
        beta: TchTensor,
        options: ConvTransposeOptions<2>,
        after: AfterTransposed,
    ) -> TchTensor {
        let inputs = [&maps, &kernel, &bias, &gamma, &beta].map(|tensor| &tensor.tensor);
        TchTensor::new(normalised_by_tile(inputs, &options, after))
    }
}

/// A tensor in burn's graph, and burn's backend that has one.
type Tracked<C> = FloatTensor<Autodiff<LibTorch, C>>;

impl<C: CheckpointStrategy> Convolutions for Autodiff<LibTorch, C> {
    fn convolution(
        maps: Tracked<C>,
        kernel: Tracked<C>,
        bias: Tracked<C>,
        options: ConvOptions<2>,
        activation: Activation,
    ) -> Tracked<C> {
        recorded::<C, 3, ()>([maps, kernel, bias], |inputs| (convolution(inputs, &options, activation), ())).0
    }

    fn convolution_normalised_by_batch(
        maps: Tracked<C>,
        kernel: Tracked<C>,
        gamma: Tracked<C>,
        beta: Tracked<C>,
        options: ConvOptions<2>,
        epsilon: f64,
        after: AfterNormalisation,
    ) -> (Tracked<C>, Tracked<C>, Tracked<C>) {
        let run = |inputs: [&Torch; 4]| normalised_by_batch(inputs, &options, epsilon, after);
        let (maps, figures) = recorded::<C, 4, _>([maps, kernel, gamma, beta], run);
        let [mean, variance] = figures.map(|figure| Tracked::<C>::new(TchTensor::new(figure)));
        (maps, mean, variance)
    }

    fn transposed_convolution(
        maps: Tracked<C>,
        kernel: Tracked<C>,
        bias: Tracked<C>,
        options: ConvTransposeOptions<2>,
        activation: Activation,
    ) -> Tracked<C> {
        let run = |inputs: [&Torch; 3]| (activated(transposed_convolution(inputs, &options), activation), ());
        recorded::<C, 3, ()>([maps, kernel, bias], run).0
    }

    fn transposed_convolution_normalised_by_tile(
        maps: Tracked<C>,
        kernel: Tracked<C>,
        bias: Tracked<C>,
        gamma: Tracked<C>,
        beta: Tracked<C>,
        options: ConvTransposeOptions<2>,
        after: AfterTransposed,
    ) -> Tracked<C> {
        let run = |inputs: [&Torch; 5]| (normalised_by_tile(inputs, &options, after), ());
        recorded::<C, 5, ()>([maps, kernel, bias, gamma, beta], run).0
    }
}

/// What an operation leaves for its gradient: its inputs and its output, in LibTorch's graph. Clones of burn's tensors keep burn
/// from writing over values that LibTorch still needs.
#[derive(Debug, Clone)]
struct Recording {
    /// Those that learn; `None` for others.
    inputs: Vec<Option<TchTensor>>,
    output: TchTensor,
    /// Owners of the inputs' values.
    _owners: Vec<TchTensor>,
}

/// An operation whose gradient is LibTorch's.
#[derive(Debug)]
struct Recorded;

impl<const N: usize> Backward<LibTorch, N> for Recorded {
    type State = Recording;

    fn backward(self, ops: Ops<Recording, N>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = gradients.consume::<LibTorch>(&ops.node);
        let Recording { inputs, output, .. } = ops.state;
        let learning: Vec<&Torch> = inputs.iter().flatten().map(|input| &input.tensor).collect();
        // LibTorch's binding starts with ones: the gradient of `output * gradient` is that of the output from `gradient`.
        let product = &output.tensor * &gradient.tensor;
        let mut found = Torch::run_backward(&[product], &learning, false, false).into_iter();
        for (input, parent) in inputs.iter().zip(ops.parents) {
            let of_input = input.as_ref().and_then(|_| found.next());
            if let (Some(of_input), Some(parent)) = (of_input, parent) {
                gradients.register::<LibTorch>(parent.id, TchTensor::new(of_input));
            }
        }
    }
}

/// Runs an operation in LibTorch's graph and records it as one in burn's. Returns its output, and what else it computed.
fn recorded<C: CheckpointStrategy, const N: usize, T>(
    inputs: [Tracked<C>; N],
    run: impl FnOnce([&Torch; N]) -> (Torch, T),
) -> (Tracked<C>, T) {
    let nodes = inputs.each_ref().map(|input| input.node());
    let learn = inputs.each_ref().map(|input| input.is_tracked());
    let owners = inputs.map(|input| input.into_primitive());
    let mut learn = learn.into_iter();
    let leaves =
        owners.each_ref().map(|owner| owner.tensor.detach().set_requires_grad(learn.next().unwrap_or_default()));
    let (output, rest) = run(leaves.each_ref());
    let output = TchTensor::new(output);
    let values = TchTensor { tensor: output.tensor.detach(), storage: output.storage.clone() };
    let tracked = match Recorded.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let inputs = leaves.into_iter().map(|leaf| leaf.requires_grad().then(|| TchTensor::new(leaf))).collect();
            prepared.finish(Recording { inputs, output, _owners: Vec::from(owners) }, values)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(values),
    };
    (tracked, rest)
}

fn activated(maps: Torch, activation: Activation) -> Torch {
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

fn convolution([maps, kernel, bias]: [&Torch; 3], options: &ConvOptions<2>, activation: Activation) -> Torch {
    activated(plain_convolution(maps, kernel, Some(bias), options), activation)
}

/// Maps, and mean and variance of the batch.
fn normalised_by_batch(
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

fn transposed_convolution([maps, kernel, bias]: [&Torch; 3], options: &ConvTransposeOptions<2>) -> Torch {
    let (stride, padding) = (numbers(options.stride), numbers(options.padding));
    let (padding_out, dilation) = (numbers(options.padding_out), numbers(options.dilation));
    maps.conv_transpose2d(kernel, Some(bias), stride, padding, padding_out, options.groups as i64, dilation)
}

fn normalised_by_tile(
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use burn::module::Param;
    use burn::nn::conv::ConvTranspose2dConfig;
    use burn::nn::{BatchNormConfig, GroupNormConfig};
    use burn::tensor::{Device, Distribution};

    use super::super::{convolved, normalised_by_batch, transposed};
    use super::*;
    use crate::model::tensors::read;

    const ACTIVATIONS: [Activation; 3] = [Activation::None, Activation::Relu, Activation::Relu6];

    /// Random values of these shapes, drawn on flex and moved to the device, as leaves that learn.
    fn leaves<const D: usize>(shape: [usize; D], seed: u64, scale: f64) -> [Tensor<D>; 2] {
        let flex = Device::flex();
        flex.seed(seed);
        let values = Tensor::<D>::random(shape, Distribution::Normal(0.3, scale), &flex).into_data();
        [Device::flex(), Device::libtorch()]
            .map(|device| Tensor::from_data(values.clone(), &device.autodiff()).require_grad())
    }

    fn assert_near<const D: usize>(flex: Tensor<D>, torch: Tensor<D>, what: &str) {
        assert_eq!(flex.dims(), torch.dims(), "{what}");
        let (flex, torch) = (read(flex.into_data()).unwrap(), read(torch.into_data()).unwrap());
        let scale = flex.iter().fold(1e-3, |most: f64, value| most.max(value.abs()));
        for (one, other) in flex.iter().zip(&torch) {
            assert!((one - other).abs() < 1e-4 * scale, "{what}: {one} and {other}");
        }
    }

    /// The values of an operation on flex and on LibTorch, and the gradients of a function of these for all inputs.
    fn assert_same(
        maps: &[Tensor<4>; 2],
        kernel: &[Tensor<4>; 2],
        vectors: &[[Tensor<1>; 2]],
        what: &str,
        of: impl Fn(Tensor<4>, Tensor<4>, Vec<Tensor<1>>) -> Tensor<4>,
    ) {
        let at = |side: usize| {
            let vectors = vectors.iter().map(|vector| vector[side].clone()).collect();
            let output = of(maps[side].clone(), kernel[side].clone(), vectors);
            let gradients = (output.clone() * output.clone() + output.clone()).sum().backward();
            (output, gradients)
        };
        let ((flex, flex_gradients), (torch, torch_gradients)) = (at(0), at(1));
        assert!(differentiates(&torch) && !differentiates(&flex));
        assert_near(flex.detach(), torch.detach(), what);
        for (leaf, name) in [(maps, "maps"), (kernel, "kernel")] {
            let (flex, torch) = (leaf[0].grad(&flex_gradients), leaf[1].grad(&torch_gradients));
            assert_near(flex.unwrap(), torch.unwrap(), &format!("{what}, gradient of the {name}"));
        }
        for (number, vector) in vectors.iter().enumerate() {
            let (flex, torch) = (vector[0].grad(&flex_gradients), vector[1].grad(&torch_gradients));
            assert_near(flex.unwrap(), torch.unwrap(), &format!("{what}, gradient of vector {number}"));
        }
    }

    #[test]
    fn a_convolution_has_the_values_and_gradients_of_burns() {
        let paddings = [[(1, 1); 2], [(0, 1); 2], [(2, 0), (1, 3)], [(2, 2), (1, 1)]];
        let cases = paddings.iter().flat_map(|padding| [(1, 1), (1, 2), (6, 2), (2, 1)].map(|shape| (*padding, shape)));
        for (padding, (groups, stride)) in cases {
            for activation in ACTIVATIONS {
                let maps = leaves([3, 6, 12, 10], 1, 4.0);
                let kernel = leaves([6, 6 / groups, 3, 3], 2, 0.5);
                let bias = leaves([6], 3, 1.0);
                let what = format!("{groups} groups, stride {stride}, padding {padding:?}, {activation:?}");
                assert_same(&maps, &kernel, &[bias], &what, |maps, kernel, mut vectors| {
                    let options = ConvOptions::new_with_padding([stride; 2], padding, [1, 1], groups);
                    convolved(maps, (kernel, vectors.remove(0)), options, activation)
                });
            }
        }
    }

    #[test]
    fn a_convolution_normalised_by_its_batch_has_the_values_gradients_and_running_figures_of_burns() {
        for (pooling, activation) in [(true, Activation::Relu), (false, Activation::Relu6), (true, Activation::None)] {
            let maps = leaves([3, 6, 12, 10], 4, 4.0);
            let kernel = leaves([8, 6, 3, 3], 5, 0.5);
            let (gamma, beta) = (leaves([8], 6, 1.0), leaves([8], 7, 1.0));
            let what = format!("pooling {pooling}, {activation:?}");
            let running = std::cell::RefCell::new(Vec::new());
            assert_same(&maps, &kernel, &[gamma, beta], &what, |maps, kernel, vectors| {
                let mut norm = BatchNormConfig::new(8).init(&maps.device());
                let mut vectors = vectors.into_iter();
                norm.gamma = Param::from_tensor(vectors.next().unwrap());
                norm.beta = Param::from_tensor(vectors.next().unwrap());
                let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
                let after = AfterNormalisation { pooling, activation };
                let maps = normalised_by_batch(maps, kernel, options, (&norm, 0.25), after);
                running.borrow_mut().push([norm.running_mean.value_sync(), norm.running_var.value_sync()]);
                maps
            });
            let [flex, torch] = <[_; 2]>::try_from(running.into_inner()).unwrap();
            for (flex, torch) in flex.into_iter().zip(torch) {
                assert_near(flex, torch, &format!("{what}, running figures"));
            }
        }
    }

    #[test]
    fn a_transposed_convolution_has_the_values_and_gradients_of_burns() {
        for (groups, activation) in [(None, Activation::Relu), (Some(1), Activation::Relu), (Some(4), Activation::None)]
        {
            let maps = leaves([3, 6, 5, 4], 8, 2.0);
            let kernel = leaves([6, 8, 4, 4], 9, 0.5);
            let vectors = [leaves([8], 10, 1.0), leaves([8], 11, 1.0), leaves([8], 12, 1.0)];
            let vectors = if groups.is_some() { &vectors[..] } else { &vectors[..1] };
            assert_same(&maps, &kernel, vectors, &format!("{groups:?} groups"), |maps, kernel, vectors| {
                let device = maps.device();
                let config = ConvTranspose2dConfig::new([6, 8], [4, 4]).with_stride([2, 2]).with_padding([1, 1]);
                let mut vectors = vectors.into_iter().map(Param::from_tensor);
                let layer = ConvTranspose2d {
                    weight: Param::from_tensor(kernel),
                    bias: vectors.next(),
                    ..config.init(&device)
                };
                let norm = groups.map(|groups| GroupNorm {
                    gamma: vectors.next(),
                    beta: vectors.next(),
                    ..GroupNormConfig::new(groups, 8).init(&device)
                });
                transposed(maps, &layer, norm.as_ref(), activation)
            });
        }
    }

    #[test]
    fn maps_with_channels_last_and_maps_that_are_used_twice_have_the_gradients_of_burns() {
        // Squares of 4x4 maps of six channels.
        let maps = leaves([3, 4, 4, 6], 16, 2.0);
        let kernel = leaves([6, 6, 4, 4], 17, 0.3);
        let bias = leaves([6], 18, 1.0);
        assert_same(&maps, &kernel, &[bias], "twice", |maps, kernel, mut vectors| {
            let maps = maps.permute([0, 3, 1, 2]);
            let device = maps.device();
            let config = ConvTranspose2dConfig::new([6, 6], [4, 4]).with_stride([2, 2]).with_padding([1, 1]);
            let bias = vectors.remove(0);
            let layer = ConvTranspose2d {
                weight: Param::from_tensor(kernel.clone()),
                bias: Some(Param::from_tensor(bias.clone())),
                ..config.init(&device)
            };
            let wide = transposed(maps, &layer, None, Activation::Relu);
            let options = || ConvOptions::new_with_padding([1, 1], [(1, 2); 2], [1, 1], 1);
            let again = convolved(wide.clone(), (kernel, bias), options(), Activation::Relu6);
            // In place of burn's, if nobody else needed the values.
            again.add_scalar(1.0) * wide.clone() + wide
        });
    }

    #[test]
    fn inputs_that_do_not_learn_have_no_gradient() {
        let [_, maps] = leaves([2, 3, 6, 6], 13, 1.0);
        let [_, kernel] = leaves([4, 3, 3, 3], 14, 1.0);
        let [_, bias] = leaves([4], 15, 1.0);
        let options = || ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
        let constant = |tensor: &Tensor<4>| Tensor::<4>::from_inner(tensor.clone().inner());
        let fixed = (constant(&kernel), bias.clone());
        let gradients = convolved(constant(&maps), fixed, options(), Activation::Relu).sum().backward();
        assert!(kernel.grad(&gradients).is_none() && maps.grad(&gradients).is_none());
        assert!(bias.grad(&gradients).is_some());
        // Nothing learns here, as where a frozen backbone is scored in training.
        let plain = (constant(&kernel), Tensor::from_inner(bias.clone().inner()));
        let output = convolved(constant(&maps), plain, options(), Activation::None);
        let gradients = (output * bias.clone().reshape([1, 4, 1, 1])).sum().backward();
        assert!(kernel.grad(&gradients).is_none() && maps.grad(&gradients).is_none());
        assert!(bias.grad(&gradients).is_some());
    }
}
