//! Operations on tensors of any kind: shape, selection, comparison, creation.

use burn::backend::ir::{
    BaseOperationIr, BinaryOpIr, CatOpIr, FlipOpIr, RepeatDimOpIr, ScalarOpIr, ShapeOpIr, UnfoldOpIr,
};
use burn::backend::ir::{OperationIr, ReduceDimOpIr, ReduceOpIr, ScalarIr, TensorIr};

use super::blocks::arithmetic::{compare, compare_scalar};
use super::blocks::cast::cast;
use super::blocks::fill::filled;
use super::blocks::recorded::{base_variants, number_of};
use super::blocks::reduce::{Axes, reduce};
use super::blocks::shape::{reshape, transpose};
use super::context::{Context, Lowered, Refusal, refuse};
use super::index;
use super::slice;
use crate::element::Element;
use crate::graph::{Constant, ValueId, axis};
use crate::symbolic::Size;

pub(super) fn lower(cx: &mut Context<'_>, op: &BaseOperationIr) -> Lowered {
    use BaseOperationIr as Op;
    match op {
        Op::Reshape(op) => reshape_op(cx, op),
        Op::SwapDims(op) => {
            let mut order: Vec<usize> = (0..op.input.shape.num_dims()).collect();
            order.swap(op.dim1, op.dim2);
            permute(cx, &op.input, &op.out, order)
        }
        Op::Permute(op) => permute(cx, &op.input, &op.out, op.axes.clone()),
        Op::Flip(op) => flip(cx, op),
        Op::Expand(op) => expand(cx, op),
        Op::Unfold(op) => unfold(cx, op),
        Op::Slice(op) => slice::slice(cx, op),
        Op::SliceAssign(op) => slice::assign(cx, op),
        Op::Select(op) => index::select(cx, op),
        Op::SelectAssign(op) => index::select_assign(cx, op),
        Op::MaskWhere(op) => {
            let (mask, value, tensor) = (cx.value(&op.mask)?, cx.value(&op.value)?, cx.value(&op.tensor)?);
            choose(cx, mask, value, tensor, &op.out)
        }
        Op::MaskFill(op) => {
            let (mask, tensor) = (cx.value(&op.mask)?, cx.value(&op.tensor)?);
            let value = number_of(cx, op.value, cx.element(&op.out)?, filling)?;
            choose(cx, mask, value, tensor, &op.out)
        }
        Op::Gather(op) => index::gather(cx, op),
        Op::Scatter(op) => index::scatter(cx, op),
        Op::ScatterNd(op) => index::scatter_nd(cx, op),
        Op::GatherNd(op) => index::gather_nd(cx, op),
        Op::Equal(op) => compare(cx, "Equal", op),
        Op::EqualElem(op) => compare_scalar(cx, "Equal", op),
        Op::NotEqual(op) => not_equal(cx, op),
        Op::NotEqualElem(op) => not_equal_scalar(cx, op),
        Op::RepeatDim(op) => repeat(cx, op),
        Op::Cat(op) => cat(cx, op),
        Op::Cast(op) => cast(cx, op),
        Op::Empty(op) | Op::Zeros(op) => filled(cx, &op.out, ScalarIr::Int(0)),
        Op::Ones(op) => filled(cx, &op.out, ScalarIr::Int(1)),
        Op::All(op) => truth(cx, "ReduceMin", op),
        Op::Any(op) => truth(cx, "ReduceMax", op),
        Op::AllDim(op) => truth_dim(cx, "ReduceMin", op),
        Op::AnyDim(op) => truth_dim(cx, "ReduceMax", op),
    }
}

/// The number that fills a mask.
fn filling(operation: &OperationIr) -> Option<f64> {
    match operation {
        OperationIr::BaseFloat(BaseOperationIr::MaskFill(op)) | OperationIr::BaseInt(BaseOperationIr::MaskFill(op)) => {
            Some(op.value.elem())
        }
        _ => None,
    }
}

fn reshape_op(cx: &mut Context<'_>, op: &ShapeOpIr) -> Lowered {
    let (from, to) = (cx.shape(&op.input), cx.shape(&op.out));
    let input = cx.value(&op.input)?;
    let reshaped = reshape(cx, input, &from, &to)?;
    cx.bind(&op.out, reshaped)
}

fn permute(cx: &mut Context<'_>, input: &TensorIr, out: &TensorIr, order: Vec<usize>) -> Lowered {
    let input = cx.value(input)?;
    let result = transpose(cx, input, order);
    cx.bind(out, result)
}

fn flip(cx: &mut Context<'_>, op: &FlipOpIr) -> Lowered {
    let input = cx.value(&op.input)?;
    let count = op.axes.len();
    let axes: Vec<i64> = op.axes.iter().map(|axis| *axis as i64).collect();
    let operands = [vec![-1; count], vec![i64::MIN; count], axes, vec![-1; count]];
    let operands = operands.map(|operand| cx.vector(&operand));
    let flipped = cx.node("Slice", &[input, operands[0], operands[1], operands[2], operands[3]], Vec::new());
    cx.bind(&op.out, flipped)
}

