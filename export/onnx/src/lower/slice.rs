//! Slices and assignments to slices. burn records ranges as numbers, so a range that follows a symbolic axis is recognised
//! by comparing the recordings.

use burn::backend::ir::{BaseOperationIr, SliceAssignOpIr, SliceOpIr, TensorIr};
use burn::tensor::Slice;

use super::blocks::recorded::base_variants;
use super::blocks::shape::transpose;
use super::context::{Context, Lowered, Refusal, refuse};
use crate::graph::{Constant, ValueId, axis};
use crate::symbolic::Size;

/// The range of one axis: `begin..end` counted from the front, of which every `step`-th element counts, from the back if
/// `step` is negative.
#[derive(Clone, Debug)]
struct Range {
    axis: usize,
    begin: Size,
    end: Size,
    step: i64,
    /// The size of the axis.
    whole: Size,
}

impl Range {
    fn is_all(&self) -> bool {
        self.step == 1 && self.begin.fixed() == Some(0) && self.end == self.whole
    }

    /// An index relative to the end, if that makes it a constant.
    fn index(&self, at: &Size) -> Size {
        let from_end = Size(at.0.iter().zip(&self.whole.0).map(|(at, whole)| at - whole).collect());
        match (at.fixed(), from_end.fixed()) {
            (None, Some(back)) if back < 0 => from_end,
            _ => at.clone(),
        }
    }

    fn constant(&self, value: i64) -> Size {
        Size(vec![value; self.whole.0.len()])
    }

    /// The start and end operands of ONNX `Slice`.
    fn operands(&self) -> (Size, Size) {
        let less = |size: &Size| Size(size.0.iter().map(|value| value - 1).collect());
        if self.step > 0 {
            let end = if self.end == self.whole { self.constant(i64::MAX) } else { self.index(&self.end) };
            return (self.index(&self.begin), end);
        }
        if self.begin == self.end {
            return (self.constant(0), self.constant(0));
        }
        // burn selects the range and then reverses it; ONNX starts at the far end.
        let start = if self.end == self.whole { self.constant(-1) } else { self.index(&less(&self.end)) };
        let end = if self.begin.fixed() == Some(0) { self.constant(i64::MIN) } else { self.index(&less(&self.begin)) };
        (start, end)
    }
}

pub(super) fn slice(cx: &mut Context<'_>, op: &SliceOpIr) -> Lowered {
    let input = cx.value(&op.tensor)?;
    let ranges = ranges(cx, &op.tensor, op.ranges.len())?;
    let sliced = take(cx, input, &ranges)?;
    cx.bind(&op.out, sliced)
}

fn take(cx: &mut Context<'_>, input: ValueId, ranges: &[Range]) -> Result<ValueId, Refusal> {
    let ranges: Vec<&Range> = ranges.iter().filter(|range| !range.is_all()).collect();
    if ranges.is_empty() {
        return Ok(input);
    }
    let (starts, ends): (Vec<_>, Vec<_>) = ranges.iter().map(|range| range.operands()).unzip();
    let (starts, ends) = (cx.sizes(&starts)?, cx.sizes(&ends)?);
    let axes: Vec<i64> = ranges.iter().map(|range| range.axis as i64).collect();
    let mut inputs = vec![input, starts, ends, cx.vector(&axes)];
    if ranges.iter().any(|range| range.step != 1) {
        let steps: Vec<i64> = ranges.iter().map(|range| range.step).collect();
        inputs.push(cx.vector(&steps));
    }
    Ok(cx.node("Slice", &inputs, Vec::new()))
}

