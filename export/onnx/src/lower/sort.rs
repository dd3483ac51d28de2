//! Sorting and the largest elements, both by ONNX's `TopK`.

use burn::backend::ir::{ReduceDimOpIr, SortOpIr, SortWithIndicesOpIr, TensorIr, TopKWithIndicesOpIr};

use super::context::{Context, Lowered, Refusal};
use crate::element::Element;
use crate::graph::{ValueId, axis, int};
use crate::symbolic::Size;

pub(super) fn top_k(cx: &mut Context<'_>, op: &ReduceDimOpIr) -> Lowered {
    let count = cx.shape(&op.out)[op.axis].clone();
    let [values, _] = ordered(cx, &op.input, op.axis, &count, true)?;
    cx.bind(&op.out, values)
}

pub(super) fn arg_top_k(cx: &mut Context<'_>, op: &ReduceDimOpIr) -> Lowered {
    let count = cx.shape(&op.out)[op.axis].clone();
    let [_, indices] = ordered(cx, &op.input, op.axis, &count, true)?;
    cx.bind(&op.out, indices)
}

pub(super) fn top_k_with_indices(cx: &mut Context<'_>, op: &TopKWithIndicesOpIr) -> Lowered {
    let count = cx.shape(&op.out)[op.dim].clone();
    let [values, indices] = ordered(cx, &op.tensor, op.dim, &count, true)?;
    cx.bind(&op.out, values)?;
    cx.bind(&op.out_indices, indices)
}

pub(super) fn sort(cx: &mut Context<'_>, op: &SortOpIr) -> Lowered {
    let [values, _] = sorted(cx, &op.input, op.dim, op.descending)?;
    cx.bind(&op.out, values)
}

pub(super) fn arg_sort(cx: &mut Context<'_>, op: &SortOpIr) -> Lowered {
    let [_, indices] = sorted(cx, &op.input, op.dim, op.descending)?;
    cx.bind(&op.out, indices)
}

pub(super) fn sort_with_indices(cx: &mut Context<'_>, op: &SortWithIndicesOpIr) -> Lowered {
    let [values, indices] = sorted(cx, &op.input, op.dim, op.descending)?;
    cx.bind(&op.out, values)?;
    cx.bind(&op.out_indices, indices)
}

fn sorted(cx: &mut Context<'_>, input: &TensorIr, dim: usize, descending: bool) -> Result<[ValueId; 2], Refusal> {
    let count = cx.shape(input)[dim].clone();
    ordered(cx, input, dim, &count, descending)
}

/// The first `count` elements in order, and their positions.
fn ordered(
    cx: &mut Context<'_>,
    input: &TensorIr,
    dim: usize,
    count: &Size,
    largest: bool,
) -> Result<[ValueId; 2], Refusal> {
    let input = cx.value(input)?;
    let element = cx.arithmetic(cx.element_of(input));
    let input = cx.cast(input, element);
    let count = cx.size(count)?;
    let order = vec![axis(dim), int("largest", i64::from(largest)), int("sorted", 1)];
    let results = cx.several("TopK", vec![Some(input), Some(count)], order, &[element, Element::I64]);
    Ok([results[0], results[1]])
}