fn expand(cx: &mut Context<'_>, op: &ShapeOpIr) -> Lowered {
    let (from, to) = (cx.shape(&op.input), cx.shape(&op.out));
    let input = cx.value(&op.input)?;
    let added = to.len() - from.len();
    // An unchanged size is written as 1: ONNX broadcasts both ways, so it need not be read from the graph.
    let kept = |position: usize| position >= added && from[position - added] == to[position];
    let one = cx.fixed(1);
    let sizes: Vec<Size> = (0..to.len()).map(|at| if kept(at) { one.clone() } else { to[at].clone() }).collect();
    let sizes = cx.sizes(&sizes)?;
    let expanded = cx.node("Expand", &[input, sizes], Vec::new());
    cx.bind(&op.out, expanded)
}

/// Sliding windows along one axis, as the last axis of the result.
fn unfold(cx: &mut Context<'_>, op: &UnfoldOpIr) -> Lowered {
    let input = cx.value(&op.input)?;
    let Some(windows) = cx.shape(&op.out)[op.dim].fixed() else {
        return refuse("windows over a symbolic axis have no fixed count");
    };
    let start = |window: i64| (0..op.size as i64).map(move |offset| window * op.step as i64 + offset);
    let indices: Vec<i64> = (0..windows).flat_map(start).collect();
    let indices = cx.constant(Constant { dims: vec![windows as usize, op.size], ..Constant::vector(&indices) });
    let gathered = cx.node("Gather", &[input, indices], vec![axis(op.dim)]);
    let rank = op.input.shape.num_dims();
    let mut order: Vec<usize> = (0..=rank).collect();
    let window = order.remove(op.dim + 1);
    order.push(window);
    let result = transpose(cx, gathered, order);
    cx.bind(&op.out, result)
}

/// `mask ? yes : no`, in a type for which ONNX Runtime has a kernel.
pub(super) fn choose(cx: &mut Context<'_>, mask: ValueId, yes: ValueId, no: ValueId, out: &TensorIr) -> Lowered {
    let element = cx.element(out)?;
    let element = match element {
        // ONNX Runtime has no `Where` of booleans; their bytes do.
        Element::Bool | Element::U8 => Element::U8,
        other => cx.arithmetic(other),
    };
    let mask = cx.cast(mask, Element::Bool);
    let (yes, no) = (cx.cast(yes, element), cx.cast(no, element));
    let chosen = cx.typed("Where", &[mask, yes, no], Vec::new(), element);
    cx.bind(out, chosen)
}

fn not_equal(cx: &mut Context<'_>, op: &BinaryOpIr) -> Lowered {
    compare(cx, "Equal", op)?;
    negate_bound(cx, &op.out)
}

fn not_equal_scalar(cx: &mut Context<'_>, op: &ScalarOpIr) -> Lowered {
    compare_scalar(cx, "Equal", op)?;
    negate_bound(cx, &op.out)
}

fn negate_bound(cx: &mut Context<'_>, out: &TensorIr) -> Lowered {
    let value = cx.value(out)?;
    let not = cx.node("Not", &[value], Vec::new());
    cx.bind(out, not)
}

fn repeat(cx: &mut Context<'_>, op: &RepeatDimOpIr) -> Lowered {
    let input = cx.value(&op.tensor)?;
    let times = Size(
        base_variants(cx)
            .filter_map(|one| if let BaseOperationIr::RepeatDim(op) = one { Some(op.times as i64) } else { None })
            .collect(),
    );
    let one = cx.fixed(1);
    let repeats: Vec<Size> =
        (0..op.tensor.shape.num_dims()).map(|at| if at == op.dim { times.clone() } else { one.clone() }).collect();
    let repeats = cx.sizes(&repeats)?;
    let tiled = cx.node("Tile", &[input, repeats], Vec::new());
    cx.bind(&op.out, tiled)
}

fn cat(cx: &mut Context<'_>, op: &CatOpIr) -> Lowered {
    let element = cx.element(&op.out)?;
    let mut parts = Vec::new();
    for tensor in &op.tensors {
        let part = cx.value(tensor)?;
        parts.push(cx.cast(part, element));
    }
    let joined = if let [one] = parts.as_slice() { *one } else { cx.node("Concat", &parts, vec![axis(op.dim)]) };
    cx.bind(&op.out, joined)
}

/// Tests for all or any true elements. ONNX reduces booleans only from opset 20, so they are reduced as integers.
fn truth(cx: &mut Context<'_>, op_type: &'static str, op: &ReduceOpIr) -> Lowered {
    let flags = flags(cx, &op.input)?;
    let reduced = reduce(cx, op_type, flags, Axes::All { rank: op.input.shape.num_dims() })?;
    is_one(cx, reduced, &op.out)
}

fn truth_dim(cx: &mut Context<'_>, op_type: &'static str, op: &ReduceDimOpIr) -> Lowered {
    let flags = flags(cx, &op.input)?;
    let reduced = reduce(cx, op_type, flags, Axes::Kept(vec![op.axis]))?;
    is_one(cx, reduced, &op.out)
}

/// The maximum of no elements is the smallest number of the type, so the result is false.
fn is_one(cx: &mut Context<'_>, reduced: ValueId, out: &TensorIr) -> Lowered {
    let zero = cx.integer(0, reduced);
    let truth = cx.typed("Greater", &[reduced, zero], Vec::new(), Element::Bool);
    cx.bind(out, truth)
}

fn flags(cx: &mut Context<'_>, input: &TensorIr) -> Result<ValueId, Refusal> {
    let input = cx.value(input)?;
    let flags = cx.cast(input, Element::Bool);
    Ok(cx.cast(flags, Element::I32))
}
