//! Reading and writing by index tensors.

use burn::backend::ir::{GatherNdOpIr, GatherOpIr, ScatterNdOpIr, ScatterOpIr, SelectAssignOpIr, SelectOpIr, TensorIr};
use burn::tensor::IndexingUpdateOp;

use super::base::transpose;
use super::{Context, Lowered, Refusal, axis, refuse, text};
use crate::graph::{Attributes, ValueId};
use crate::onnx::Element;
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

pub(super) fn scatter_nd(cx: &mut Context<'_>, op: &ScatterNdOpIr) -> Lowered {
    let indices = indices(cx, &op.indices)?;
    let indices = cx.cast(indices, Element::I64);
    let update = Update::new(cx, &op.data, &op.values, op.reduction)?;
    let written = cx.node("ScatterND", &[update.input, indices, update.value], update.reduction);
    cx.bind(&op.out, written)
}

/// Writes whole rows: the axis goes to the front, where `ScatterND` writes rows.
pub(super) fn select_assign(cx: &mut Context<'_>, op: &SelectAssignOpIr) -> Lowered {
    let indices = indices(cx, &op.indices)?;
    let indices = cx.cast(indices, Element::I64);
    let flat: Vec<Size> = cx.shape(&op.indices);
    let column: Vec<Size> = flat.iter().cloned().chain([cx.fixed(1)]).collect();
    let indices = super::base::reshape(cx, indices, &flat, &column)?;
    let update = Update::new(cx, &op.tensor, &op.value, op.update)?;
    let mut order: Vec<usize> = (0..op.tensor.shape.num_dims()).collect();
    order.swap(0, op.dim);
    let input = transpose(cx, update.input, order.clone());
    let value = transpose(cx, update.value, order.clone());
    let written = cx.node("ScatterND", &[input, indices, value], update.reduction);
    let written = transpose(cx, written, order);
    cx.bind(&op.out, written)
}

/// Index tensors as ONNX takes them.
fn indices(cx: &mut Context<'_>, tensor: &TensorIr) -> Result<ValueId, Refusal> {
    let value = cx.value(tensor)?;
    let wide = matches!(cx.element_of(value), Element::I32 | Element::I64);
    Ok(if wide { value } else { cx.cast(value, Element::I64) })
}

/// The operands of a scatter and how it joins old and new.
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
            // burn's "add" of booleans is "or"; as integers, which then become booleans again, adding is just that.
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
