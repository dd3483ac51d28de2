//! Operations that work element by element.

use burn::tensor::activation::{
    gelu, hard_sigmoid, leaky_relu, log_sigmoid, log_softmax, mish, relu, sigmoid, silu, softmax, softmin, softplus,
    tanh,
};
use burn::tensor::{DType, FloatDType, IntDType, Tensor};
use burn_onnx_export::Exporter;

use crate::generate::{binary, binary_int, ints, nothing, unary, unary_int, unary_within};
use crate::support::{Tolerance, USUAL, check, device};

#[test]
fn exponents_and_logarithms() {
    unary((-3.0, 3.0), |x| (x.clone().exp(), x.erf()));
    unary((0.01, 9.0), |x| (x.clone().log(), x.clone().sqrt(), x.recip()));
    unary((-0.5, 3.0), |x| (x.clone().log1p(), (x * 1e-6).log1p() * 1e6));
}

#[test]
fn trigonometry() {
    unary((-1.4, 1.4), |x| {
        (x.clone().sin(), x.clone().cos(), x.clone().tan(), x.clone().sinh(), x.clone().cosh(), x.tanh())
    });
    unary((-0.95, 0.95), |x| (x.clone().asin(), x.clone().acos(), x.clone().atan(), x.clone().atanh(), x.asinh()));
    unary((1.05, 4.0), |x| x.acosh());
    binary((-2.0, 2.0), |a, b| a.atan2(b));
    // Zeros have no sign here: ONNX distinguishes -0 from 0 nowhere else either.
    binary((-1.5, 1.5), |a, b| (a.round() + 0.0).atan2(b.round() + 0.0));
}

#[test]
fn rounding() {
    let halves = |x: Tensor<3>| (x * 2.0).round() / 2.0;
    unary((-4.0, 4.0), move |x| {
        (x.clone().round(), x.clone().floor(), x.clone().ceil(), x.clone().trunc(), halves(x).round())
    });
    unary((-4.0, 4.0), |x| (x.clone().int(), x.clone().sign(), x.clone().abs(), -x));
}

#[test]
fn activations() {
    unary((-4.0, 4.0), |x| (relu(x.clone()), sigmoid(x.clone()), leaky_relu(x.clone(), 0.1), gelu(x.clone()), tanh(x)));
    unary((-9.0, 9.0), |x| {
        (hard_sigmoid(x.clone(), 0.2, 0.5), log_sigmoid(x.clone()), silu(x.clone()), softplus(x, 1.0))
    });
    unary((-4.0, 4.0), |x| (softmax(x.clone(), 1), log_softmax(x.clone(), 2), softmin(x.clone(), 0), mish(x)));
}

#[test]
fn arithmetic_with_numbers() {
    unary((-3.0, 3.0), |x| (x.clone() + 1.5, x.clone() - 0.25, x.clone() * 3.0, x.clone() / 255.0, x.powi_scalar(3)));
    unary((0.1, 3.0), |x| {
        (x.clone().powf_scalar(2.0), x.clone().powf_scalar(0.5), x.clone().powf_scalar(-1.5), x.square())
    });
    unary((-9.0, 9.0), |x| (x.clone().clamp(-1.0, 2.0), x.clone().clamp_min(0.5), x.clamp_max(-0.5)));
    unary((-9.0, 9.0), |x| (x.clone().remainder_scalar(2.5), x.remainder_scalar(-2.5)));
}

#[test]
fn arithmetic_of_two_tensors_that_broadcast() {
    binary((-3.0, 3.0), |a, b| (a.clone() + b.clone(), a.clone() - b.clone(), a.clone() * b.clone(), a / b));
    binary((0.1, 3.0), |a, b| (a.clone().powf(b.clone()), a.clone().hypot(b.clone()), a.remainder(b)));
    binary((-3.0, 3.0), |a, b| (a.clone().max_pair(b.clone()), a.clone().min_pair(b.clone()), a.remainder(b)));
}

