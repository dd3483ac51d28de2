//! Tensors without operands: filled with one value, or random.

use burn::backend::ir::{FullOpIr, NumericOperationIr, OperationIr, RandomOpIr, ScalarIr};
use burn::tensor::Distribution;

use super::blocks::fill::{fill, fill_as, filled};
use super::blocks::recorded::number_of;
use super::context::{Context, Lowered, refuse};
use crate::element::Element;
use crate::graph::{Attributes, ValueId, float, to};

/// A tensor of one value, which may follow a symbolic axis.
pub(super) fn full(cx: &mut Context<'_>, op: &FullOpIr) -> Lowered {
    let value = number_of(cx, op.value, cx.element(&op.out)?, value_of)?;
    if cx.is_constant(value) {
        return filled(cx, &op.out, op.value);
    }
    let sizes = cx.sizes(&cx.shape(&op.out))?;
    let full = cx.node("Expand", &[value, sizes], Vec::new());
    cx.bind(&op.out, full)
}

fn value_of(operation: &OperationIr) -> Option<f64> {
    use NumericOperationIr as Op;
    match operation {
        OperationIr::NumericFloat(_, Op::Full(op)) | OperationIr::NumericInt(_, Op::Full(op)) => Some(op.value.elem()),
        _ => None,
    }
}

/// Random numbers, if the user allows a model that gives another result each time.
pub(super) fn random(cx: &mut Context<'_>, op: &RandomOpIr) -> Lowered {
    if !cx.allow_random() {
        return refuse(
            "it draws random numbers, so no two runs would agree; pass noise as an input, or allow it with `allow_random`",
        );
    }
    if cx.opset() > 21 {
        return refuse("ONNX Runtime draws random numbers up to opset 21 only; choose that or an earlier one");
    }
    let element = cx.element(&op.out)?;
    if !element.is_float() {
        return random_integers(cx, op, element);
    }
    let like = fill(cx, &op.out, ScalarIr::Int(0))?;
    let drawn = match op.distribution {
        Distribution::Default => uniform(cx, like, 0.0, 1.0, element),
        Distribution::Uniform(low, high) => uniform(cx, like, low, high, element),
        Distribution::Normal(mean, deviation) => {
            let attributes = vec![to(element), float("mean", mean as f32), float("scale", deviation as f32)];
            cx.typed("RandomNormalLike", &[like], renamed(attributes), element)
        }
        Distribution::Bernoulli(probability) => {
            let level = cx.number(probability, like);
            let level = cx.node("Add", &[like, level], Vec::new());
            cx.typed("Bernoulli", &[level], renamed(vec![to(element)]), element)
        }
    };
    cx.bind(&op.out, drawn)
}

/// ONNX draws only floats. Integers are drawn as 64-bit floats and rounded down.
fn random_integers(cx: &mut Context<'_>, op: &RandomOpIr, element: Element) -> Lowered {
    let like = fill_as(cx, &op.out, ScalarIr::Int(0), Element::F64)?;
    let drawn = match op.distribution {
        Distribution::Bernoulli(probability) => {
            let level = cx.number(probability, like);
            let level = cx.node("Add", &[like, level], Vec::new());
            cx.typed("Bernoulli", &[level], renamed(vec![to(Element::F64)]), Element::F64)
        }
        Distribution::Normal(mean, deviation) => {
            let attributes = vec![to(Element::F64), float("mean", mean as f32), float("scale", deviation as f32)];
            cx.typed("RandomNormalLike", &[like], renamed(attributes), Element::F64)
        }
        Distribution::Uniform(low, high) => integer_uniform(cx, like, low.trunc(), high.trunc()),
        Distribution::Default => {
            let bits = 8 * element.size() as i32;
            let (low, high) = if element.is_unsigned() { (0, bits) } else { (bits - 1, bits - 1) };
            let low = if low == 0 { 0.0 } else { -(2f64.powi(low)) };
            integer_uniform(cx, like, low, 2f64.powi(high))
        }
    };
    cx.bind(&op.out, drawn)
}

/// Integers in `low..high`. The operator's bounds are 32-bit floats, so numbers are scaled to the range afterwards.
fn integer_uniform(cx: &mut Context<'_>, like: ValueId, low: f64, high: f64) -> ValueId {
    let drawn = uniform(cx, like, 0.0, 1.0, Element::F64);
    let (range, start) = (cx.number(high - low, like), cx.number(low, like));
    let scaled = cx.node("Mul", &[drawn, range], Vec::new());
    let floor = cx.node("Floor", &[scaled], Vec::new());
    cx.node("Add", &[floor, start], Vec::new())
}

fn uniform(cx: &mut Context<'_>, like: ValueId, low: f64, high: f64, element: Element) -> ValueId {
    let attributes = vec![to(element), float("low", low as f32), float("high", high as f32)];
    cx.typed("RandomUniformLike", &[like], renamed(attributes), element)
}

/// Renames `to` to `dtype`, the name in random operators.
fn renamed(mut attributes: Attributes) -> Attributes {
    attributes.iter_mut().filter(|(name, _)| *name == "to").for_each(|(name, _)| *name = "dtype");
    attributes
}
