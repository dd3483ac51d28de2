//! Symbolic axes: sizes that follow them are symbolic, others are fixed, and ambiguous ones are refused.

use burn::module::{Initializer, Module, Param};
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burn_onnx_export::{Error, Exporter, OnnxModel};

use crate::generate::{floats, nothing};
use crate::support::{Tolerance, check, check_within, device};

const SUMS: Tolerance = Tolerance { absolute: 1e-5, relative: 1e-5 };

#[derive(Module, Debug)]
struct Sequence {
    class: Param<Tensor<3>>,
    embed: Linear,
    attention: MultiHeadAttention,
    head: Linear,
}

impl Sequence {
    fn new(device: &Device) -> Self {
        Self {
            class: Initializer::Normal { mean: 0.0, std: 1.0 }.init([1, 1, 8], device),
            embed: LinearConfig::new(4, 8).init(device),
            attention: MultiHeadAttentionConfig::new(8, 2).init(device),
            head: LinearConfig::new(8, 3).init(device),
        }
    }

    fn forward(&self, x: Tensor<3>) -> (Tensor<2>, Tensor<3>) {
        let [batch, ..] = x.dims();
        let class = self.class.val().expand([batch, 1, 8]);
        let x = Tensor::cat(vec![class, self.embed.forward(x)], 1);
        let x = self.attention.forward(MhaInput::self_attn(x)).context;
        let length = x.dims()[1];
        (self.head.forward(x.clone().narrow(1, 0, 1).squeeze_dim(1)), x.narrow(1, 1, length - 1))
    }
}

