//! Reshapes and transposes.

use crate::graph::{ValueId, int, ints};
use crate::lower::context::{Context, Refusal};
use crate::symbolic::Size;

/// Reshapes a value. A size that follows a symbolic axis is copied from the same position of the input, or inferred if no
/// other is; the rest are read from the graph.
pub(crate) fn reshape(cx: &mut Context<'_>, input: ValueId, from: &[Size], to: &[Size]) -> Result<ValueId, Refusal> {
    let zero = to.iter().any(|size| size.fixed() == Some(0));
    let copied = |position: usize, size: &Size| size.fixed().is_none() && from.get(position) == Some(size);
    let open: Vec<usize> = (0..to.len()).filter(|at| to[*at].fixed().is_none() && !copied(*at, &to[*at])).collect();
    if zero {
        // With a zero among the sizes, ONNX can infer none, and 0 must not be read as "copy".
        let sizes = cx.sizes(to)?;
        return Ok(cx.node("Reshape", &[input, sizes], vec![int("allowzero", 1)]));
    }
    let mut target = to.to_vec();
    for (position, size) in to.iter().enumerate().filter(|(position, size)| copied(*position, size)) {
        target[position] = Size(vec![0; size.0.len()]);
    }
    if let Some(inferred) =
        open.iter().copied().find(|at| to[*at].form(&cx.trace.plan).is_none()).or(open.first().copied())
    {
        target[inferred] = Size(vec![-1; to[inferred].0.len()]);
    }
    let sizes = cx.sizes(&target)?;
    Ok(cx.node("Reshape", &[input, sizes], Vec::new()))
}

/// Transposes a value.
pub(crate) fn transpose(cx: &mut Context<'_>, input: ValueId, order: Vec<usize>) -> ValueId {
    cx.node("Transpose", &[input], vec![ints("perm", order)])
}
