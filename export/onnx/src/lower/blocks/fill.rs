//! Tensors filled with one value.

use burn::backend::ir::{ScalarIr, TensorIr};

use crate::element::{Element, scalar_bytes};
use crate::graph::{Constant, ValueId, tensor};
use crate::lower::context::{Context, Lowered, Refusal};

/// The largest number of elements that is written to the file; larger tensors are made at run time.
const SMALL: i64 = 256;

/// Binds a result to a tensor of one value.
pub(crate) fn filled(cx: &mut Context<'_>, out: &TensorIr, value: ScalarIr) -> Lowered {
    let filled = fill(cx, out, value)?;
    cx.bind(out, filled)
}

/// The value of a filled tensor.
pub(crate) fn fill(cx: &mut Context<'_>, out: &TensorIr, value: ScalarIr) -> Result<ValueId, Refusal> {
    fill_as(cx, out, value, cx.element(out)?)
}

/// The value of a filled tensor, in another element type than the result's.
pub(crate) fn fill_as(
    cx: &mut Context<'_>,
    out: &TensorIr,
    value: ScalarIr,
    element: Element,
) -> Result<ValueId, Refusal> {
    let shape = cx.shape(out);
    let count: Option<i64> = shape.iter().map(|size| size.fixed()).product();
    if let Some(count) = count.filter(|count| *count <= SMALL) {
        let dims = shape.iter().filter_map(|size| size.fixed()).map(|size| size as usize).collect();
        let data = scalar_bytes(value, element).repeat(count as usize).into();
        return Ok(cx.constant(Constant { element, dims, data }));
    }
    let sizes = cx.sizes(&shape)?;
    // ONNX fills tensors of bfloat16 from opset 20; a 32-bit float represents each of its numbers.
    let filled = if element == Element::Bf16 && cx.opset() < 20 { Element::F32 } else { element };
    let value = Constant { element: filled, dims: vec![1], data: scalar_bytes(value, filled).into() };
    let result = cx.typed("ConstantOfShape", &[sizes], vec![tensor("value", value)], filled);
    Ok(cx.cast(result, element))
}
