//! Every element type: arithmetic with burn's wrap-around, casts, and operations for which ONNX Runtime has no kernel of
//! that type.

use burn::tensor::activation::{
    gelu, hard_sigmoid, leaky_relu, log_sigmoid, log_softmax, prelu, relu, sigmoid, softmax, softplus,
};
use burn::tensor::module::{adaptive_avg_pool2d, attention, interpolate};
use burn::tensor::ops::{AttentionModuleOptions, InterpolateMode, InterpolateOptions, PadMode};
use burn::tensor::{DType, Distribution, FloatDType, IndexingUpdateOp, Int, IntDType, Tensor, TensorData};
use burn_onnx_export::{Error, Exporter, Outputs};

use crate::generate::{Case, case, floats, for_all, nothing};
use crate::support::{Ports, Tolerance, check, check_within, device};

/// The precision of a type over some operations.
fn tolerance(dtype: FloatDType) -> Tolerance {
    match dtype {
        FloatDType::F16 => Tolerance { absolute: 4e-3, relative: 4e-3 },
        FloatDType::BF16 => Tolerance { absolute: 4e-2, relative: 4e-2 },
        _ => Tolerance { absolute: 1e-9, relative: 1e-9 },
    }
}

/// Checks an operation of two floats of each type. Inputs have 32 bits and are cast to the type.
fn float_types<O: Outputs + Ports>(range: (f32, f32), operation: impl Fn(Tensor<3>, Tensor<3>) -> O) {
    for dtype in [FloatDType::F64, FloatDType::F16, FloatDType::BF16] {
        for_all(case::<3>(), |case| {
            // Numbers that every type represents: ONNX Runtime may drop a cast to fewer digits and back.
            let make = |shape, seed| (floats(shape, seed, range.0, range.1) * 32.0).round() / 32.0;
            let sample = make(case.shape, case.seed);
            let exporter = Exporter::new().input("a", sample.clone(), case.axes()).input("b", sample, case.axes());
            let inputs = case.shapes().into_iter().map(|shape| (make(shape, case.seed), make(shape, case.seed + 1)));
            check_within(tolerance(dtype), &nothing(), exporter, inputs.collect(), |_, (a, b)| {
                operation(a.cast(dtype), b.cast(dtype))
            });
        });
    }
}

/// The result in 32 bits, for types that a test cannot read.
fn plain<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let wide = matches!(x.dtype(), DType::F64);
    if wide { x } else { x.cast(FloatDType::F32) }
}

#[test]
fn floats_of_every_type_compute() {
    float_types((-2.0, 2.0), |a, b| {
        (
            plain(a.clone() + b.clone()),
            plain(a.clone() * b.clone() - a.clone()),
            plain(a.clone() / (b.clone().abs() + 1.0)),
            plain(a.clone().max_pair(b.clone())),
            plain(a.clone().clamp(-1.0, 0.5)),
            plain(a.clone().mask_where(b.clone().greater_elem(0.0), b)),
            a.lower_elem(0.25),
        )
    });
    float_types((-2.0, 2.0), |a, b| {
        (
            plain(a.clone().sin()),
            plain(a.clone().exp()),
            plain(a.clone().tanh()),
            plain(b.clone().abs().sqrt()),
            plain((b.abs() + 0.5).log()),
            plain(a.clone().floor()),
            plain(a.round()),
        )
    });
    float_types((-2.0, 2.0), |a, b| {
        (
            plain(a.clone().sum_dim(1)),
            plain(a.clone().mean_dim(2)),
            plain(a.clone().max_dim(0)),
            plain(b.clone().swap_dims(1, 2).matmul(a.clone())),
            plain(a.clone().repeat_dim(1, 2)),
            plain(Tensor::cat(vec![a, b], 2)),
        )
    });
}

#[test]
fn activations_of_every_type_compute() {
    float_types((-3.0, 3.0), |a, _| {
        (
            plain(relu(a.clone())),
            plain(sigmoid(a.clone())),
            plain(leaky_relu(a.clone(), 0.01)),
            plain(hard_sigmoid(a.clone(), 0.2, 0.5)),
            plain(log_sigmoid(a.clone())),
            plain(softplus(a, 1.0)),
        )
    });
    float_types((-3.0, 3.0), |a, b| {
        let slope = b.clone().abs().slice([0..1, 0..1, 0..1]).reshape([1]);
        (plain(softmax(a.clone(), 1)), plain(log_softmax(a.clone(), 2)), plain(prelu(a, slope)))
    });
}

