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
    let bytes = scalar_bytes(value, element);
    let count: Option<i64> = shape.iter().map(|size| size.fixed()).product();
    if let Some(count) = count.filter(|count| *count <= SMALL) {
        let dims = shape.iter().filter_map(|size| size.fixed()).map(|size| size as usize).collect();
        return Ok(cx.constant(Constant { element, dims, data: bytes.repeat(count as usize).into() }));
    }
    let sizes = cx.sizes(&shape)?;
    let value = Constant { element, dims: vec![1], data: bytes.into() };
    Ok(cx.typed("ConstantOfShape", &[sizes], vec![tensor("value", value)], element))
}
