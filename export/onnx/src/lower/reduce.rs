//! Reductions of tensors.

use burn::backend::ir::{ReduceDimOpIr, ReduceDimWithIndicesOpIr, ReduceDimsOpIr, ReduceOpIr, TensorIr};

use super::blocks::reduce::{Axes, reduce, reduce_axes};
use super::blocks::shape::reshape;
use super::context::{Context, Lowered, Refusal};
use crate::element::Element;
use crate::graph::{ValueId, axis, int};

/// A reduction of the whole tensor.
pub(super) fn all(cx: &mut Context<'_>, op_type: &'static str, op: &ReduceOpIr) -> Lowered {
    let input = summand(cx, &op.input, op_type)?;
    let reduced = reduce(cx, op_type, input, Axes::All { rank: op.input.shape.num_dims() })?;
    cx.bind(&op.out, reduced)
}

/// A reduction of one axis.
pub(super) fn dim(cx: &mut Context<'_>, op_type: &'static str, op: &ReduceDimOpIr) -> Lowered {
    let input = summand(cx, &op.input, op_type)?;
    let reduced = reduce_axes(cx, op_type, input, &[op.axis]);
    cx.bind(&op.out, reduced)
}

/// A sum over several axes.
pub(super) fn dims(cx: &mut Context<'_>, op_type: &'static str, op: &ReduceDimsOpIr) -> Lowered {
    let input = summand(cx, &op.input, op_type)?;
    let reduced = reduce_axes(cx, op_type, input, &op.axes);
    cx.bind(&op.out, reduced)
}

/// The mean of the whole tensor. For integers it is burn's sum divided by the count and rounded to zero, which differs from
/// ONNX Runtime's `ReduceMean` for some types.
pub(super) fn mean_all(cx: &mut Context<'_>, op: &ReduceOpIr) -> Lowered {
    if cx.element(&op.input)?.is_float() {
        return all(cx, "ReduceMean", op);
    }
    let input = summand(cx, &op.input, "ReduceSum")?;
    let sum = reduce(cx, "ReduceSum", input, Axes::All { rank: op.input.shape.num_dims() })?;
    let sum = wrapped(cx, sum, &op.input)?;
    let count = cx.typed("Size", &[input], Vec::new(), Element::I64);
    let count = cx.cast(count, cx.element_of(sum));
    let mean = cx.node("Div", &[sum, count], Vec::new());
    cx.bind(&op.out, mean)
}

/// The mean along one axis.
pub(super) fn mean_dim(cx: &mut Context<'_>, op: &ReduceDimOpIr) -> Lowered {
    if cx.element(&op.input)?.is_float() {
        return dim(cx, "ReduceMean", op);
    }
    let input = summand(cx, &op.input, "ReduceSum")?;
    let sum = reduce_axes(cx, "ReduceSum", input, &[op.axis]);
    let sum = wrapped(cx, sum, &op.input)?;
    let size = cx.shape(&op.input)[op.axis].clone();
    let count = cx.size(&size)?;
    let count = cx.cast(count, cx.element_of(sum));
    let mean = cx.node("Div", &[sum, count], Vec::new());
    cx.bind(&op.out, mean)
}

/// The largest magnitude.
pub(super) fn max_abs(cx: &mut Context<'_>, op: &ReduceOpIr) -> Lowered {
    let input = operand(cx, &op.input)?;
    let magnitude = cx.node("Abs", &[input], Vec::new());
    let reduced = reduce(cx, "ReduceMax", magnitude, Axes::All { rank: op.input.shape.num_dims() })?;
    cx.bind(&op.out, reduced)
}

/// The largest magnitude along one axis.
pub(super) fn max_abs_dim(cx: &mut Context<'_>, op: &ReduceDimOpIr) -> Lowered {
    let input = operand(cx, &op.input)?;
    let magnitude = cx.node("Abs", &[input], Vec::new());
    let reduced = reduce_axes(cx, "ReduceMax", magnitude, &[op.axis]);
    cx.bind(&op.out, reduced)
}

/// The position of the extreme. Among equal elements, burn and ONNX return the first.
pub(super) fn arg(cx: &mut Context<'_>, op_type: &'static str, op: &ReduceDimOpIr) -> Lowered {
    let input = operand(cx, &op.input)?;
    let found = cx.typed(op_type, &[input], vec![axis(op.axis), int("keepdims", 1)], Element::I64);
    cx.bind(&op.out, found)
}

