//! Modules written for burn without regard to this exporter. This file: all containers of a module's parts, and the
//! arguments and results of a forward function. Modules of one domain have separate files.

use burn::module::{Initializer, Lora, Module, Param, ParamId};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{
    BatchNorm, BatchNormConfig, Embedding, EmbeddingConfig, Identity, LayerNorm, LayerNormConfig, Linear, LinearConfig,
    PaddingConfig2d,
};
use burn::tensor::activation::{gelu, relu, sigmoid, softmax};
use burn::tensor::{Bool, Device, FloatDType, Int, IntDType, Tensor, TensorData};
use burn_onnx_export::{Error, Exporter};

use crate::generate::{floats, ints, nothing};
use crate::nn_layers::{SUMS, layer, shaken};
use crate::support::{check_within, compare, device, run};

/// A convolution that keeps the size, and its normalisation, the usual block of image networks.
#[derive(Module, Debug)]
pub(crate) struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm,
}

impl ConvNorm {
    pub(crate) fn new(channels: [usize; 2], kernel: usize, device: &Device) -> Self {
        Self::from_config(Conv2dConfig::new(channels, [kernel; 2]).with_padding(same(kernel)), device)
    }

    /// Any convolution. It has no bias, which the normalisation would cancel.
    pub(crate) fn from_config(config: Conv2dConfig, device: &Device) -> Self {
        let channels = config.channels[1];
        Self {
            conv: config.with_bias(false).init(device),
            norm: BatchNormConfig::new(channels).with_epsilon(1e-3).init(device),
        }
    }

    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.conv.forward(x))
    }
}

/// The padding that keeps the size under an odd window.
pub(crate) fn same(kernel: usize) -> PaddingConfig2d {
    let half = kernel / 2;
    PaddingConfig2d::Explicit(half, half, half, half)
}

/// A bare convolution that keeps the size.
pub(crate) fn conv(channels: [usize; 2], kernel: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new(channels, [kernel; 2]).with_padding(same(kernel)).init(device)
}

/// The mean over height and width.
pub(crate) fn pooled(x: Tensor<4>) -> Tensor<2> {
    x.mean_dims(&[2, 3]).squeeze_dims::<2>(&[2, 3])
}

#[derive(Clone, Debug)]
enum Mode {
    Plain,
    Doubled,
}

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
enum Block {
    Dense(Linear),
    Chain(Vec<Linear>),
    Normed((Linear, LayerNorm)),
    Nothing(Identity),
}

impl Block {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Dense(dense) => relu(dense.forward(x)),
            Self::Chain(chain) => chain.iter().fold(x, |x, dense| gelu(dense.forward(x))),
            Self::Normed((dense, norm)) => norm.forward(dense.forward(x)),
            Self::Nothing(nothing) => nothing.forward(x),
        }
    }
}

/// Every container of burn: lists, pairs, arrays, enums, optional modules, and fields that are no modules.
#[derive(Module, Debug)]
struct Cupboard {
    blocks: Vec<Block>,
    twins: [Linear; 2],
    pair: (Linear, LayerNorm),
    shelves: Vec<Vec<Linear>>,
    head: Option<Linear>,
    missing: Option<Linear>,
    scale: f64,
    times: usize,
    doubled: bool,
    label: String,
    #[module(skip)]
    mode: Mode,
}

