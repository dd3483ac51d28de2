//! Powers with integer exponents. ONNX Runtime computes integer powers in floating point, which loses digits and does not
//! wrap around; products are exact and wrap around.

use burn::backend::ir::{BinaryOpIr, ScalarOpIr};

use super::blocks::arithmetic::{binary, binary_scalar, operands, scalar_operands};
use super::context::{Context, Lowered};
use crate::element::Element;
use crate::graph::ValueId;

/// The largest exponent that is expanded to products.
const LARGEST: i64 = 64;

/// A power with one exponent; for integers by repeated squaring.
pub(super) fn scalar(cx: &mut Context<'_>, op: &ScalarOpIr) -> Lowered {
    let exponent = op.rhs.elem::<i64>();
    if cx.element(&op.lhs)?.is_float() || !(0..=LARGEST).contains(&exponent) {
        return binary_scalar(cx, "Pow", op);
    }
    let [base, number] = scalar_operands(cx, op)?;
    // An exponent that follows a symbolic axis has another number of products for each size.
    let result =
        if cx.is_constant(number) { product(cx, base, exponent) } else { cx.node("Pow", &[base, number], Vec::new()) };
    cx.bind(&op.out, result)
}

fn product(cx: &mut Context<'_>, base: ValueId, exponent: i64) -> ValueId {
    let bits = (0..i64::BITS - exponent.leading_zeros()).map(|bit| exponent >> bit & 1 == 1);
    let mut power = base;
    let mut result = None;
    for (at, wanted) in bits.enumerate() {
        if at > 0 {
            power = cx.node("Mul", &[power, power], Vec::new());
        }
        if wanted {
            result = Some(result.map_or(power, |result| cx.node("Mul", &[result, power], Vec::new())));
        }
    }
    result.unwrap_or_else(|| {
        let zero = cx.integer(0, base);
        let nothing = cx.node("Mul", &[base, zero], Vec::new());
        let one = cx.integer(1, base);
        cx.node("Add", &[nothing, one], Vec::new())
    })
}

/// A power with an exponent for each element. Integers are exact below 2^53.
pub(super) fn tensor(cx: &mut Context<'_>, op: &BinaryOpIr) -> Lowered {
    if cx.element(&op.lhs)?.is_float() {
        return binary(cx, "Pow", op);
    }
    let [base, exponent] = operands(cx, &op.lhs, &op.rhs)?;
    let wide = [cx.cast(base, Element::I64), cx.cast(exponent, Element::I64)];
    let result = cx.node("Pow", &wide, Vec::new());
    cx.bind(&op.out, result)
}
