//! Models of signals and vectors: temporal convolutions, flows, running sums, mixtures of experts, scanned states.

use burn::module::{Initializer, Module, Param};
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{CosineSimilarity, CosineSimilarityConfig, Linear, LinearConfig, PaddingConfig1d};
use burn::tensor::activation::{elu, gelu, relu, sigmoid, silu, softmax, softplus};
use burn::tensor::module::avg_pool1d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, IndexingUpdateOp, Tensor, einsum};

use crate::nn_layers::{layer, pair, sequences};
use crate::support::device;

fn dense(from: usize, to: usize, device: &Device) -> Linear {
    LinearConfig::new(from, to).init(device)
}

#[derive(Module, Debug)]
struct Temporal {
    layers: Vec<Conv1d>,
    gates: Vec<Conv1d>,
    skips: Vec<Conv1d>,
    last: Conv1d,
}

impl Temporal {
    /// Causal convolutions, each layer with twice the dilation of the one before.
    fn new(device: &Device) -> Self {
        let causal = |at: usize| {
            let far = 1 << at;
            let config = Conv1dConfig::new(6, 6, 3).with_dilation(far);
            config.with_padding(PaddingConfig1d::Explicit(2 * far, 0)).init(device)
        };
        Self {
            layers: (0..3).map(causal).collect(),
            gates: (0..3).map(causal).collect(),
            skips: (0..3).map(|_| Conv1dConfig::new(6, 4, 1).init(device)).collect(),
            last: Conv1dConfig::new(4, 2, 1).init(device),
        }
    }
}

#[test]
fn causal_convolutions_look_back_over_an_open_length() {
    sequences(&Temporal::new(&device()), 6, |m, x| {
        let mut x = x.swap_dims(1, 2);
        for layer in &m.layers {
            x = relu(layer.forward(x.clone()) + x);
        }
        m.last.forward(m.skips[0].forward(x)).swap_dims(1, 2)
    });
}

#[test]
fn gated_convolutions_add_up_their_skips() {
    sequences(&Temporal::new(&device()), 6, |m, x| {
        let mut x = x.swap_dims(1, 2);
        let mut sum: Option<Tensor<3>> = None;
        for ((layer, gate), skip) in m.layers.iter().zip(&m.gates).zip(&m.skips) {
            let gated = layer.forward(x.clone()).tanh() * sigmoid(gate.forward(x.clone()));
            let part = skip.forward(gated.clone());
            sum = Some(match sum {
                Some(sum) => sum + part,
                None => part,
            });
            x = x + gated;
        }
        m.last.forward(relu(sum.unwrap()))
    });
}

#[derive(Module, Debug)]
struct Siamese {
    tower: Vec<Linear>,
    likeness: CosineSimilarity,
}

#[test]
fn one_tower_judges_two_inputs() {
    let device = device();
    let module = Siamese {
        tower: vec![dense(6, 8, &device), dense(8, 4, &device)],
        likeness: CosineSimilarityConfig::new().init(),
    };
    pair((-1.0, 1.0), &module, [1, 6], |m, (a, b)| {
        let embed = |x: Tensor<2>| m.tower.iter().fold(x, |x, dense| silu(dense.forward(x)));
        let (a, b) = (embed(a), embed(b));
        let apart = (a.clone() - b.clone()).abs();
        (m.likeness.forward(a.clone(), b.clone()), apart.max_dim(1), a.matmul(b.transpose()))
    });
}

#[derive(Module, Debug)]
struct Flow {
    couplings: Vec<(Linear, Linear)>,
    turns: Vec<Param<Tensor<2>>>,
}

#[test]
fn flows_run_forwards_and_back_again() {
    let device = device();
    let module = Flow {
        couplings: (0..3).map(|_| (dense(3, 8, &device), dense(8, 6, &device))).collect(),
        turns: (0..3).map(|_| Initializer::Orthogonal { gain: 1.0 }.init([6, 6], &device)).collect(),
    };
    layer(&module, [1, 6], |m, x| {
        let parts = |layer: &(Linear, Linear), x: Tensor<2>| {
            let halves = layer.1.forward(gelu(layer.0.forward(x))).split(3, 1);
            (halves[0].clone().tanh(), halves[1].clone())
        };
        let mut y = x;
        let mut volume = Tensor::<2>::zeros([y.dims()[0], 1], &y.device());
        for (layer, turn) in m.couplings.iter().zip(&m.turns) {
            let halves = y.matmul(turn.val()).chunk(2, 1);
            let (scale, shift) = parts(layer, halves[0].clone());
            volume = volume + scale.clone().sum_dim(1);
            y = Tensor::cat(vec![halves[0].clone(), halves[1].clone() * scale.exp() + shift], 1);
        }
        let mut back = y.clone();
        for (layer, turn) in m.couplings.iter().zip(&m.turns).rev() {
            let halves = back.chunk(2, 1);
            let (scale, shift) = parts(layer, halves[0].clone());
            let other = (halves[1].clone() - shift) * scale.neg().exp();
            back = Tensor::cat(vec![halves[0].clone(), other], 1).matmul(turn.val().transpose());
        }
        let likelihood = y.clone().square().sum_dim(1) * -0.5 + volume;
        (y, back, likelihood.squeeze_dim::<1>(1))
    });
}

