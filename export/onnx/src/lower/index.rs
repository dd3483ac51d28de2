//! Reading and writing by index tensors.

use burn::backend::ir::{GatherNdOpIr, GatherOpIr, ScatterNdOpIr, ScatterOpIr, SelectAssignOpIr, SelectOpIr, TensorIr};
use burn::tensor::IndexingUpdateOp;

use super::blocks::shape::reshape;
use super::context::{Context, Lowered, Refusal, refuse};
use crate::element::Element;
use crate::graph::{Attributes, ValueId, axis, int, text};
use crate::symbolic::Size;

pub(super) fn select(cx: &mut Context<'_>, op: &SelectOpIr) -> Lowered {
    let (input, indices) = (cx.value(&op.tensor)?, indices(cx, &op.indices)?);
    let selected = cx.node("Gather", &[input, indices], vec![axis(op.dim)]);
    cx.bind(&op.out, selected)
}

pub(super) fn gather(cx: &mut Context<'_>, op: &GatherOpIr) -> Lowered {
    let (input, indices) = (cx.value(&op.tensor)?, indices(cx, &op.indices)?);
    let gathered = cx.node("GatherElements", &[input, indices], vec![axis(op.dim)]);
    cx.bind(&op.out, gathered)
}

pub(super) fn gather_nd(cx: &mut Context<'_>, op: &GatherNdOpIr) -> Lowered {
    let (input, indices) = (cx.value(&op.data)?, indices(cx, &op.indices)?);
    let indices = cx.cast(indices, Element::I64);
    let gathered = cx.node("GatherND", &[input, indices], Vec::new());
    cx.bind(&op.out, gathered)
}

pub(super) fn scatter(cx: &mut Context<'_>, op: &ScatterOpIr) -> Lowered {
    let indices = indices(cx, &op.indices)?;
    let update = Update::new(cx, &op.tensor, &op.value, op.update)?;
    let mut attributes = vec![axis(op.dim)];
    attributes.extend(update.reduction.clone());
    let written = cx.node("ScatterElements", &[update.input, indices, update.value], attributes);
    cx.bind(&op.out, written)
}

/// ONNX Runtime's `ScatterND` loses colliding updates when several threads run; its `ScatterElements` does not. So
/// coordinates become positions in the flattened leading axes, and rows are written there.
pub(super) fn scatter_nd(cx: &mut Context<'_>, op: &ScatterNdOpIr) -> Lowered {
    let coordinates = indices(cx, &op.indices)?;
    let coordinates = cx.cast(coordinates, Element::I64);
    let update = Update::new(cx, &op.data, &op.values, op.reduction)?;
    let shape = cx.shape(&op.data);
    let (rank, at) = (op.indices.shape.num_dims(), cx.shape(&op.indices));
    let Some(depth) = at[rank - 1].fixed() else { return Err(Refusal::Ambiguous) };
    let (leading, rest) = shape.split_at(depth as usize);
    let Some(leading) = leading.iter().map(Size::fixed).collect::<Option<Vec<i64>>>() else {
        return refuse("coordinates along a symbolic axis");
    };
    let strides: Vec<i64> = (0..leading.len()).map(|axis| leading[axis + 1..].iter().product()).collect();
    let strides = cx.vector(&strides);
    let moved = cx.node("Mul", &[coordinates, strides], Vec::new());
    let last = cx.vector(&[-1]);
    let positions = cx.node("ReduceSum", &[moved, last], vec![int("keepdims", 0)]);
    let row = |cx: &mut Context<'_>, value, count: i64, from: &[Size]| flat_rows(cx, value, count, from, rest);
    let data = row(cx, update.input, leading.iter().product(), &shape)?;
    let values = row(cx, update.value, -1, &cx.shape(&op.values))?;
    let one = cx.fixed(1);
    let column: Vec<Size> = std::iter::once(cx.all(-1)).chain(rest.iter().map(|_| one.clone())).collect();
    let column = cx.sizes(&column)?;
    let positions = cx.node("Reshape", &[positions, column], Vec::new());
    let written = write_rows(cx, data, positions, values, 0, update.reduction)?;
    let back = reshape(cx, written, &[], &cx.shape(&op.out))?;
    cx.bind(&op.out, back)
}