#[test]
fn angles_of_every_type_compute() {
    float_types((-0.95, 0.95), |a, b| {
        (
            plain(a.clone().asin()),
            plain(a.clone().acos()),
            plain(a.clone().atan()),
            plain(a.clone().tan()),
            plain(a.clone().atanh()),
            // Without zeros, whose sign does not count.
            plain((a + 0.015_625).atan2(b + 0.015_625)),
        )
    });
    float_types((-2.0, 2.0), |a, _| {
        (plain(a.clone().sinh()), plain(a.clone().cosh()), plain(a.clone().asinh()), plain((a.abs() + 1.1).acosh()))
    });
}

/// Squares of these numbers, or their exponentials, exceed 64 bits.
#[test]
fn hyperbolic_functions_of_large_numbers_do_not_overflow() {
    let numbers = [710.2, -710.2, 699.0, 701.0, 1e9, -1e9, 1e200, -1e200, 1e308, 0.5, f64::INFINITY, f64::NEG_INFINITY];
    let x = Tensor::<1>::from_data(TensorData::from(numbers), (&device(), DType::F64));
    let exporter = Exporter::new().input("x", x.clone(), ["n"]);
    let tolerance = Tolerance { absolute: 1e-12, relative: 1e-11 };
    check_within(tolerance, &nothing(), exporter, vec![x], |_, x| {
        (x.clone().asinh(), x.clone().acosh(), x.clone().cosh(), x.sinh())
    });
}

/// ONNX fills tensors of bfloat16 itself only from opset 20.
#[test]
fn bfloat16_is_filled_along_a_symbolic_axis() {
    let x = |rows| floats([rows, 1], 0, -1.0, 1.0);
    for opset in [18, 20] {
        let exporter = Exporter::new().input("x", x(2), ["n", ""]).opset(opset);
        check_within(tolerance(FloatDType::BF16), &nothing(), exporter, vec![x(2), x(5)], |_, x: Tensor<2>| {
            let full = Tensor::<2>::full([x.dims()[0], 3], 1.5, (&x.device(), DType::BF16));
            (full + x.cast(FloatDType::BF16)).cast(FloatDType::F32)
        });
    }
}

#[test]
fn half_precision_runs_through_layers() {
    for dtype in [FloatDType::F16, FloatDType::BF16] {
        for_all(case::<4>(), |case| {
            let case = Case { shape: [case.shape[0], 2, 6, 6], open: [case.open[0], false, false, false], ..case };
            let make = |shape| floats(shape, case.seed, -1.0, 1.0);
            let exporter = Exporter::new().input("x", make(case.shape), case.axes());
            let inputs = case.shapes().into_iter().map(make).collect();
            check_within(tolerance(dtype), &nothing(), exporter, inputs, |_, x| {
                let x = x.cast(dtype);
                let attended =
                    attention(x.clone(), x.clone(), x.clone(), None, None, AttentionModuleOptions::default());
                let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_output_size([9, 9]);
                (
                    plain(gelu(x.clone())),
                    plain(attended),
                    plain(interpolate(x.clone(), options)),
                    plain(adaptive_avg_pool2d(x, [1, 1])),
                )
            });
        });
    }
}

/// There is nothing wider than 64 bits, and ONNX Runtime has no such kernel.
#[test]
fn what_sixty_four_bits_cannot_do_is_refused() {
    let exporter = Exporter::new().input("x", floats([2, 3], 0, -1.0, 1.0), ["batch", ""]);
    let error = exporter.export(&nothing(), |_, x: Tensor<2>| x.cast(FloatDType::F64).erf()).unwrap_err();
    let Error::Unsupported(list) = &error else { panic!("{error}") };
    assert_eq!((list.len(), list[0].kind.as_str()), (1, "Float::Erf"));
    assert!(error.to_string().contains("F64"), "{error}");
}

