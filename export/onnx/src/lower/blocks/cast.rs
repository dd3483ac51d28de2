//! Conversions between element types.

use burn::backend::ir::CastOpIr;

use crate::element::Element;
use crate::lower::context::{Context, Lowered};

/// A cast. burn saturates at the bounds of an integer type, while ONNX leaves the result undefined. Casts to signed 32 and
/// 64 bits are plain: numbers beyond them are lost in both.
pub(crate) fn cast(cx: &mut Context<'_>, op: &CastOpIr) -> Lowered {
    let mut input = cx.value(&op.input)?;
    let target = cx.element(&op.out)?;
    let bounds = target.bounds().filter(|_| !matches!(target, Element::I32 | Element::I64));
    if let (true, Some((low, high))) = (cx.element_of(input).is_float(), bounds) {
        // A 32-bit float cannot represent every 32-bit integer.
        if target.size() >= 4 {
            input = cx.cast(input, Element::F64);
        }
        let (low, high) = (cx.number(low as f64, input), cx.number(high as f64, input));
        input = cx.node("Clip", &[input, low, high], Vec::new());
    }
    cx.bind(&op.out, input)
}