#[test]
fn comparisons() {
    let grid = |x: Tensor<3>| (x * 2.0).round();
    binary((-1.5, 1.5), move |a, b| {
        let (a, b) = (grid(a), grid(b));
        (
            a.clone().greater(b.clone()),
            a.clone().greater_equal(b.clone()),
            a.clone().lower(b.clone()),
            a.clone().lower_equal(b.clone()),
            a.clone().equal(b.clone()),
            a.not_equal(b),
        )
    });
    unary((-1.5, 1.5), move |x| {
        let x = grid(x);
        (x.clone().greater_elem(1.0), x.clone().lower_equal_elem(0.0), x.clone().equal_elem(1.0), x.not_equal_elem(1.0))
    });
    binary_int((-3, 3), (-3, 3), |a, b| (a.clone().greater(b.clone()), a.clone().lower_equal(b.clone()), a.equal(b)));
}

#[test]
fn not_numbers_and_infinities() {
    let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1.0];
    let input = Tensor::<1>::from_floats(values, &device());
    let exporter = Exporter::new().input("x", input.clone(), ["n"]);
    check(&nothing(), exporter, vec![input], |_, x| {
        // Not `sign`: for NaN it is 0 in burn and NaN in ONNX Runtime, and the standard leaves it open.
        (x.clone().is_nan(), x.clone().is_inf(), x.clone().abs(), x.clone().exp(), x.recip())
    });
}

#[test]
fn integers_divide_and_leave_remainders_like_burn() {
    binary_int((-20, 20), (1, 7), |a, b| {
        (a.clone() / b.clone(), a.clone().remainder(b.clone()), a.clone() * b.clone(), a - b)
    });
    binary_int((-20, 20), (-7, -1), |a, b| (a.clone() / b.clone(), a.remainder(b)));
    unary_int((-20, 20), |x| (x.clone() / 3, x.clone() % 3, x.clone() + 3, x.clone() - 3, x.clone().abs(), -x));
    unary_int((-20, 20), |x| (x.clone().clamp(-5, 5), x.clone().sign(), x.clone().powi_scalar(2), x.float()));
}

#[test]
fn bits() {
    binary_int((-99, 99), (0, 7), |a, b| {
        (
            a.clone().bitwise_and(b.clone()),
            a.clone().bitwise_or(b.clone()),
            a.clone().bitwise_xor(b.clone()),
            a.clone().bitwise_left_shift(b.clone()),
            a.clone().bitwise_right_shift(b),
            a.bitwise_not(),
        )
    });
    unary_int((-99, 99), |x| {
        (
            x.clone().bitwise_and_scalar(12),
            x.clone().bitwise_or_scalar(3),
            x.clone().bitwise_xor_scalar(5),
            x.clone().bitwise_left_shift_scalar(2),
            x.bitwise_right_shift_scalar(1),
        )
    });
}

#[test]
fn truth_values() {
    binary((-1.0, 1.0), |a, b| {
        let (a, b) = (a.greater_elem(0.0), b.lower_elem(0.3));
        (
            a.clone().bool_and(b.clone()),
            a.clone().bool_or(b.clone()),
            a.clone().bool_xor(b.clone()),
            a.clone().bool_not(),
            a.clone().float(),
            a.int(),
        )
    });
    unary((-1.0, 1.0), |x| {
        let flags = x.greater_elem(-0.8);
        (flags.clone().all(), flags.clone().any(), flags.clone().all_dim(1), flags.any_dim(2))
    });
}

#[test]
fn casts() {
    unary((-100.0, 100.0), |x| {
        (x.clone().cast(FloatDType::F64), x.clone().int().cast(IntDType::I8), x.int().cast(IntDType::I16))
    });
    let half = Tolerance { absolute: 1e-3, relative: 1e-3 };
    unary_within(half, (-4.0, 4.0), |x| x.cast(FloatDType::F16).cast(FloatDType::F32));
    let bytes = ints([2, 3, 4], 5, 0, 255).cast(IntDType::U8);
    let exporter = Exporter::new().input("x", bytes.clone(), ["n", "", ""]);
    let model = check(&nothing(), exporter, vec![bytes.clone()], |_, x| (x.clone().float() / 255.0, x + 3));
    assert_eq!(bytes.dtype(), DType::U8);
    assert_eq!(model.inputs(), ["x"]);
    let _ = USUAL;
}
