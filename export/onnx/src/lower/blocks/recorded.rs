//! Options of the operation being lowered, in every recording.

use burn::backend::ir::{BaseOperationIr, OperationIr, ScalarIr};

use crate::element::Element;
use crate::graph::ValueId;
use crate::lower::context::{Context, Refusal};

/// The operation being lowered, in every recording, base first.
pub(crate) fn base_variants<'a>(cx: &Context<'a>) -> impl Iterator<Item = &'a BaseOperationIr> + use<'a> {
    cx.trace.variants(cx.index()).filter_map(|one| match one {
        OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) | OperationIr::BaseBool(op) => Some(op),
        _ => None,
    })
}

/// A number of the operation being lowered. `read` extracts it from every recording.
pub(crate) fn number_of(
    cx: &mut Context<'_>,
    base: ScalarIr,
    element: Element,
    read: fn(&OperationIr) -> Option<f64>,
) -> Result<ValueId, Refusal> {
    let numbers: Vec<f64> = cx.trace.variants(cx.index()).filter_map(read).collect();
    let first = numbers.first().map(|number| number.to_bits());
    if numbers.iter().all(|number| Some(number.to_bits()) == first) {
        return Ok(cx.scalar(base, element));
    }
    cx.varying(&numbers, element)
}