const INTEGERS: [IntDType; 8] = [
    IntDType::I64,
    IntDType::I32,
    IntDType::I16,
    IntDType::I8,
    IntDType::U64,
    IntDType::U32,
    IntDType::U16,
    IntDType::U8,
];

fn is_signed(dtype: IntDType) -> bool {
    matches!(dtype, IntDType::I64 | IntDType::I32 | IntDType::I16 | IntDType::I8)
}

/// Integers of a type, in the range of 8 bits.
fn integers_of<const D: usize>(shape: [usize; D], seed: usize, dtype: IntDType) -> Tensor<D, Int> {
    let (low, high) = if is_signed(dtype) { (-120.0, 120.0) } else { (0.0, 250.0) };
    floats(shape, seed, low, high).int().cast(dtype)
}

/// Checks an operation of two integers of each type.
fn integer_types<O: Outputs + Ports>(operation: impl Fn(IntDType, Tensor<3, Int>, Tensor<3, Int>) -> O) {
    for dtype in INTEGERS {
        for_all(case::<3>(), |case| {
            let make = |shape| (integers_of(shape, case.seed, dtype), integers_of(shape, case.seed + 1, dtype));
            let (a, b) = make(case.shape);
            let exporter = Exporter::new().input("a", a, case.axes()).input("b", b, case.axes());
            let inputs = case.shapes().into_iter().map(make).collect();
            check(&nothing(), exporter, inputs, |_, (a, b)| operation(dtype, a, b));
        });
    }
}

#[test]
fn integers_of_every_type_wrap_around() {
    integer_types(|_, a, b| {
        (
            a.clone() + b.clone(),
            a.clone() - b.clone(),
            a.clone() * b.clone(),
            a.clone() + 100,
            a.clone() * 3,
            a.clone().powi_scalar(3),
            a.max_pair(b),
        )
    });
}

#[test]
fn integers_of_every_type_divide() {
    integer_types(|dtype, a, b| {
        // No divisor is zero.
        let divisor = if is_signed(dtype) { b.clone().abs().clamp_max(100) + 1 } else { b.clone().clamp(1, 200) };
        (a.clone() / divisor.clone(), a.clone().remainder(divisor), a.clone() / 7, a % 7)
    });
}

#[test]
fn integers_of_every_type_compare_and_choose() {
    integer_types(|_, a, b| {
        let mask = a.clone().greater(b.clone());
        (
            mask.clone(),
            a.clone().equal(b.clone()),
            a.clone().lower_equal_elem(50),
            a.clone().mask_where(mask.clone(), b.clone()),
            a.clone().mask_fill(mask, 7),
            a.clone().clamp(3, 60),
            a.clamp_min(20),
        )
    });
}

#[test]
fn integers_of_every_type_reduce_and_sort() {
    integer_types(|_, a, _| {
        (
            a.clone().sum_dim(1),
            a.clone().max_dim(2),
            a.clone().min_dim(0),
            a.clone().argmax(1),
            a.clone().sort(2),
            a.cumsum(0),
        )
    });
}

/// Along an axis of known size. Along a symbolic one they are exact below 2^53.
#[test]
fn products_wrap_around() {
    for dtype in INTEGERS {
        for_all(case::<3>(), |case| {
            let a = integers_of(case.shape, case.seed, dtype);
            let exporter = Exporter::new().input("a", a.clone(), [""; 3]);
            check(&nothing(), exporter, vec![a], |_, a| (a.clone().prod_dim(1), a.prod()));
        });
    }
}

#[test]
fn integers_of_every_type_move_and_convert() {
    integer_types(|_, a, b| {
        (
            Tensor::cat(vec![a.clone(), b.clone()], 1),
            a.clone().repeat_dim(0, 2),
            a.clone().flip([1]),
            a.clone().pad([(1, 0), (0, 2)], PadMode::Constant(5.0)),
            a.clone().float(),
            a.clone().cast(IntDType::I8),
            a.cast(IntDType::U16),
        )
    });
}

