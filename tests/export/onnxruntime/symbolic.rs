//! Symbolic axes: sizes that follow them are symbolic, others are fixed, and ambiguous ones are refused.

use burn::module::{Initializer, Module, Param};
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};
use burn_onnx_export::{Error, Exporter};

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
