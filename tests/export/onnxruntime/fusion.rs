//! Formulas that the exporter replaces by one operator, and similar formulas that it must leave as they are.

use burn::tensor::activation::{celu, elu, gelu_approximate, mish, selu, softplus};
use burn::tensor::module::batch_norm;
use burn::tensor::{Device, Tensor};
use burn_onnx_export::{Exporter, Outputs};

use crate::generate::{floats, nothing};
use crate::support::{Ports, check, device};

const NUMBERS: [f32; 14] = [-95.0, -3.0, -1.0, -0.5, -1e-3, 0.0, 1e-3, 0.4, 0.5, 1.0, 3.0, 9.0, 95.0, f32::INFINITY];

/// The operators of a formula, whose results must agree with burn's.
fn operators<O: Outputs + Ports>(formula: impl Fn(Tensor<1>) -> O) -> Vec<String> {
    let x = Tensor::<1>::from_floats(NUMBERS, &device());
    let exporter = Exporter::new().input("x", x.clone(), ["n"]).opset(23);
    let model = check(&nothing(), exporter, vec![x], |_, x| formula(x));
    model.operators().into_iter().map(str::to_owned).collect()
}

/// The numbers of a formula with two cases, and of a softplus.
#[derive(Clone, Copy)]
struct Numbers {
    limit: f32,
    one: f32,
}

const EXACT: Numbers = Numbers { limit: 0.0, one: 1.0 };

/// Numbers of which one differs a little from the formula's.
const CHANGED: [Numbers; 3] =
    [Numbers { limit: 0.45, ..EXACT }, Numbers { limit: -1e-6, ..EXACT }, Numbers { one: 1.000_000_5, ..EXACT }];

fn elu_with(x: Tensor<1>, numbers: Numbers) -> Tensor<1> {
    let below = (x.clone().exp() - numbers.one) * 1.5;
    x.clone().mask_where(x.lower_equal_elem(numbers.limit), below)
}

fn celu_with(x: Tensor<1>, numbers: Numbers) -> Tensor<1> {
    let below = ((x.clone() / 1.5).exp() - numbers.one) * 1.5;
    x.clone().mask_where(x.lower_equal_elem(numbers.limit), below)
}

fn selu_with(x: Tensor<1>, numbers: Numbers, gamma: f32) -> Tensor<1> {
    let below = (x.clone().exp() - numbers.one) * 1.75;
    below.mask_where(x.clone().greater_equal_elem(numbers.limit), x * gamma)
}

fn softplus_with(x: Tensor<1>, threshold: f32) -> Tensor<1> {
    let above = x.clone().greater_elem(threshold);
    x.clone().mask_fill(above.clone(), threshold).exp().log1p().mask_where(above, x)
}

fn gelu_with(x: Tensor<1>, [power, cubic, scale, one, half]: [f32; 5]) -> Tensor<1> {
    let inner = (x.clone() + x.clone().powf_scalar(power) * cubic) * scale;
    x * (inner.tanh() + one) * half
}

#[test]
fn formulas_become_operators() {
    assert_eq!(operators(|x| x.abs().equal_elem(f32::INFINITY)), ["IsInf"]);
    assert_eq!(operators(|x| x.clone().equal(x).bool_not()), ["IsNaN"]);
    assert_eq!(operators(gelu_approximate), ["Gelu"]);
    assert_eq!(operators(|x| softplus(x, 1.0)), ["Softplus"]);
    assert_eq!(operators(mish), ["Mish"]);
    assert_eq!(operators(|x| elu(x, 1.5)), ["Elu"]);
    assert_eq!(operators(|x| celu(x, 1.5)), ["Celu"]);
    assert_eq!(operators(selu), ["Selu"]);
    assert_eq!(operators(|x| x.clone() / (x.abs() + 1.0)), ["Softsign"]);
}