#[test]
fn integers_of_every_type_shift_by_more_than_they_have() {
    integer_types(|_, a, b| {
        (
            a.clone().bitwise_and(b.clone()),
            a.clone().bitwise_xor_scalar(0x55),
            a.clone().bitwise_not(),
            a.clone().bitwise_left_shift_scalar(2),
            a.clone().bitwise_right_shift_scalar(3),
            a.clone().bitwise_left_shift(b.clone().clamp(0, 100)),
            a.bitwise_right_shift(b.clamp(0, 100)),
        )
    });
}

/// burn saturates; ONNX leaves numbers that do not fit undefined.
#[test]
fn floats_stop_at_the_bounds_of_small_integers() {
    let values = [-1e9, -300.0, -129.0, -1.5, -0.5, 0.0, 0.5, 1.5, 127.9, 128.0, 255.9, 256.0, 7e4, 1e9, f32::INFINITY];
    let x = Tensor::<1>::from_data(TensorData::from(values), &device());
    let exporter = Exporter::new().input("x", x.clone(), ["n"]);
    check(&nothing(), exporter, vec![x], |_, x| {
        let to = |dtype| x.clone().cast(dtype);
        (to(IntDType::U8), to(IntDType::I8), to(IntDType::U16), to(IntDType::I16), to(IntDType::U32))
    });
}

fn large(numbers: [u64; 5]) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::from(numbers), (&device(), DType::U64))
}

/// Some of these numbers are negative as signed integers.
#[test]
fn the_largest_unsigned_integers_compute() {
    let inputs = (large([1, 255, 1 << 63, (1 << 63) + 5, u64::MAX]), large([u64::MAX, 3, 1 << 63, u64::MAX, 1]));
    let exporter = Exporter::new().input("a", inputs.0.clone(), [""]).input("b", inputs.1.clone(), [""]);
    check(&nothing(), exporter.clone(), vec![inputs.clone()], |_, (a, b)| {
        (
            a.clone() / b.clone(),
            a.clone().remainder(b.clone()),
            a.clone().greater(b.clone()),
            a.clone().lower_equal(b.clone()),
            a.clone() + b.clone(),
            a.clone().max_pair(b),
            a.sign(),
        )
    });
    check(&nothing(), exporter.clone(), vec![inputs.clone()], |_, (a, b)| {
        (
            a.clone().clamp(2u64, u64::MAX),
            a.clone().clamp_max(u64::MAX - 1),
            a.clone().clamp_min(1u64 << 63),
            a.clone().lower_elem(u64::MAX),
            a.clone().div_scalar(u64::MAX),
            a.remainder_scalar(u64::MAX),
            b.div_scalar(3),
        )
    });
    check(&nothing(), exporter, vec![inputs], |_, (a, b)| (a.clone().cummax(0), a.cummin(0), b.cumprod(0)));
}

/// The divisor is -1 in these types.
#[test]
fn numbers_wrap_around_to_the_type_before_they_divide() {
    for dtype in [IntDType::I8, IntDType::I16, IntDType::I32] {
        let x = integers_of([7], 3, dtype);
        let exporter = Exporter::new().input("x", x.clone(), ["n"]);
        check(&nothing(), exporter, vec![x], |_, x| (x.clone() / u32::MAX, x.remainder_scalar(u32::MAX)));
    }
}

/// The sample's length gives the divisor -1 and the exponent 3, other lengths give others.
#[test]
fn divisors_and_exponents_follow_a_symbolic_axis() {
    let x = |length| integers_of([length], 3, IntDType::I32);
    let exporter = Exporter::new().input("x", x(2), ["n"]);
    check(&nothing(), exporter, vec![x(2), x(5), x(1)], |_, x| {
        let [length] = x.dims();
        let divisor = length as i64 - 3;
        (x.clone() / divisor, x.clone().remainder_scalar(divisor), (x % 5).powi_scalar(length as i64 + 1))
    });
}