/// The extreme and its position.
pub(super) fn with_indices(cx: &mut Context<'_>, ops: [&'static str; 2], op: &ReduceDimWithIndicesOpIr) -> Lowered {
    let input = operand(cx, &op.tensor)?;
    let found = cx.typed(ops[1], &[input], vec![axis(op.dim), int("keepdims", 1)], Element::I64);
    let extreme = reduce_axes(cx, ops[0], input, &[op.dim]);
    cx.bind(&op.out_indices, found)?;
    cx.bind(&op.out, extreme)
}

/// The operand in a type that ONNX Runtime can reduce.
fn operand(cx: &mut Context<'_>, tensor: &TensorIr) -> Result<ValueId, Refusal> {
    let value = cx.value(tensor)?;
    Ok(cx.cast(value, cx.arithmetic(cx.element_of(value))))
}

/// The operand of a sum, or of a product along a symbolic axis. Integers of up to 32 bits become 64 bits, since ONNX Runtime
/// saturates where burn wraps around. With 64 bits, the result is exact below 2^53.
fn summand(cx: &mut Context<'_>, tensor: &TensorIr, op: &str) -> Result<ValueId, Refusal> {
    let value = operand(cx, tensor)?;
    let narrow = cx.element_of(value) == Element::I32;
    Ok(if narrow && matches!(op, "ReduceSum" | "ReduceProd") { cx.cast(value, Element::I64) } else { value })
}

/// A sum wrapped around to the type of `tensor`: burn's mean of integers divides such a sum.
fn wrapped(cx: &mut Context<'_>, sum: ValueId, tensor: &TensorIr) -> Result<ValueId, Refusal> {
    let (own, wide) = (cx.element(tensor)?, cx.element_of(sum));
    let narrow = cx.cast(sum, own);
    Ok(cx.cast(narrow, wide))
}

/// The product of the whole tensor.
pub(super) fn product_all(cx: &mut Context<'_>, op: &ReduceOpIr) -> Lowered {
    let shape = cx.shape(&op.input);
    let count: Option<i64> = shape.iter().map(|size| size.fixed()).product();
    let Some(count) = count.filter(|_| !is_float(cx, &op.input)) else { return all(cx, "ReduceProd", op) };
    let input = operand(cx, &op.input)?;
    let flat = reshape(cx, input, &shape, &[cx.all(count)])?;
    let result = halved(cx, flat, 0, count);
    cx.bind(&op.out, result)
}

/// The product along one axis.
pub(super) fn product_dim(cx: &mut Context<'_>, op: &ReduceDimOpIr) -> Lowered {
    let size = cx.shape(&op.input)[op.axis].fixed();
    let Some(size) = size.filter(|_| !is_float(cx, &op.input)) else { return dim(cx, "ReduceProd", op) };
    let input = operand(cx, &op.input)?;
    let result = halved(cx, input, op.axis, size);
    cx.bind(&op.out, result)
}

fn is_float(cx: &Context<'_>, tensor: &TensorIr) -> bool {
    cx.element(tensor).is_ok_and(Element::is_float)
}

/// ONNX Runtime multiplies integers as floating-point numbers, which loses digits and does not wrap around. Multiplying one
/// half with the other is exact and wraps around; it takes `log2(n)` steps.
fn halved(cx: &mut Context<'_>, mut value: ValueId, along: usize, mut size: i64) -> ValueId {
    if size == 0 {
        return reduce_axes(cx, "ReduceProd", value, &[along]);
    }
    let at = cx.vector(&[along as i64]);
    let part = |cx: &mut Context<'_>, value, start: i64, end: i64| {
        let (start, end) = (cx.vector(&[start]), cx.vector(&[end]));
        cx.node("Slice", &[value, start, end, at], Vec::new())
    };
    while size > 1 {
        let half = size / 2;
        let (first, second) = (part(cx, value, 0, half), part(cx, value, half, 2 * half));
        let mut product = cx.node("Mul", &[first, second], Vec::new());
        if size % 2 == 1 {
            let rest = part(cx, value, size - 1, size);
            product = cx.node("Concat", &[product, rest], vec![axis(along)]);
        }
        (value, size) = (product, half + size % 2);
    }
    value
}