#[test]
fn formulas_with_other_numbers_remain() {
    for number in [0.0, 0.5, 1.0, 95.0, f32::MAX, f32::NEG_INFINITY] {
        assert_eq!(operators(|x| x.abs().equal_elem(number)), ["Abs", "Equal"], "{number}");
        assert_eq!(operators(|x| x.abs().not_equal_elem(number)), ["Abs", "Equal", "Not"], "{number}");
    }
    for numbers in CHANGED {
        assert!(!operators(|x| elu_with(x, numbers)).contains(&"Elu".to_owned()));
        assert!(!operators(|x| celu_with(x, numbers)).contains(&"Celu".to_owned()));
        assert!(!operators(|x| selu_with(x, numbers, 1.05)).contains(&"Selu".to_owned()));
    }
    assert!(!operators(|x| selu_with(x, EXACT, 0.0)).contains(&"Selu".to_owned()));
    assert!(!operators(|x| x.clone() / (x.abs() + 1.000_000_5)).contains(&"Softsign".to_owned()));
    for threshold in [2.0, 94.0] {
        assert!(!operators(|x| softplus_with(x, threshold)).contains(&"Softplus".to_owned()));
    }
    let usual = [3.0, 0.044_715, (2.0 / std::f64::consts::PI).sqrt() as f32, 1.0, 0.5];
    assert_eq!(operators(|x| gelu_with(x, usual)), ["Gelu"]);
    for changed in 0..usual.len() {
        let mut numbers = usual;
        numbers[changed] *= 1.000_000_5;
        assert!(!operators(|x| gelu_with(x, numbers)).contains(&"Gelu".to_owned()), "number {changed}");
    }
}

/// A value inside a formula that is read outside of it must be computed.
#[test]
fn formulas_whose_parts_are_read_elsewhere_remain() {
    assert!(operators(|x| (x.clone().abs(), x.abs().equal_elem(f32::INFINITY))).contains(&"Abs".to_owned()));
    assert!(operators(|x| (softplus(x.clone(), 1.0), x.greater_elem(20.0))).contains(&"Greater".to_owned()));
}

fn vector<const N: usize>(numbers: [f32; N], device: &Device) -> Tensor<1> {
    Tensor::from_floats(numbers, device)
}

/// A product of one column plus a vector of several numbers is an outer sum, and no dense layer.
#[test]
fn an_outer_sum_is_not_a_dense_layer() {
    let exporter = Exporter::new().input("x", floats([3, 4], 0, -1.0, 1.0), ["n", ""]);
    let inputs = [3, 1, 5].map(|rows| floats([rows, 4], 1, -1.0, 1.0)).to_vec();
    let model = check(&nothing(), exporter, inputs.clone(), |_, x: Tensor<2>| {
        let weight = floats([4, 1], 2, -1.0, 1.0).to_device(&x.device());
        let offsets = vector([10.0, 20.0, 30.0], &x.device());
        x.matmul(weight) + offsets.unsqueeze()
    });
    assert!(!model.operators().contains(&"Gemm"));
    let exporter = Exporter::new().input("x", floats([3, 4], 0, -1.0, 1.0), ["n", ""]);
    let model = check(&nothing(), exporter, inputs, |_, x: Tensor<2>| {
        let weight = floats([4, 2], 2, -1.0, 1.0).to_device(&x.device());
        let bias = vector([10.0, 20.0], &x.device());
        x.matmul(weight) + bias.unsqueeze()
    });
    assert_eq!(model.operators(), ["Gemm"]);
}

/// A dense layer whose bias is one number for all columns absorbs a normalisation with a number for each.
#[test]
fn a_normalisation_folds_into_a_layer_with_one_bias() {
    let exporter = Exporter::new().input("x", floats([2, 2], 0, -1.0, 1.0), ["n", ""]);
    let model = check(&nothing(), exporter, vec![floats([3, 2], 1, -1.0, 1.0)], |_, x: Tensor<2>| {
        let device = x.device();
        let weight = Tensor::<2>::from_floats([[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]], &device);
        let sum = x.matmul(weight) + vector([5.0], &device).unsqueeze();
        let [gamma, beta] = [[1.0, 2.0, 3.0], [0.0, 1.0, 2.0]].map(|numbers| vector(numbers, &device));
        let [mean, variance] = [[0.1, 0.2, 0.3], [1.0, 4.0, 9.0]].map(|numbers| vector(numbers, &device));
        batch_norm(sum, gamma, beta, mean, variance, 1e-5)
    });
    assert_eq!(model.operators(), ["Gemm"]);
}