/// Dividing the smallest integer by -1 kills the process.
#[test]
fn the_smallest_integer_by_minus_one_wraps_around() {
    let small = |values: [i32; 4]| Tensor::<1, Int>::from_data(TensorData::from(values), (&device(), DType::I32));
    let inputs = (small([i32::MIN, 7, i32::MIN, -8]), small([-1, -1, 2, 3]));
    let exporter = Exporter::new().input("a", inputs.0.clone(), ["n"]).input("b", inputs.1.clone(), ["n"]);
    check(&nothing(), exporter, vec![inputs], |_, (a, b)| {
        (a.clone() / b.clone(), a.clone().remainder(b), a.clone() / -1, a.remainder_scalar(-1))
    });
    let wide = |values: [i64; 3]| Tensor::<1, Int>::from_data(TensorData::from(values), (&device(), DType::I64));
    // burn panics for the quotient of this pair, so only the remainder is compared.
    let inputs = (wide([i64::MIN, 9, -9]), wide([-1, -1, 4]));
    let exporter = Exporter::new().input("a", inputs.0.clone(), ["n"]).input("b", inputs.1.clone(), ["n"]);
    check(&nothing(), exporter, vec![inputs], |_, (a, b)| a.remainder(b));
}

#[test]
fn sums_wrap_around_and_do_not_stop() {
    let x = Tensor::<1, Int>::from_data(TensorData::from([i32::MAX, 1, 5]), (&device(), DType::I32));
    let exporter = Exporter::new().input("x", x.clone(), [""]);
    check(&nothing(), exporter, vec![x], |_, x| (x.clone().sum(), x.clone().cumsum(0), x.mean()));
}

/// Many threads write the same rows.
#[test]
fn updates_that_meet_are_all_made() {
    let rows = 20_000;
    let at = floats([rows], 3, 0.0, 4.0).int();
    let values = Tensor::<2>::ones([rows, 16], &device());
    let base = Tensor::<2>::zeros([4, 16], &device());
    let exporter = Exporter::new().input("base", base.clone(), ["", ""]).input("at", at.clone(), [""]).input(
        "values",
        values.clone(),
        ["", ""],
    );
    check(&nothing(), exporter, vec![(base, at, values)], |_, (base, at, values)| {
        let each: Tensor<2, Int> = at.clone().unsqueeze_dim(1);
        (
            base.clone().select_assign(0, at, values.clone(), IndexingUpdateOp::Add),
            base.scatter_nd(each, values, IndexingUpdateOp::Add),
        )
    });
}

#[test]
fn choices_between_booleans_run() {
    for_all(case::<3>(), |case| {
        let make = |shape| (floats(shape, case.seed, -1.0, 1.0), floats(shape, case.seed + 1, -1.0, 1.0));
        let (a, b) = make(case.shape);
        let exporter = Exporter::new().input("a", a, case.axes()).input("b", b, case.axes());
        let inputs = case.shapes().into_iter().map(make).collect();
        check(&nothing(), exporter, inputs, |_, (a, b)| {
            let (a, b) = (a.greater_elem(0.0), b.greater_elem(0.3));
            (a.clone().mask_where(b.clone(), a.clone().bool_not()), a.mask_fill(b, true))
        });
    });
}

/// The numbers differ each time; their distribution does not.
#[test]
fn random_integers_stay_in_their_range() {
    let x = floats([2, 500], 0, 0.0, 1.0);
    let exporter = Exporter::new().input("x", x.clone(), ["n", ""]).outputs(["a", "b", "c"]).allow_random();
    let model = exporter
        .export(&nothing(), |_, x: Tensor<2>| {
            let draw = |distribution| Tensor::<2, Int>::random(x.dims(), distribution, &x.device());
            (
                draw(Distribution::Uniform(-3.0, 4.0)) + x.clone().int().zeros_like(),
                draw(Distribution::Bernoulli(0.5)),
                draw(Distribution::Default),
            )
        })
        .unwrap();
    let drawn = crate::support::run(&model, &[("x", x.to_data())]);
    let numbers = |name: &str| crate::support::numbers(&drawn[name]).1;
    let (low, high) = numbers("a").into_iter().fold((9.0, -9.0), |(low, high), x: f64| (x.min(low), x.max(high)));
    assert_eq!((low, high), (-3.0, 3.0));
    assert!(numbers("b").iter().all(|x| *x == 0.0 || *x == 1.0) && numbers("b").contains(&1.0));
    assert!(numbers("c").iter().any(|x| *x > 1e9) && numbers("c").iter().any(|x| *x < -1e9));
}
