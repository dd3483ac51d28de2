//! Convolutions in LibTorch's own operations. In training burn's graph holds one operation for each, whose gradient is LibTorch's.

// Deprecated by burn in favour of its own kernels; kept for users of LibTorch.
#![allow(deprecated)]

mod operations;
#[cfg(test)]
mod tests;

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

use self::operations::{activated, convolution, normalised_by_batch, normalised_by_tile, transposed_convolution};
use super::{Activation, AfterNormalisation};

/// LibTorch computes operations on these maps.
pub(super) fn computes(maps: &Tensor<4>) -> bool {
    matches!(maps.device().without_autodiff().as_dispatch(), DispatchDevice::LibTorch(_))
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

/// After a transposed convolution: a normalisation of groups of channels over each tile, then an activation.
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

/// The inputs and the output of an operation in LibTorch's graph, for its gradient. Clones of burn's tensors keep burn from writing
/// over values that LibTorch still needs.
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