/// Merges the leading axes to one of `count` rows.
fn flat_rows(
    cx: &mut Context<'_>,
    value: ValueId,
    count: i64,
    from: &[Size],
    rest: &[Size],
) -> Result<ValueId, Refusal> {
    if from.len() == rest.len() + 1 {
        return Ok(value);
    }
    let sizes: Vec<Size> = std::iter::once(cx.all(count)).chain(rest.iter().cloned()).collect();
    let sizes = cx.sizes(&sizes)?;
    Ok(cx.node("Reshape", &[value, sizes], Vec::new()))
}

/// Writes whole rows.
pub(super) fn select_assign(cx: &mut Context<'_>, op: &SelectAssignOpIr) -> Lowered {
    let indices = indices(cx, &op.indices)?;
    let update = Update::new(cx, &op.tensor, &op.value, op.update)?;
    let one = cx.fixed(1);
    let mut line = vec![one; op.tensor.shape.num_dims()];
    let flat: Vec<Size> = cx.shape(&op.indices);
    line[op.dim].clone_from(&flat[0]);
    let positions = reshape(cx, indices, &flat, &line)?;
    let written = write_rows(cx, update.input, positions, update.value, op.dim, update.reduction)?;
    cx.bind(&op.out, written)
}

/// Writes rows at positions along an axis. The positions are repeated for every element of a row.
fn write_rows(
    cx: &mut Context<'_>,
    data: ValueId,
    positions: ValueId,
    rows: ValueId,
    dim: usize,
    reduction: Attributes,
) -> Result<ValueId, Refusal> {
    let sizes = cx.typed("Shape", &[rows], Vec::new(), Element::I64);
    let positions = cx.node("Expand", &[positions, sizes], Vec::new());
    let mut attributes = vec![axis(dim)];
    attributes.extend(reduction);
    Ok(cx.node("ScatterElements", &[data, positions, rows], attributes))
}

/// An index tensor in a type that ONNX accepts.
fn indices(cx: &mut Context<'_>, tensor: &TensorIr) -> Result<ValueId, Refusal> {
    let value = cx.value(tensor)?;
    let wide = matches!(cx.element_of(value), Element::I32 | Element::I64);
    Ok(if wide { value } else { cx.cast(value, Element::I64) })
}

/// The operands of a scatter, and the operation that combines old and new elements.
struct Update {
    input: ValueId,
    value: ValueId,
    reduction: Attributes,
}

impl Update {
    fn new(
        cx: &mut Context<'_>,
        tensor: &TensorIr,
        value: &TensorIr,
        update: IndexingUpdateOp,
    ) -> Result<Self, Refusal> {
        let (input, value) = (cx.value(tensor)?, cx.value(value)?);
        let element = cx.element_of(input);
        let joined = match update {
            IndexingUpdateOp::Assign => None,
            // burn's "add" of booleans is "or", and so is the addition of integers that are cast back to booleans.
            IndexingUpdateOp::Add => Some("add"),
            IndexingUpdateOp::Mul => Some("mul"),
            IndexingUpdateOp::Min | IndexingUpdateOp::Max if cx.opset() < 18 => {
                return refuse("joining by minimum or maximum needs opset 18");
            }
            IndexingUpdateOp::Min => Some("min"),
            IndexingUpdateOp::Max => Some("max"),
        };
        let element = match joined {
            Some(_) if element == Element::Bool => Element::I32,
            Some(_) => cx.arithmetic(element),
            None => element,
        };
        let reduction = joined.map(|joined| text("reduction", joined)).into_iter().collect();
        Ok(Self { input: cx.cast(input, element), value: cx.cast(value, element), reduction })
    }
}
