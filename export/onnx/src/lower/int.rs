//! Operations on integer tensors.

use burn::backend::ir::{BinaryOpIr, IntOperationIr, ScalarIr, ScalarOpIr, TensorIr, UnaryOpIr};

use super::blocks::arithmetic::matmul;
use super::context::{Context, Lowered, refuse};
use crate::element::Element;
use crate::graph::{ValueId, text};

pub(super) fn lower(cx: &mut Context<'_>, op: &IntOperationIr) -> Lowered {
    use IntOperationIr as Op;
    match op {
        Op::IntoFloat(op) => {
            let input = cx.value(&op.input)?;
            cx.bind(&op.out, input)
        }
        Op::BitwiseAnd(op) => bitwise(cx, "BitwiseAnd", op),
        Op::BitwiseAndScalar(op) => bitwise_scalar(cx, "BitwiseAnd", op),
        Op::BitwiseOr(op) => bitwise(cx, "BitwiseOr", op),
        Op::BitwiseOrScalar(op) => bitwise_scalar(cx, "BitwiseOr", op),
        Op::BitwiseXor(op) => bitwise(cx, "BitwiseXor", op),
        Op::BitwiseXorScalar(op) => bitwise_scalar(cx, "BitwiseXor", op),
        Op::BitwiseNot(op) => not(cx, op),
        Op::BitwiseLeftShift(op) => {
            let (lhs, rhs) = (cx.value(&op.lhs)?, cx.value(&op.rhs)?);
            let count = shift_count(cx, lhs, rhs);
            shift_left(cx, lhs, count, &op.out)
        }
        Op::BitwiseLeftShiftScalar(op) => {
            let lhs = cx.value(&op.lhs)?;
            let count = shift_count_for(cx, lhs, op.rhs);
            shift_left(cx, lhs, count, &op.out)
        }
        Op::BitwiseRightShift(op) => {
            let (lhs, rhs) = (cx.value(&op.lhs)?, cx.value(&op.rhs)?);
            let count = shift_count(cx, lhs, rhs);
            shift_right(cx, lhs, count, &op.out)
        }
        Op::BitwiseRightShiftScalar(op) => {
            let lhs = cx.value(&op.lhs)?;
            let count = shift_count_for(cx, lhs, op.rhs);
            shift_right(cx, lhs, count, &op.out)
        }
        Op::Matmul(op) => matmul(cx, op),
    }
}

fn needs_18(cx: &Context<'_>) -> Lowered {
    if cx.opset() < 18 { refuse("bitwise operators need opset 18") } else { Ok(()) }
}

fn bitwise(cx: &mut Context<'_>, op_type: &'static str, op: &BinaryOpIr) -> Lowered {
    needs_18(cx)?;
    let (lhs, rhs) = (cx.value(&op.lhs)?, cx.value(&op.rhs)?);
    let rhs = cx.cast(rhs, cx.element_of(lhs));
    let result = cx.node(op_type, &[lhs, rhs], Vec::new());
    cx.bind(&op.out, result)
}

fn bitwise_scalar(cx: &mut Context<'_>, op_type: &'static str, op: &ScalarOpIr) -> Lowered {
    needs_18(cx)?;
    let lhs = cx.value(&op.lhs)?;
    let rhs = cx.scalar(op.rhs, cx.element_of(lhs));
    let result = cx.node(op_type, &[lhs, rhs], Vec::new());
    cx.bind(&op.out, result)
}

fn not(cx: &mut Context<'_>, op: &UnaryOpIr) -> Lowered {
    needs_18(cx)?;
    let input = cx.value(&op.input)?;
    let result = cx.node("BitwiseNot", &[input], Vec::new());
    cx.bind(&op.out, result)
}

/// ONNX shifts only unsigned integers; shifted to the left, signed ones have the same bits.
fn shift_left(cx: &mut Context<'_>, lhs: ValueId, count: ValueId, out: &TensorIr) -> Lowered {
    let element = wide(cx.element_of(lhs));
    let operands = [cx.cast(lhs, element), cx.cast(count, element)];
    let shifted = cx.node("BitShift", &operands, vec![text("direction", "LEFT")]);
    cx.bind(out, shifted)
}

/// Shifts to the right with sign extension: a negative number is shifted as its complement.
fn shift_right(cx: &mut Context<'_>, lhs: ValueId, count: ValueId, out: &TensorIr) -> Lowered {
    let signed = cx.element_of(lhs);
    let element = wide(signed);
    let count = cx.cast(count, element);
    let shift = |cx: &mut Context<'_>, value: ValueId| {
        let bits = cx.cast(value, element);
        cx.node("BitShift", &[bits, count], vec![text("direction", "RIGHT")])
    };
    if signed.is_unsigned() {
        let shifted = shift(cx, lhs);
        return cx.bind(out, shifted);
    }
    needs_18(cx)?;
    let zero = cx.integer(0, lhs);
    let negative = cx.typed("Less", &[lhs, zero], Vec::new(), Element::Bool);
    let complement = cx.node("BitwiseNot", &[lhs], Vec::new());
    let magnitude = cx.typed("Where", &[negative, complement, lhs], Vec::new(), signed);
    let shifted = shift(cx, magnitude);
    let shifted = cx.cast(shifted, signed);
    let back = cx.node("BitwiseNot", &[shifted], Vec::new());
    let result = cx.typed("Where", &[negative, back, shifted], Vec::new(), signed);
    cx.bind(out, result)
}

/// The shift count modulo the width of the type, as in burn; ONNX Runtime would shift everything out.
fn shift_count(cx: &mut Context<'_>, lhs: ValueId, count: ValueId) -> ValueId {
    let element = cx.arithmetic(cx.element_of(lhs));
    let count = cx.cast(count, element);
    let width = cx.integer(8 * cx.element_of(lhs).size() as i64, count);
    cx.node("Mod", &[count, width], Vec::new())
}

/// The shift count for a constant.
fn shift_count_for(cx: &mut Context<'_>, lhs: ValueId, count: ScalarIr) -> ValueId {
    let width = 8 * cx.element_of(lhs).size() as i64;
    cx.integer(count.elem::<i64>().rem_euclid(width), lhs)
}

/// The unsigned type for a shift: ONNX Runtime has kernels for 8, 32 and 64 bits.
fn wide(element: Element) -> Element {
    match element.unsigned() {
        Element::U16 => Element::U32,
        other => other,
    }
}
