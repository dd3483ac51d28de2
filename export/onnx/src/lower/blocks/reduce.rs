//! Reductions of a value. ONNX takes the axes as an input or an attribute, depending on the opset.

use crate::graph::{ValueId, int, ints};
use crate::lower::context::{Context, Refusal};

/// The axes to reduce.
pub(crate) enum Axes {
    /// All axes, to a tensor of shape `[1]`.
    All { rank: usize },
    /// These axes, each kept with size one.
    Kept(Vec<usize>),
}

/// Reduces a value without changing its type.
pub(crate) fn reduce(cx: &mut Context<'_>, op: &'static str, input: ValueId, axes: Axes) -> Result<ValueId, Refusal> {
    match axes {
        Axes::Kept(axes) => Ok(reduce_axes(cx, op, input, &axes)),
        Axes::All { rank: 1 } => Ok(reduce_axes(cx, op, input, &[0])),
        Axes::All { .. } => {
            let scalar = cx.node(op, &[input], vec![int("keepdims", 0)]);
            let one = cx.vector(&[1]);
            Ok(cx.node("Reshape", &[scalar, one], Vec::new()))
        }
    }
}

/// Reduces axes, each kept with size one.
pub(crate) fn reduce_axes(cx: &mut Context<'_>, op: &'static str, input: ValueId, axes: &[usize]) -> ValueId {
    if axes.is_empty() {
        // ONNX would reduce all axes.
        return input;
    }
    // ReduceSum takes its axes as an input since opset 13, the others since 18.
    if op == "ReduceSum" || cx.opset() >= 18 {
        let axes: Vec<i64> = axes.iter().map(|axis| *axis as i64).collect();
        let axes = cx.vector(&axes);
        return cx.node(op, &[input, axes], vec![int("keepdims", 1)]);
    }
    cx.node(op, &[input], vec![ints("axes", axes.iter().copied()), int("keepdims", 1)])
}
