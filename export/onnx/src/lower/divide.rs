//! Division and remainder. Integers divide towards zero in burn and in ONNX. Dividing the smallest integer by -1 kills the
//! process, by the processor instruction that ONNX Runtime uses, so that pair must never reach it.

use burn::backend::ir::{BinaryOpIr, ScalarIr, ScalarOpIr, TensorIr};

use super::blocks::arithmetic::{operands, scalar_operands};
use super::context::{Context, Lowered, Refusal};
use crate::element::{Element, narrowed};
use crate::graph::{ValueId, int};

pub(super) fn quotient(cx: &mut Context<'_>, op: &BinaryOpIr) -> Lowered {
    let operands = operands(cx, &op.lhs, &op.rhs)?;
    guarded_quotient(cx, operands, &op.lhs, &op.out)
}

pub(super) fn quotient_scalar(cx: &mut Context<'_>, op: &ScalarOpIr) -> Lowered {
    let [lhs, rhs] = scalar_operands(cx, op)?;
    if !cx.is_constant(rhs) {
        return guarded_quotient(cx, [lhs, rhs], &op.lhs, &op.out);
    }
    if is_minus_one(cx, op)? {
        let negative = cx.node("Neg", &[lhs], Vec::new());
        return cx.bind(&op.out, negative);
    }
    divided(cx, lhs, rhs, &op.out)
}

pub(super) fn remainder(cx: &mut Context<'_>, op: &BinaryOpIr) -> Lowered {
    let operands = operands(cx, &op.lhs, &op.rhs)?;
    guarded_remainder(cx, operands, &op.lhs, &op.out)
}

pub(super) fn remainder_scalar(cx: &mut Context<'_>, op: &ScalarOpIr) -> Lowered {
    let [lhs, rhs] = scalar_operands(cx, op)?;
    if !cx.is_constant(rhs) {
        return guarded_remainder(cx, [lhs, rhs], &op.lhs, &op.out);
    }
    let rhs = if is_minus_one(cx, op)? { cx.integer(1, lhs) } else { rhs };
    modulo(cx, lhs, rhs, &op.out)
}

/// A quotient by a divisor that may be -1 at run time.
fn guarded_quotient(cx: &mut Context<'_>, operands: [ValueId; 2], tensor: &TensorIr, out: &TensorIr) -> Lowered {
    let [lhs, rhs] = widened(cx, operands, tensor)?;
    if !has_widest(cx, tensor)? {
        return divided(cx, lhs, rhs, out);
    }
    let (turned, safe) = guard(cx, rhs);
    let quotient = cx.node("Div", &[lhs, safe], Vec::new());
    let negative = cx.node("Neg", &[lhs], Vec::new());
    let result = cx.typed("Where", &[turned, negative, quotient], Vec::new(), Element::I64);
    cx.bind(out, result)
}

/// A remainder by a divisor that may be -1 at run time. The remainder by 1 equals that by -1.
fn guarded_remainder(cx: &mut Context<'_>, operands: [ValueId; 2], tensor: &TensorIr, out: &TensorIr) -> Lowered {
    let [lhs, rhs] = widened(cx, operands, tensor)?;
    let rhs = if has_widest(cx, tensor)? { guard(cx, rhs).1 } else { rhs };
    modulo(cx, lhs, rhs, out)
}

/// Returns true if the number is the integer -1 in the type of the operand. Another number may wrap around to it, and -1 to
/// the largest unsigned integer.
fn is_minus_one(cx: &Context<'_>, op: &ScalarOpIr) -> Result<bool, Refusal> {
    let element = cx.element(&op.lhs)?;
    Ok(element.bounds().is_some() && matches!(narrowed(op.rhs, element), ScalarIr::Int(-1)))
}

/// Operands in a wider type, in which the dangerous pair cannot occur. Integers of 8 and 16 bits are computed in 32 bits
/// anyway.
fn widened(cx: &mut Context<'_>, operands: [ValueId; 2], tensor: &TensorIr) -> Result<[ValueId; 2], Refusal> {
    let narrow = cx.element(tensor)? == Element::I32;
    Ok(if narrow { operands.map(|operand| cx.cast(operand, Element::I64)) } else { operands })
}

/// Returns true for signed 64-bit integers, which have no wider type.
fn has_widest(cx: &Context<'_>, tensor: &TensorIr) -> Result<bool, Refusal> {
    Ok(cx.element(tensor)? == Element::I64)
}

/// A mask of the divisors that are -1, and the divisors with 1 instead.
fn guard(cx: &mut Context<'_>, rhs: ValueId) -> (ValueId, ValueId) {
    let (minus, one) = (cx.integer(-1, rhs), cx.integer(1, rhs));
    let turned = cx.typed("Equal", &[rhs, minus], Vec::new(), Element::Bool);
    let safe = cx.typed("Where", &[turned, one, rhs], Vec::new(), cx.element_of(rhs));
    (turned, safe)
}

fn divided(cx: &mut Context<'_>, lhs: ValueId, rhs: ValueId, out: &TensorIr) -> Lowered {
    let quotient = cx.node("Div", &[lhs, rhs], Vec::new());
    cx.bind(out, quotient)
}

/// burn's remainder has the sign of the divisor. So has `Mod` for integers; for floats it is C's `fmod`, with the sign of
/// the dividend, so the divisor is added to a remainder of the wrong sign.
fn modulo(cx: &mut Context<'_>, lhs: ValueId, rhs: ValueId, out: &TensorIr) -> Lowered {
    if !cx.element_of(lhs).is_float() {
        let rest = cx.node("Mod", &[lhs, rhs], Vec::new());
        return cx.bind(out, rest);
    }
    let rest = cx.node("Mod", &[lhs, rhs], vec![int("fmod", 1)]);
    let zero = cx.number(0.0, rest);
    let none = cx.typed("Equal", &[rest, zero], Vec::new(), Element::Bool);
    let some = cx.node("Not", &[none], Vec::new());
    let below = cx.typed("Less", &[rest, zero], Vec::new(), Element::Bool);
    let divisor_below = cx.typed("Less", &[rhs, zero], Vec::new(), Element::Bool);
    let other = cx.node("Xor", &[below, divisor_below], Vec::new());
    let wrong = cx.node("And", &[some, other], Vec::new());
    let moved = cx.node("Add", &[rest, rhs], Vec::new());
    let right = cx.typed("Where", &[wrong, moved, rest], Vec::new(), cx.element_of(rest));
    cx.bind(out, right)
}
