//! Element-wise operations, comparisons and matrix products, in types for which ONNX Runtime has kernels.

use burn::backend::ir::{
    BaseOperationIr, BinaryOpIr, FloatOperationIr, MatmulOpIr, NumericOperationIr, OperationIr, ScalarOpIr, TensorIr,
    UnaryOpIr,
};

use super::double;
use super::recorded::number_of;
use crate::element::{Element, narrowed};
use crate::graph::ValueId;
use crate::lower::context::{Context, Lowered, Refusal};

/// Both operands in the type of the computation, which follows the left one. burn allows operands of two integer types,
/// since the recording device and other devices have different default types.
pub(crate) fn operands(cx: &mut Context<'_>, lhs: &TensorIr, rhs: &TensorIr) -> Result<[ValueId; 2], Refusal> {
    let (left, right) = (cx.value(lhs)?, cx.value(rhs)?);
    let element = cx.arithmetic(cx.element_of(left));
    Ok([cx.cast(left, element), cx.cast(right, element)])
}

/// The operand and the number of an operation, in the type of the computation.
pub(crate) fn scalar_operands(cx: &mut Context<'_>, op: &ScalarOpIr) -> Result<[ValueId; 2], Refusal> {
    let left = cx.value(&op.lhs)?;
    let element = cx.arithmetic(cx.element_of(left));
    let left = cx.cast(left, element);
    let right = scalar(cx, op, element)?;
    Ok([left, right])
}

/// The operation's number. A size that follows a symbolic axis is read from the graph.
fn scalar(cx: &mut Context<'_>, op: &ScalarOpIr, element: Element) -> Result<ValueId, Refusal> {
    // burn converts the number to the tensor's type before it computes.
    number_of(cx, narrowed(op.rhs, cx.element(&op.lhs)?), element, number)
}

/// The number of an operation of a tensor and a number.
fn number(operation: &OperationIr) -> Option<f64> {
    use BaseOperationIr as Base;
    use NumericOperationIr as Numeric;
    let op = match operation {
        OperationIr::BaseFloat(Base::EqualElem(op) | Base::NotEqualElem(op)) => op,
        OperationIr::BaseInt(Base::EqualElem(op) | Base::NotEqualElem(op)) => op,
        OperationIr::BaseBool(Base::EqualElem(op) | Base::NotEqualElem(op)) => op,
        OperationIr::Float(_, FloatOperationIr::PowfScalar(op)) => op,
        OperationIr::NumericFloat(_, op) | OperationIr::NumericInt(_, op) => match op {
            Numeric::AddScalar(op) | Numeric::SubScalar(op) | Numeric::MulScalar(op) | Numeric::DivScalar(op) => op,
            Numeric::RemScalar(op) | Numeric::PowiScalar(op) | Numeric::GreaterElem(op) => op,
            Numeric::GreaterEqualElem(op) | Numeric::LowerElem(op) | Numeric::LowerEqualElem(op) => op,
            _ => return None,
        },
        _ => return None,
    };
    Some(op.rhs.elem())
}

/// An operation of one operand.
pub(crate) fn unary(cx: &mut Context<'_>, op_type: &'static str, op: &UnaryOpIr) -> Lowered {
    let input = cx.value(&op.input)?;
    let input = cx.cast(input, cx.arithmetic(cx.element_of(input)));
    let double = if cx.element_of(input) == Element::F64 { double::function(cx, op_type, input) } else { None };
    let result = double.unwrap_or_else(|| cx.node(op_type, &[input], Vec::new()));
    cx.bind(&op.out, result)
}

/// An operation of two tensors.
pub(crate) fn binary(cx: &mut Context<'_>, op_type: &'static str, op: &BinaryOpIr) -> Lowered {
    let operands = operands(cx, &op.lhs, &op.rhs)?;
    let result = cx.node(op_type, &operands, Vec::new());
    cx.bind(&op.out, result)
}

/// An operation of a tensor and a number.
pub(crate) fn binary_scalar(cx: &mut Context<'_>, op_type: &'static str, op: &ScalarOpIr) -> Lowered {
    let operands = scalar_operands(cx, op)?;
    let result = cx.node(op_type, &operands, Vec::new());
    cx.bind(&op.out, result)
}

/// A comparison of two tensors.
pub(crate) fn compare(cx: &mut Context<'_>, op_type: &'static str, op: &BinaryOpIr) -> Lowered {
    let operands = operands(cx, &op.lhs, &op.rhs)?;
    let result = cx.typed(op_type, &operands, Vec::new(), Element::Bool);
    cx.bind(&op.out, result)
}

/// A comparison of a tensor and a number.
pub(crate) fn compare_scalar(cx: &mut Context<'_>, op_type: &'static str, op: &ScalarOpIr) -> Lowered {
    let operands = scalar_operands(cx, op)?;
    let result = cx.typed(op_type, &operands, Vec::new(), Element::Bool);
    cx.bind(&op.out, result)
}

/// A matrix product of floats or integers.
pub(crate) fn matmul(cx: &mut Context<'_>, op: &MatmulOpIr) -> Lowered {
    let (lhs, rhs) = (cx.value(&op.lhs)?, cx.value(&op.rhs)?);
    let element = cx.arithmetic(cx.element_of(lhs));
    let operands = [cx.cast(lhs, element), cx.cast(rhs, element)];
    let product = cx.node("MatMul", &operands, Vec::new());
    cx.bind(&op.out, product)
}
