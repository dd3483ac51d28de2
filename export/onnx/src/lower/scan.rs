//! Cumulative operations along an axis.

use burn::backend::ir::{DimOpIr, ScalarIr};

use super::context::{Context, Lowered, refuse};
use crate::element::Element;
use crate::graph::{ValueId, text};

pub(super) fn sum(cx: &mut Context<'_>, op: &DimOpIr) -> Lowered {
    scan(cx, op, "CumSum")
}

fn scan(cx: &mut Context<'_>, op: &DimOpIr, op_type: &'static str) -> Lowered {
    let input = cx.value(&op.input)?;
    let input = cx.cast(input, cx.arithmetic(cx.element_of(input)));
    let axis = cx.scalar(ScalarIr::Int(op.axis as i64), Element::I64);
    let result = cx.node(op_type, &[input, axis], Vec::new());
    cx.bind(&op.out, result)
}

/// A cumulative product, minimum or maximum. ONNX has the product from opset 26. The others take `log2(n)` steps: after the
/// step of distance `d`, each element contains the result over the `2 d` elements that end at it (Hillis and Steele 1986).
pub(super) fn doubling(cx: &mut Context<'_>, op: &DimOpIr, join: &'static str) -> Lowered {
    if join == "Mul" && cx.opset() >= 26 {
        return scan(cx, op, "CumProd");
    }
    let Some(size) = cx.shape(&op.input)[op.axis].fixed() else {
        return refuse("a cumulative operation along a symbolic axis takes an unknown number of steps");
    };
    let input = cx.value(&op.input)?;
    let element = cx.arithmetic(cx.element_of(input));
    let mut value = cx.cast(input, element);
    let neutral = neutral(cx, join, value);
    let distances =
        std::iter::successors(Some(1), |distance| Some(distance * 2)).take_while(|distance| *distance < size);
    for distance in distances {
        let shifted = shift(cx, value, neutral, op, distance);
        value = cx.node(join, &[value, shifted], Vec::new());
    }
    if size <= 1 {
        value = cx.node("Identity", &[value], Vec::new());
    }
    cx.bind(&op.out, value)
}

/// Shifts a value by `distance` along the axis and fills the gap.
fn shift(cx: &mut Context<'_>, value: ValueId, fill: ValueId, op: &DimOpIr, distance: i64) -> ValueId {
    let mut pads = vec![0; 2 * op.input.shape.num_dims()];
    pads[op.axis] = distance;
    let pads = cx.vector(&pads);
    let padded = cx.node("Pad", &[value, pads, fill], vec![text("mode", "constant")]);
    let (start, end, axis) = (cx.vector(&[0]), cx.vector(&[-distance]), cx.vector(&[op.axis as i64]));
    cx.node("Slice", &[padded, start, end, axis], Vec::new())
}

fn neutral(cx: &mut Context<'_>, join: &str, like: ValueId) -> ValueId {
    match (join, cx.element_of(like).bounds()) {
        ("Mul", _) => cx.integer(1, like),
        ("Max", None) => cx.number(f64::NEG_INFINITY, like),
        ("Max", Some((low, _))) => cx.integer(low as i64, like),
        (_, None) => cx.number(f64::INFINITY, like),
        // The largest unsigned number has the same bits as -1.
        (_, Some((_, high))) => cx.integer(high as i64, like),
    }
}