impl Cupboard {
    fn new(head: bool, mode: Mode, device: &Device) -> Self {
        let dense = || LinearConfig::new(6, 6).init(device);
        let norm = || LayerNormConfig::new(6).with_epsilon(1e-3).init(device);
        Self {
            blocks: vec![
                Block::Dense(dense()),
                Block::Chain(vec![dense(), dense()]),
                Block::Normed((dense(), norm())),
                Block::Nothing(Identity::new()),
            ],
            twins: [dense(), dense()],
            pair: (dense(), norm()),
            shelves: vec![vec![dense()], vec![], vec![dense(), dense()]],
            head: head.then(|| LinearConfig::new(6, 2).init(device)),
            missing: None,
            scale: 0.5,
            times: 2,
            doubled: matches!(mode, Mode::Doubled),
            label: "cupboard".to_owned(),
            mode,
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let mut x = self.pair.1.forward(self.pair.0.forward(x));
        for block in &self.blocks {
            x = x.clone() + block.forward(x);
        }
        for _ in 0..self.times {
            for twin in &self.twins {
                x = x.clone() + twin.forward(x) * self.scale;
            }
        }
        for dense in self.shelves.iter().flatten() {
            x = sigmoid(dense.forward(x));
        }
        if let Some(missing) = &self.missing {
            x = missing.forward(x);
        }
        if matches!(self.mode, Mode::Doubled) && self.doubled && !self.label.is_empty() {
            x = x * 2.0;
        }
        match &self.head {
            Some(head) => head.forward(x),
            None => x,
        }
    }
}

#[test]
fn a_module_may_hold_its_parts_in_any_container() {
    let device = device();
    for (head, mode) in [(true, Mode::Plain), (false, Mode::Doubled)] {
        layer(&shaken(Cupboard::new(head, mode, &device)), [1, 6], |m, x| m.forward(x));
    }
}

/// Tables of a module that are not trained, of every kind, some of them declared as parameters.
#[derive(Module, Debug)]
struct Tables {
    mean: Tensor<4>,
    deviation: Tensor<4>,
    order: Tensor<1, Int>,
    keep: Tensor<2, Bool>,
    trained_order: Param<Tensor<1, Int>>,
    trained_keep: Param<Tensor<2, Bool>>,
    gain: Param<Tensor<1>>,
}

#[test]
fn a_module_may_hold_constants_of_any_kind() {
    let device = device();
    let keep = || floats([4, 5], 3, -1.0, 1.0).greater_elem(0.0);
    let order = |values: [i32; 3]| Tensor::<1, Int>::from_ints(values, &device);
    let module = Tables {
        mean: Tensor::<1>::from_floats([0.485, 0.456, 0.406], &device).reshape([1, 3, 1, 1]),
        deviation: floats([1, 3, 1, 1], 1, 0.1, 0.4),
        order: order([2, 0, 1]),
        keep: keep(),
        trained_order: Param::initialized(ParamId::new(), order([1, 1, 0])),
        trained_keep: Param::initialized(ParamId::new(), keep().bool_not()),
        gain: Param::from_tensor(floats([3], 2, 0.5, 1.5)),
    };
    layer(&module, [1, 3, 4, 5], |m, x| {
        let x = (x - m.mean.clone()) / m.deviation.clone();
        let swapped = x.clone().select(1, m.order.clone());
        let again = x.select(1, m.trained_order.val()) * m.gain.val().reshape([1, 3, 1, 1]);
        let kept = swapped * m.keep.clone().float().unsqueeze::<4>();
        let [batch, channels, height, width] = again.dims();
        let mask = m.trained_keep.val().unsqueeze::<4>().expand([batch, channels, height, width]);
        (kept, again.mask_fill(mask, -1.0))
    });
}

#[derive(Module, Debug)]
struct Tied {
    words: Embedding,
    mix: Linear,
    bias: Param<Tensor<1>>,
}

#[test]
fn words_in_are_words_out() {
    let device = device();
    let module = Tied {
        words: EmbeddingConfig::new(11, 6).init(&device),
        mix: LinearConfig::new(6, 6).init(&device),
        bias: Initializer::Uniform { min: -1.0, max: 1.0 }.init([11], &device),
    };
    let input = |(batch, time): (usize, usize)| ints([batch, time], batch + time, 0, 11);
    let exporter = Exporter::new().input("tokens", input((1, 5)), ["batch", "time"]).outputs(["logits", "next"]);
    let cases = [(1, 5), (3, 2), (8, 7)].map(input).to_vec();
    check_within(SUMS, &module, exporter, cases, |m, tokens| {
        let x = gelu(m.mix.forward(m.words.forward(tokens)));
        let logits = x.matmul(m.words.weight.val().transpose().unsqueeze::<3>()) + m.bias.val().unsqueeze::<3>();
        (logits.clone(), logits.argmax(2).squeeze_dim::<2>(2))
    });
}

#[derive(Module, Debug)]
struct Siblings {
    first: Linear,
    second: Linear,
    third: Linear,
}

#[test]
fn layers_may_share_one_weight() {
    let device = device();
    let first = shaken(LinearConfig::new(6, 6).init(&device));
    let mut third = LinearConfig::new(6, 6).init(&device);
    third.weight = first.weight.clone();
    let module = Siblings { second: first.clone(), first, third };
    layer(&module, [1, 6], |m, x| m.third.forward(relu(m.second.forward(relu(m.first.forward(x))))));
}

#[test]
fn adapters_of_low_rank_are_part_of_the_weights() {
    let device = device();
    let dense = || LinearConfig::new(6, 6).init(&device);
    let module = Siblings { first: dense(), second: dense(), third: dense() };
    // Randomised, since an untrained adapter adds nothing.
    let adapted = shaken(module.apply_lora(Lora::new(2, 4.0)));
    layer(&adapted, [1, 6], |m, x| m.third.forward(relu(m.second.forward(relu(m.first.forward(x))))));
}

#[derive(Module, Debug)]
struct Recursive {
    step: Linear,
    stop: Linear,
}

#[test]
fn one_layer_may_run_many_times() {
    let device = device();
    let module = Recursive { step: LinearConfig::new(6, 6).init(&device), stop: LinearConfig::new(6, 1).init(&device) };
    layer(&module, [1, 6], |m, x| {
        // Each step is weighted by the remaining probability to continue.
        let mut left = Tensor::<2>::ones([x.dims()[0], 1], &x.device());
        let mut state = x;
        let mut answer = state.zeros_like();
        for _ in 0..3 {
            state = m.step.forward(state.clone()).tanh() + state;
            let stop = sigmoid(m.stop.forward(state.clone()));
            answer = answer + state.clone() * (stop.clone() * left.clone());
            left = left * (-stop + 1.0);
        }
        (answer, left)
    });
}

#[test]
fn outputs_may_have_any_type() {
    let head = LinearConfig::new(6, 4).init(&device());
    layer(&head, [1, 6], |m, x| {
        let probabilities = softmax(m.forward(x), 1);
        let label = probabilities.clone().argmax(1).squeeze_dim::<1>(1);
        let likely = probabilities.clone().greater_elem(0.25);
        let bytes = (probabilities.clone() * 255.0).round().int().cast(IntDType::U8);
        let wide = probabilities.clone().cast(FloatDType::F64) * 2.0;
        (probabilities, label.clone(), likely, bytes, wide, label.cast(IntDType::I32))
    });
}

#[test]
fn outputs_may_stand_twice_and_be_inputs() {
    let head = LinearConfig::new(6, 4).init(&device());
    layer(&head, [1, 6], |m, x| {
        let y = m.forward(x.clone());
        (y.clone(), x, y)
    });
}

#[test]
fn outputs_may_come_from_no_input_at_all() {
    let head = LinearConfig::new(6, 4).init(&device());
    layer(&head, [1, 6], |m, x| {
        let [batch, _] = x.dims();
        let device = x.device();
        let constant = Tensor::<1>::from_floats([0.1, 0.2, 0.3], &device);
        // A constant, a parameter, and a tensor of the batch's size.
        (m.forward(x), constant, m.weight.val(), Tensor::<2>::full([batch, 2], 0.25, &device))
    });
}

#[test]
fn lists_of_outputs_have_names_of_their_own() {
    let device = device();
    let heads: Vec<Linear> = (2..5).map(|classes| LinearConfig::new(6, classes).init(&device)).collect();
    let exporter = Exporter::new().input("x", floats([1, 6], 0, -1.0, 1.0), ["batch", ""]).outputs(["a", "b", "c"]);
    let forward = |heads: &Vec<Linear>, x: Tensor<2>| -> Vec<Tensor<2>> {
        heads.iter().map(|head| head.forward(x.clone())).collect()
    };
    let model = exporter.export(&heads, forward).unwrap();
    let x = floats([3, 6], 1, -1.0, 1.0);
    let mut given = run(&model, &[("x", x.to_data())]);
    for (name, expected) in ["a", "b", "c"].into_iter().zip(forward(&heads, x)) {
        compare(name, &given.remove(name).unwrap(), &expected.to_data(), SUMS);
    }
}

#[test]
fn inputs_of_every_kind_come_in_order() {
    let inputs = |batch: usize| {
        (
            floats([batch, 4], batch, -1.0, 1.0),
            ints([batch, 4], batch, -3, 4),
            floats([batch, 4], batch + 1, -1.0, 1.0).greater_elem(0.0),
            ints([batch, 4], batch, 0, 255).cast(IntDType::U8),
            floats([1, 4], batch + 2, -1.0, 1.0),
            floats([4], batch + 3, -1.0, 1.0),
        )
    };
    let (a, b, c, d, e, f) = inputs(1);
    let rows = ["batch", ""];
    let exporter = Exporter::new()
        .input("floats", a, rows)
        .input("integers", b, rows)
        .input("flags", c, rows)
        .input("bytes", d, rows)
        .input("row", e, ["", ""])
        .input("vector", f, [""]);
    let cases = [1, 3, 8].map(inputs).to_vec();
    check_within(SUMS, &nothing(), exporter, cases, |_, (floats, integers, flags, bytes, row, vector)| {
        let sum = floats * integers.float() + bytes.float() / 255.0 + row;
        let sum = sum.mask_fill(flags.clone(), 0.5) - vector.unsqueeze::<2>();
        (sum, flags.bool_not().int().sum_dim(1))
    });
}

#[test]
fn an_input_that_nothing_reads_is_still_an_input() {
    let exporter = Exporter::new().input("x", floats([1, 4], 0, -1.0, 1.0), ["batch", ""]).input(
        "unread",
        ints([1], 0, 0, 4),
        ["batch"],
    );
    let inputs = |batch: usize| (floats([batch, 4], batch, -1.0, 1.0), ints([batch], batch, 0, 4));
    let cases = [1, 3, 8].map(inputs).to_vec();
    let model = check_within(SUMS, &nothing(), exporter, cases, |_, (x, _)| x.exp());
    assert_eq!(model.inputs(), ["x", "unread"]);
}

#[derive(Module, Debug)]
struct Calibrated {
    dense: Linear,
    temperature: Param<Tensor<1>>,
}

#[test]
fn a_forward_function_may_look_at_its_parameters() {
    let device = device();
    let module = Calibrated {
        dense: LinearConfig::new(6, 4).init(&device),
        temperature: Param::from_data(TensorData::from([1.7f32]), &device),
    };
    layer(&module, [1, 6], |m, x| {
        let temperature: f32 = m.temperature.val().into_scalar();
        softmax(m.dense.forward(x) / temperature.max(0.1), 1)
    });
}

#[test]
fn a_forward_function_that_looks_at_its_input_is_refused() {
    let exporter = || Exporter::new().input("labels", ints([2], 0, 0, 4), ["batch"]);
    // `one_hot` reads its indices to check them.
    let error = exporter().export(&nothing(), |_, x: Tensor<1, Int>| x.one_hot::<2>(4)).unwrap_err();
    assert!(matches!(error, Error::Forward { .. } | Error::Unstable { .. }), "{error}");
    // The number of selected elements depends on the values.
    let exporter = Exporter::new().input("x", floats([2, 3], 0, -1.0, 1.0), ["batch", ""]);
    let error = exporter.export(&nothing(), |_, x: Tensor<2>| x.clone().mask_select(x.greater_elem(0.0))).unwrap_err();
    assert!(matches!(error, Error::Forward { .. }), "{error}");
}