#[derive(Module, Debug)]
struct LinearAttention {
    query: Linear,
    key: Linear,
    value: Linear,
}

#[test]
fn attention_without_a_softmax_sums_first() {
    let device = device();
    let module =
        LinearAttention { query: dense(6, 4, &device), key: dense(6, 4, &device), value: dense(6, 5, &device) };
    sequences(&module, 6, |m, x| {
        let feature = |x: Tensor<3>| elu(x, 1.0) + 1.0;
        let (query, key) = (feature(m.query.forward(x.clone())), feature(m.key.forward(x.clone())));
        let value = m.value.forward(x);
        let memory = einsum!("btk,btv->bkv", &key, &value);
        let total = einsum!("btk,bk->bt", &query, key.clone().sum_dim(1).squeeze_dim::<2>(1));
        let whole = einsum!("btk,bkv->btv", &query, memory) / total.unsqueeze_dim::<3>(2);
        // The same for a causal model: running sums instead of total sums.
        let outer = key.clone().unsqueeze_dim::<4>(3) * value.unsqueeze_dim::<4>(2);
        let so_far = (outer.cumsum(1) * query.clone().unsqueeze_dim::<4>(3)).sum_dim(2).squeeze_dim::<3>(2);
        let causal = so_far / (key.cumsum(1) * query).sum_dim(2);
        (whole, causal)
    });
}

#[derive(Module, Debug)]
struct Experts {
    gate: Linear,
    experts: Vec<(Linear, Linear)>,
}

#[test]
fn the_two_best_experts_answer() {
    let device = device();
    let module = Experts {
        gate: dense(6, 4, &device),
        experts: (0..4).map(|_| (dense(6, 8, &device), dense(8, 5, &device))).collect(),
    };
    layer(&module, [1, 6], |m, x| {
        let [batch, _] = x.dims();
        let (scores, chosen) = m.gate.forward(x.clone()).topk_with_indices(2, 1);
        let nothing = Tensor::<2>::zeros([batch, 4], &x.device());
        let weights = nothing.scatter(1, chosen.clone(), softmax(scores, 1), IndexingUpdateOp::Add);
        let answers = m.experts.iter().map(|(widen, narrow)| narrow.forward(relu(widen.forward(x.clone()))));
        let answers = Tensor::stack::<3>(answers.collect(), 1);
        let load = weights.clone().greater_elem(0.0).float().mean_dim(0).squeeze_dim::<1>(0);
        ((answers * weights.clone().unsqueeze_dim::<3>(2)).sum_dim(1).squeeze_dim::<2>(1), chosen, weights, load)
    });
}

#[derive(Module, Debug)]
struct StateSpace {
    decay: Param<Tensor<1>>,
    enter: Linear,
    leave: Linear,
    step: Linear,
}

#[test]
fn state_spaces_are_scanned_step_by_step() {
    let device = device();
    let module = StateSpace {
        decay: Initializer::Uniform { min: 0.1, max: 1.0 }.init([4], &device),
        enter: dense(6, 4, &device),
        leave: dense(6, 4, &device),
        step: dense(6, 1, &device),
    };
    layer(&module, [1, 5, 6], |m, x| {
        let [batch, ..] = x.dims();
        let step = softplus(m.step.forward(x.clone()), 1.0);
        let decay = (step.clone() * m.decay.val().neg().unsqueeze::<3>()).exp();
        let (enter, leave) = (m.enter.forward(x.clone()) * step, m.leave.forward(x.clone()));
        let mut state = Tensor::<3>::zeros([batch, 1, 4], &x.device());
        let mut out = Vec::new();
        for ((decay, enter), leave) in decay.iter_dim(1).zip(enter.iter_dim(1)).zip(leave.iter_dim(1)) {
            state = state * decay + enter;
            out.push((state.clone() * leave).sum_dim(2));
        }
        let scanned = Tensor::cat(out, 1);
        let options = AvgPoolOptions::new([3]).with_stride([1]).with_padding([1]).with_count_include_pad(false);
        (scanned, state, avg_pool1d(x.swap_dims(1, 2), options))
    });
}