#[test]
fn attention_keeps_batch_and_time_open() {
    let module = Sequence::new(&device());
    let input = |batch, time| floats([batch, time, 4], batch + time, -1.0, 1.0);
    let exporter = Exporter::new().input("x", input(1, 5), ["batch", "time", ""]).outputs(["class", "tokens"]);
    let model = check_within(SUMS, &module, exporter, vec![input(1, 5), input(3, 7), input(8, 2)], |m, x| m.forward(x));
    let names = |at: usize| {
        let dims = model.graph().output[at].dims().unwrap();
        dims.iter().map(|dim| dim.dim_param().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!([names(0), names(1)], [vec!["batch", ""], vec!["batch", "time", ""]]);
}

#[test]
fn a_number_that_is_a_size_follows_it() {
    let input = |batch| floats([batch, 3], batch, -1.0, 1.0);
    let exporter = Exporter::new().input("x", input(2), ["batch", ""]);
    check(&nothing(), exporter, vec![input(2), input(5)], |_, x| {
        let batch = x.dims()[0] as f32;
        (x.clone() * batch, x.clone() / batch, x.clone() * (1.0 / batch), x.greater_elem(batch - 4.0))
    });
}

#[test]
fn a_number_that_follows_the_batch_in_an_unknown_way_is_refused() {
    let x = floats([2, 3], 0, -1.0, 1.0);
    let exporter = Exporter::new().input("x", x, ["batch", ""]);
    let error = exporter.export(&nothing(), |_, x: Tensor<2>| {
        let batch = x.dims()[0];
        x * (batch as f32).sqrt()
    });
    let error = error.unwrap_err();
    assert!(matches!(&error, Error::Ambiguous { index: 0, .. }), "{error}");
    assert!(error.to_string().contains("Numeric::MulScalar"), "{error}");
}

#[test]
fn a_graph_that_follows_the_batch_is_refused() {
    let x = floats([2, 3], 0, -1.0, 1.0);
    let exporter = Exporter::new().input("x", x, ["batch", ""]);
    let error = exporter.export(&nothing(), |_, x: Tensor<2>| if x.dims()[0] > 3 { x.exp() } else { x.tanh() });
    assert!(matches!(error.unwrap_err(), Error::Unstable { .. }));
}

/// Exports a function of one line of symbolic length, recorded from a sample of size 1.
fn line<const D: usize>(forward: impl Fn(Tensor<1>) -> Tensor<D>) -> Result<OnnxModel, Error> {
    let exporter = Exporter::new().input("x", floats([1], 0, -1.0, 1.0), ["length"]);
    exporter.export(&nothing(), |_, x: Tensor<1>| forward(x))
}

/// The message of a model that behaves differently at a size beyond the usual ones.
fn differs_beyond<const D: usize>(forward: impl Fn(Tensor<1>) -> Tensor<D>) -> String {
    let error = line(forward).unwrap_err();
    assert!(matches!(&error, Error::Unstable { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("`symbol_sizes`"), "{message}");
    message
}

#[test]
fn limits_and_branches_beyond_the_usual_sizes_are_refused() {
    let cut = differs_beyond(|x| {
        let length = x.dims()[0].min(32);
        x.narrow(0, 0, length)
    });
    assert!(cut.contains("length = 1009 than with 2, 4, 6 or 7"), "{cut}");
    assert!(cut.contains("[2], [4], [6], [7], [32]"), "{cut}");
    differs_beyond(|x| {
        let blocks = x.dims()[0].div_ceil(8);
        x * blocks as f64
    });
    let branch = differs_beyond(|x| if x.dims()[0] > 16 { x.exp() } else { x.tanh() });
    assert!(branch.contains("recorded with length = 2, and with length = 1009"), "{branch}");
    differs_beyond(|x| {
        let length = x.dims()[0];
        let padding = Tensor::zeros([length.next_multiple_of(8) - length], &x.device());
        Tensor::cat(vec![x, padding], 0)
    });
}

#[test]
fn the_axis_that_differs_beyond_the_usual_sizes_is_named() {
    let exporter = Exporter::new().input("x", floats([1, 1], 0, -1.0, 1.0), ["batch", "time"]);
    let error = exporter.export(&nothing(), |_, x: Tensor<2>| if x.dims()[1] > 16 { x.exp() } else { x.tanh() });
    let message = error.unwrap_err().to_string();
    assert!(message.contains("with time = 1009 than with"), "{message}");
}

#[test]
fn chosen_sizes_are_not_verified_beyond_themselves() {
    let exporter = Exporter::new().input("x", floats([1], 0, -1.0, 1.0), ["length"]).symbol_sizes("length", [2, 4, 6]);
    let cases = [1, 16].map(|length| floats([length], length, -1.0, 1.0)).to_vec();
    check(&nothing(), exporter, cases, |_, x| if x.dims()[0] > 16 { x.exp() } else { x.tanh() });
}

#[test]
fn a_forward_function_with_an_upper_limit_is_verified_below_it() {
    let model = line(|x| {
        assert!(x.dims()[0] <= 512, "too long");
        x.tanh()
    });
    assert_eq!(model.unwrap().operators(), ["Tanh"]);
    let message = differs_beyond(|x| {
        let length = x.dims()[0];
        assert!(length <= 512, "too long");
        if length > 200 { x.exp() } else { x.tanh() }
    });
    assert!(message.contains("length = 257"), "{message}");
    // This accepts only even sizes.
    let message = differs_beyond(|x| {
        let length = x.dims()[0];
        assert!(length.is_multiple_of(2) && length <= 100, "odd or too long");
        if length > 60 { x.exp() } else { x.tanh() }
    });
    assert!(message.contains("length = 68 than with 2, 4 or 6"), "{message}");
}

#[test]
fn an_input_that_is_an_output_is_verified_too() {
    let input = |length| floats([length], length, -1.0, 1.0);
    let exporter = Exporter::new().input("x", input(1), ["length"]);
    check(&nothing(), exporter, vec![input(1), input(40)], |_, x| (x.clone(), x.clone().exp(), x));
}

#[test]
fn constants_that_follow_a_size_keep_their_type_and_digits() {
    let device = device();
    let double = |length: usize| Tensor::<1>::zeros([length], (&device, DType::F64)) + 16_777_217.0;
    let exporter = Exporter::new().input("x", double(2), ["n"]);
    check(&nothing(), exporter, vec![double(2), double(40)], |_, x| {
        let [length] = x.dims();
        let row = |value: fn(usize) -> f64| {
            let data = TensorData::new((0..length).map(value).collect::<Vec<_>>(), [length]);
            Tensor::<1>::from_data(data, (&x.device(), DType::F64))
        };
        (x.clone() - row(|at| 16_777_217.0 + at as f64), (x.clone() - 16_777_217.1 + row(|_| 0.1)) * 1e9)
    });
    let large = (1_i64 << 53) + 1;
    let whole = |length: usize| {
        Tensor::<1, Int>::from_data(TensorData::new(vec![large; length], [length]), (&device, DType::I64))
    };
    let exporter = Exporter::new().input("x", whole(2), ["n"]);
    check(&nothing(), exporter, vec![whole(2), whole(40)], |_, x| {
        let [length] = x.dims();
        let row =
            |value: Vec<i64>| Tensor::<1, Int>::from_data(TensorData::new(value, [length]), (&x.device(), DType::I64));
        let down = (0..length).map(|at| large - 3 * at as i64).collect();
        (x.clone() - row(vec![large; length]), x.clone() - row(down))
    });
}

#[test]
fn a_curve_in_64_bits_is_no_progression() {
    let error = line(|x| {
        let values: Vec<f64> = (0..x.dims()[0]).map(|at| 1.0 + 1e-8 * (at as f64).powi(2)).collect();
        let length = values.len();
        Tensor::<1>::from_data(TensorData::new(values, [length]), (&x.device(), DType::F64)) + x.cast(DType::F64)
    });
    assert!(matches!(error.unwrap_err(), Error::Unstable { .. }));
}

#[test]
fn rounded_positions_keep_their_step_at_any_size() {
    let input = |length| floats([length], length, -1.0, 1.0);
    let exporter = Exporter::new().input("x", input(2), ["n"]);
    check(&nothing(), exporter, vec![input(2), input(1500)], |_, x| {
        let [length] = x.dims();
        let row = |value: fn(usize, usize) -> f32| {
            let data = TensorData::new((0..length).map(|at| value(at, length)).collect::<Vec<_>>(), [length]);
            Tensor::<1>::from_data(data, &x.device())
        };
        (x.clone() + row(|at, _| at as f32 * 0.02 - 1.0), x.clone() * row(|at, length| at as f32 / length as f32))
    });
}

#[test]
fn sizes_that_no_formula_explains_are_read_from_the_graph() {
    let input = |height, width| floats([1, 2, height, width], height, -1.0, 1.0);
    let exporter = Exporter::new().input("x", input(8, 6), ["batch", "", "height", "width"]);
    check(&nothing(), exporter, vec![input(8, 6), input(9, 11)], |_, x| {
        let x =
            burn::tensor::module::max_pool2d(x, MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]));
        let [batch, channels, height, width] = x.dims();
        let flat = x.clone().reshape([batch, channels, height * width]);
        (flat.reshape([batch, channels, height, width]), x.reshape([batch * channels, height, width]))
    });
}

#[test]
fn axes_must_agree() {
    let exporter = Exporter::new().input("a", floats([2, 3], 0, -1.0, 1.0), ["n", ""]).input(
        "b",
        floats([4, 3], 0, -1.0, 1.0),
        ["n", ""],
    );
    let error = exporter.export(&nothing(), |_, (a, b)| a + b).unwrap_err();
    assert!(matches!(&error, Error::Setup(message) if message.contains("`n`")), "{error}");
}

/// A step of a decoder: each layer appends the new position to its keys and values.
#[test]
fn a_list_of_inputs_is_one_argument() {
    let case = |batch, past| {
        let caches = (0..24).map(|at| floats([batch, 2, past, 3], at, -1.0, 1.0));
        (floats([batch, 2, 1, 3], 50, -1.0, 1.0), caches.collect::<Vec<_>>())
    };
    let (token, caches) = case(2, 3);
    let named = caches.into_iter().enumerate().map(|(at, cache)| (format!("past_{at}"), cache));
    let exporter = Exporter::new().input("token", token, ["batch", "", "", ""]);
    let exporter = exporter.input_list(named, ["batch", "", "past", ""]);
    let step = |_: &_, (token, caches): (Tensor<4>, Vec<Tensor<4>>)| {
        let longer: Vec<Tensor<4>> =
            caches.into_iter().map(|cache| Tensor::cat(vec![cache, token.clone()], 2)).collect();
        let sum = longer.iter().cloned().fold(token, |sum, cache| sum + cache.mean_dim(2));
        (sum, longer)
    };
    let model = check_within(SUMS, &nothing(), exporter, vec![case(1, 1), case(3, 5)], step);
    assert_eq!((model.inputs().len(), model.outputs().len()), (25, 25));
    assert_eq!(model.inputs()[..2], ["token", "past_0"]);
}