/// Rebuilds the tensor around the new part, one axis after the other: the elements before, the part, the elements after.
pub(super) fn assign(cx: &mut Context<'_>, op: &SliceAssignOpIr) -> Lowered {
    let (input, value) = (cx.value(&op.tensor)?, cx.value(&op.value)?);
    let value = cx.cast(value, cx.element(&op.out)?);
    let ranges = ranges(cx, &op.tensor, op.ranges.len())?;
    let ranges: Vec<Range> = ranges.into_iter().filter(|range| !range.is_all()).collect();
    let rank = op.tensor.shape.num_dims();
    let result = place(cx, input, value, &ranges, rank)?;
    cx.bind(&op.out, result)
}

fn place(
    cx: &mut Context<'_>,
    input: ValueId,
    value: ValueId,
    ranges: &[Range],
    rank: usize,
) -> Result<ValueId, Refusal> {
    let Some((range, rest)) = ranges.split_first() else { return Ok(value) };
    let inner = take(cx, input, std::slice::from_ref(range))?;
    let inner = place(cx, inner, value, rest, rank)?;
    if range.step != 1 {
        return strided(cx, input, inner, range, rank);
    }
    let zero = range.constant(0);
    let before = Range { begin: zero, end: range.begin.clone(), ..range.clone() };
    let after = Range { begin: range.end.clone(), end: range.whole.clone(), ..range.clone() };
    let mut parts = Vec::new();
    for (part, is_before) in [(before, true), (after, false)] {
        if part.begin != part.end {
            parts.push(take(cx, input, &[part])?);
        }
        if is_before {
            parts.push(inner);
        }
    }
    Ok(cx.node("Concat", &parts, vec![axis(range.axis)]))
}

/// Writes rows that are not adjacent. The axis is moved to the front, where ONNX can scatter whole rows.
fn strided(
    cx: &mut Context<'_>,
    input: ValueId,
    rows: ValueId,
    range: &Range,
    rank: usize,
) -> Result<ValueId, Refusal> {
    let (Some(begin), Some(end)) = (range.begin.fixed(), range.end.fixed()) else {
        return refuse("an assignment with steps to a range that follows a symbolic axis");
    };
    let step = range.step.unsigned_abs() as usize;
    let indices: Vec<i64> =
        if range.step > 0 { (begin..end).step_by(step).collect() } else { (begin..end).rev().step_by(step).collect() };
    let indices = cx.constant(Constant { dims: vec![indices.len(), 1], ..Constant::vector(&indices) });
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(0, range.axis);
    let (input, rows) = (transpose(cx, input, order.clone()), transpose(cx, rows, order.clone()));
    let written = cx.node("ScatterND", &[input, indices, rows], Vec::new());
    Ok(transpose(cx, written, order))
}

/// The ranges of the operation being lowered, in every recording.
fn ranges(cx: &Context<'_>, tensor: &TensorIr, count: usize) -> Result<Vec<Range>, Refusal> {
    let shape = cx.shape(tensor);
    let all: Vec<&[Slice]> = base_variants(cx)
        .filter_map(|one| match one {
            BaseOperationIr::Slice(op) => Some(op.ranges.as_slice()),
            BaseOperationIr::SliceAssign(op) => Some(op.ranges.as_slice()),
            _ => None,
        })
        .collect();
    let range = |at: usize| {
        let slices: Vec<Slice> = all.iter().filter_map(|ranges| ranges.get(at).copied()).collect();
        let whole = shape[at].clone();
        if slices.len() != whole.0.len() || slices.iter().any(|one| one.step != slices[0].step) {
            return Err(Refusal::Ambiguous);
        }
        let settle =
            |value: isize, whole: i64| (if value < 0 { value as i64 + whole } else { value as i64 }).clamp(0, whole);
        let begin = Size(slices.iter().zip(&whole.0).map(|(one, whole)| settle(one.start, *whole)).collect());
        let end = slices.iter().zip(&whole.0).map(|(one, whole)| one.end.map_or(*whole, |end| settle(end, *whole)));
        let end = Size(end.collect());
        Ok(Range { axis: at, begin, end, step: slices[0].step as i64, whole })
    };
    (0..count.min(shape.len())).map(range).collect()
}
