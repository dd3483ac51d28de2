//! Operations on boolean tensors.

use burn::backend::ir::{BinaryOpIr, BoolOperationIr};

use super::context::{Context, Lowered};

pub(super) fn lower(cx: &mut Context<'_>, op: &BoolOperationIr) -> Lowered {
    use BoolOperationIr as Op;
    match op {
        Op::IntoFloat(op) | Op::IntoInt(op) => {
            let input = cx.value(&op.input)?;
            cx.bind(&op.out, input)
        }
        Op::Not(op) => {
            let input = cx.value(&op.input)?;
            let not = cx.node("Not", &[input], Vec::new());
            cx.bind(&op.out, not)
        }
        Op::And(op) => binary(cx, "And", op),
        Op::Or(op) => binary(cx, "Or", op),
        Op::Xor(op) => binary(cx, "Xor", op),
    }
}

fn binary(cx: &mut Context<'_>, op_type: &'static str, op: &BinaryOpIr) -> Lowered {
    let operands = [cx.value(&op.lhs)?, cx.value(&op.rhs)?];
    let result = cx.node(op_type, &operands, Vec::new());
    cx.bind(&op.out, result)
}
