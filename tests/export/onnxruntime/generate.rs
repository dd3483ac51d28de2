//! Generated cases: shapes, symbolic axes and values. `KILN_CASES` sets their number for each operation.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Int, Tensor, TensorData};
use burn_onnx_export::{Exporter, Outputs};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::support::{Ports, Tolerance, USUAL, check_within, device};

/// A module without parameters.
#[derive(Module, Debug)]
pub(crate) struct Nothing {
    nothing: Vec<Linear>,
}

pub(crate) fn nothing() -> Nothing {
    Nothing { nothing: Vec::new() }
}

/// The number of cases for each operation.
pub(crate) fn cases() -> u32 {
    std::env::var("KILN_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

/// Runs a property on generated values, which are the same in each run.
pub(crate) fn for_all<S: Strategy>(strategy: S, property: impl Fn(S::Value)) {
    let config = Config { cases: cases(), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let result = runner.run(&strategy, |value| {
        property(value);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// A shape of rank `D`, its symbolic axes, and a seed for values.
#[derive(Clone, Debug)]
pub(crate) struct Case<const D: usize> {
    pub(crate) shape: [usize; D],
    pub(crate) open: [bool; D],
    pub(crate) seed: usize,
}

pub(crate) fn case<const D: usize>() -> impl Strategy<Value = Case<D>> {
    let parts =
        (proptest::array::uniform::<_, D>(1..6usize), proptest::array::uniform::<_, D>(any::<bool>()), 0..1000usize);
    parts.prop_map(|(shape, open, seed)| Case { shape, open, seed })
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

impl<const D: usize> Case<D> {
    pub(crate) fn axes(&self) -> [&'static str; D] {
        std::array::from_fn(|axis| if self.open[axis] { NAMES[axis] } else { "" })
    }

    /// The shape with other sizes of its symbolic axes.
    pub(crate) fn other(&self) -> [usize; D] {
        std::array::from_fn(|axis| self.shape[axis] + if self.open[axis] { 1 + axis } else { 0 })
    }

    /// The shape, and the shape with other sizes if any is symbolic.
    pub(crate) fn shapes(&self) -> Vec<[usize; D]> {
        if self.open.contains(&true) { vec![self.shape, self.other()] } else { vec![self.shape] }
    }

    /// The case without symbolic axes, for operations that support none.
    pub(crate) fn closed(mut self) -> Self {
        self.open = [false; D];
        self
    }
}

/// Floats in `low..high`.
pub(crate) fn floats<const D: usize>(shape: [usize; D], seed: usize, low: f32, high: f32) -> Tensor<D> {
    let count: usize = shape.iter().product();
    let value = |at: usize| low + (high - low) * noise(at, seed);
    Tensor::from_data(TensorData::new((0..count).map(value).collect(), shape), &device())
}

/// Integers in `low..high`.
pub(crate) fn ints<const D: usize>(shape: [usize; D], seed: usize, low: i32, high: i32) -> Tensor<D, Int> {
    let count: usize = shape.iter().product();
    let value = |at: usize| low + (((high - low) as f32) * noise(at, seed)) as i32;
    Tensor::from_data(TensorData::new((0..count).map(value).collect(), shape), &device())
}

fn noise(at: usize, seed: usize) -> f32 {
    let mixed =
        (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (seed as u64 + 7).wrapping_mul(0xD1B5_4A32_D192_ED03);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed >> 40) as f32) / (1u64 << 24) as f32
}

/// Checks an operation of one float tensor.
pub(crate) fn unary<O: Outputs + Ports>(range: (f32, f32), operation: impl Fn(Tensor<3>) -> O) {
    unary_within(USUAL, range, operation);
}

pub(crate) fn unary_within<O: Outputs + Ports>(
    tolerance: Tolerance,
    range: (f32, f32),
    operation: impl Fn(Tensor<3>) -> O,
) {
    for_all(case::<3>(), |case| {
        let input = |shape| floats(shape, case.seed, range.0, range.1);
        let exporter = Exporter::new().input("x", input(case.shape), case.axes());
        let inputs = case.shapes().into_iter().map(input).collect();
        check_within(tolerance, &nothing(), exporter, inputs, |_, x| operation(x));
    });
}

/// Checks an operation of one integer tensor.
pub(crate) fn unary_int<O: Outputs + Ports>(range: (i32, i32), operation: impl Fn(Tensor<3, Int>) -> O) {
    for_all(case::<3>(), |case| {
        let input = |shape| ints(shape, case.seed, range.0, range.1);
        let exporter = Exporter::new().input("x", input(case.shape), case.axes());
        let inputs = case.shapes().into_iter().map(input).collect();
        check_within(USUAL, &nothing(), exporter, inputs, |_, x| operation(x));
    });
}

/// Checks an operation of two float tensors that may broadcast.
pub(crate) fn binary<O: Outputs + Ports>(range: (f32, f32), operation: impl Fn(Tensor<3>, Tensor<3>) -> O) {
    let strategy = (case::<3>(), proptest::array::uniform3(0..4u8));
    for_all(strategy, |(case, ones)| {
        let second: [usize; 3] = std::array::from_fn(|axis| if ones[axis] == 0 { 1 } else { case.shape[axis] });
        let axes = |shape: [usize; 3]| std::array::from_fn(|at| if shape[at] == 1 { "" } else { case.axes()[at] });
        let make = |shape: [usize; 3], seed| floats(shape, seed, range.0, range.1);
        let exporter = Exporter::new().input("a", make(case.shape, case.seed), axes(case.shape)).input(
            "b",
            make(second, case.seed + 1),
            axes(second),
        );
        let inputs = vec![(make(case.shape, case.seed), make(second, case.seed + 1))];
        check_within(USUAL, &nothing(), exporter, inputs, |_, (a, b)| operation(a, b));
    });
}

/// Checks an operation of two integer tensors of one shape.
pub(crate) fn binary_int<O: Outputs + Ports>(
    range: (i32, i32),
    second: (i32, i32),
    operation: impl Fn(Tensor<3, Int>, Tensor<3, Int>) -> O,
) {
    for_all(case::<3>(), |case| {
        let make = |shape| (ints(shape, case.seed, range.0, range.1), ints(shape, case.seed + 1, second.0, second.1));
        let sample = make(case.shape);
        let exporter = Exporter::new().input("a", sample.0, case.axes()).input("b", sample.1, case.axes());
        let inputs = case.shapes().into_iter().map(make).collect();
        check_within(USUAL, &nothing(), exporter, inputs, |_, (a, b)| operation(a, b));
    });
}
