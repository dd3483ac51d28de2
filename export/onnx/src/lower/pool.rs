//! Pooling with a window, and pooling to a given size.

use std::ops::Range;

use burn::backend::ir::{ScalarIr, TensorIr};

use super::blocks::reduce::{Axes, reduce};
use super::blocks::separable::plane;
use super::context::{Context, Lowered, Refusal, refuse};
use super::conv::{both, pads};
use crate::element::{Element, scalar_bytes};
use crate::graph::{Attributes, Constant, ValueId, axis, int, ints};

/// A pooling window, with one number for each axis.
pub(super) struct Pool<'a> {
    pub(super) x: &'a TensorIr,
    pub(super) kernel: Vec<usize>,
    pub(super) stride: Vec<usize>,
    pub(super) padding: Vec<usize>,
    pub(super) dilation: Vec<usize>,
    pub(super) ceil: bool,
    pub(super) out: &'a TensorIr,
}

/// The padding with which windows cover each axis, before and after.
struct Cover {
    /// Padding by the operator.
    padding: Vec<(usize, usize)>,
    /// Padding by a separate node before the operator, if it exceeds the operator's limit.
    added: Vec<(usize, usize)>,
    /// Sets `ceil_mode` of the operator.
    ceil: bool,
}

impl Pool<'_> {
    /// burn rounds the number of windows up, except for a window that would begin in the padding at the end. ONNX's shape
    /// inference counts that window too. If sizes are known, the end is therefore padded to the extent of burn's windows.
    fn cover(&self, cx: &Context<'_>) -> Cover {
        let none = vec![(0, 0); self.kernel.len()];
        let unchanged = Cover { padding: both(&self.padding), added: none.clone(), ceil: self.ceil };
        if !self.ceil {
            return unchanged;
        }
        let covered = self.covered(cx);
        let Some(ends) = covered.iter().copied().collect::<Option<Vec<_>>>() else {
            // The operator rounds up for a symbolic axis. It must not find one more window along the others.
            let end = |at: usize| covered[at].map_or(self.padding[at], |end| end.min(self.padding[at]));
            return Cover { padding: (0..none.len()).map(|at| (self.padding[at], end(at))).collect(), ..unchanged };
        };
        // Only padding by a kernel or more contains a whole window that burn leaves out.
        let end =
            |at: usize| if self.padding[at] < self.kernel[at] { ends[at].max(self.padding[at]) } else { ends[at] };
        let ends = (0..none.len()).map(end);
        if ends.clone().zip(&self.kernel).any(|(end, kernel)| end >= *kernel) {
            let padding = ends.clone().zip(&self.padding).map(|(end, padding)| (*padding, end.min(*padding))).collect();
            let added = ends.zip(&self.padding).map(|(end, padding)| (0, end.saturating_sub(*padding))).collect();
            return Cover { padding, added, ceil: false };
        }
        Cover { padding: self.padding.iter().copied().zip(ends).collect(), added: none, ceil: false }
    }

    /// Padding at the end that burn's windows reach, for each axis of known size.
    fn covered(&self, cx: &Context<'_>) -> Vec<Option<usize>> {
        let (from, to) = (cx.shape(self.x), cx.shape(self.out));
        let covered = |at: usize| {
            let (from, to) = (from[at + 2].fixed()? as usize, to[at + 2].fixed()? as usize);
            let window = self.dilation[at] * (self.kernel[at] - 1) + 1;
            Some(((to.max(1) - 1) * self.stride[at] + window).saturating_sub(from + self.padding[at]))
        };
        (0..self.kernel.len()).map(covered).collect()
    }

    /// Returns true if an axis is padded by a kernel or more, which ONNX Runtime's operators refuse.
    fn pads_by_a_kernel(&self) -> bool {
        self.padding.iter().zip(&self.kernel).any(|(padding, kernel)| padding >= kernel)
    }

    /// Moves all padding to a separate node.
    fn moved(&self, cover: Cover) -> Result<Cover, Refusal> {
        if cover.ceil {
            return Err(Refusal::Unsupported(
                "pooling over a symbolic axis rounds up and pads by a kernel or more; pad the input before it"
                    .to_owned(),
            ));
        }
        let sum = |(a, b): (&(usize, usize), &(usize, usize))| (a.0 + b.0, a.1 + b.1);
        let added = cover.padding.iter().zip(&cover.added).map(sum).collect();
        Ok(Cover { padding: vec![(0, 0); self.kernel.len()], added, ceil: false })
    }

    fn attributes(&self, cover: &Cover) -> Attributes {
        let mut attributes = vec![
            ints("kernel_shape", self.kernel.iter().copied()),
            ints("pads", pads(&cover.padding)),
            ints("strides", self.stride.iter().copied()),
        ];
        if cover.ceil {
            attributes.push(int("ceil_mode", 1));
        }
        attributes
    }

    fn dilated(&self) -> bool {
        self.dilation.iter().any(|dilation| *dilation != 1)
    }
}

pub(super) fn max(cx: &mut Context<'_>, pool: &Pool<'_>) -> Lowered {
    let cover = pool.cover(cx);
    let cover = if pool.pads_by_a_kernel() { pool.moved(cover)? } else { cover };
    let result = max_values(cx, pool, &cover, &[])?[0];
    cx.bind(pool.out, result)
}

/// Converts indices over the whole tensor, as in ONNX, to indices over a channel's plane, as in burn.
pub(super) fn max_with_indices(cx: &mut Context<'_>, pool: &Pool<'_>, indices: &TensorIr) -> Lowered {
    let Some(sizes) = plane(cx, pool.x) else { return refuse("indices of pooling over a symbolic plane") };
    if pool.pads_by_a_kernel() {
        return refuse("indices of pooling that pads by a kernel or more: a window may contain no element");
    }
    let cover = pool.cover(cx);
    let results = max_values(cx, pool, &cover, &[Element::I64])?;
    let padded: Vec<usize> = sizes.iter().zip(&cover.added).map(|(size, (_, after))| size + after).collect();
    let whole = cx.integer(padded.iter().product::<usize>() as i64, results[1]);
    let mut within = cx.node("Mod", &[results[1], whole], Vec::new());
    if let ([_, width], [_, wide]) = (sizes.as_slice(), padded.as_slice())
        && width != wide
    {
        within = in_rows_of(cx, within, *wide as i64, *width as i64);
    }
    cx.bind(indices, within)?;
    cx.bind(pool.out, results[0])
}

/// Converts an index over rows of length `from` to one over rows of length `to`.
fn in_rows_of(cx: &mut Context<'_>, place: ValueId, from: i64, to: i64) -> ValueId {
    let (from, to) = (cx.integer(from, place), cx.integer(to, place));
    let (row, column) = (cx.node("Div", &[place, from], Vec::new()), cx.node("Mod", &[place, from], Vec::new()));
    let start = cx.node("Mul", &[row, to], Vec::new());
    cx.node("Add", &[start, column], Vec::new())
}

fn max_values(cx: &mut Context<'_>, pool: &Pool<'_>, cover: &Cover, more: &[Element]) -> Result<Vec<ValueId>, Refusal> {
    let mut input = cx.value(pool.x)?;
    if cover.added.iter().any(|added| *added != (0, 0)) {
        input = padded(cx, input, &cover.added, f64::NEG_INFINITY);
    }
    let mut attributes = pool.attributes(cover);
    if pool.dilated() {
        attributes.push(ints("dilations", pool.dilation.iter().copied()));
    }
    let elements: Vec<Element> = std::iter::once(cx.element_of(input)).chain(more.iter().copied()).collect();
    Ok(cx.several("MaxPool", vec![Some(input)], attributes, &elements))
}

pub(super) fn average(cx: &mut Context<'_>, pool: &Pool<'_>, include_padding: bool) -> Lowered {
    let mut input = cx.value(pool.x)?;
    let mut cover = pool.cover(cx);
    let mut counted = include_padding && pool.padding.iter().any(|padding| *padding > 0);
    let ends = cover.padding.iter().zip(&cover.added).map(|((_, own), (_, added))| own + added);
    let ends: Vec<(usize, usize)> = ends.zip(&pool.padding).map(|(end, padding)| (end, *padding)).collect();
    // Padding that burn does not count.
    let further: Vec<usize> = ends.iter().map(|(end, padding)| end.saturating_sub(*padding)).collect();
    if pool.pads_by_a_kernel() && !counted {
        return average_of_elements(cx, pool, cover);
    }
    if counted && (pool.pads_by_a_kernel() || further.iter().any(|after| *after > 0)) {
        // The padding that burn counts becomes part of the input.
        let own = ends.iter().map(|(end, padding)| (*padding, *end.min(padding))).collect();
        cover = pool.moved(Cover { padding: own, added: vec![(0, 0); further.len()], ceil: cover.ceil })?;
        input = padded(cx, input, &cover.added, -0.0);
        cover.padding = further.into_iter().map(|after| (0, after)).collect();
        counted = false;
    }
    let mut attributes = pool.attributes(&cover);
    if counted {
        attributes.push(int("count_include_pad", 1));
    }
    let result = cx.node("AveragePool", &[input], attributes);
    cx.bind(pool.out, result)
}

/// Averages that do not count the padding, where the operator cannot pad: averages over the padded input, times the size of
/// the window over the number of its elements.
fn average_of_elements(cx: &mut Context<'_>, pool: &Pool<'_>, cover: Cover) -> Lowered {
    let (Some(from), Some(to)) = (plane(cx, pool.x), plane(cx, pool.out)) else {
        return refuse("average pooling of a symbolic plane pads by a kernel or more without counting it");
    };
    let cover = pool.moved(cover)?;
    let input = cx.value(pool.x)?;
    let input = padded(cx, input, &cover.added, -0.0);
    let mut result = cx.node("AveragePool", &[input], pool.attributes(&cover));
    for (at, (size, windows)) in from.into_iter().zip(to).enumerate() {
        let (kernel, padding) = (pool.kernel[at], pool.padding[at]);
        let elements = |window: usize| {
            let start = window * pool.stride[at];
            (start + kernel).clamp(padding, padding + size) - start.clamp(padding, padding + size)
        };
        let factors = (0..windows).map(|window| kernel as f64 / elements(window).max(1) as f64);
        let factors = line(factors, at, pool.kernel.len(), cx.element_of(result));
        let factors = cx.constant(factors);
        result = cx.node("Mul", &[result, factors], Vec::new());
    }
    cx.bind(pool.out, result)
}

/// Numbers along one of several axes.
fn line(numbers: impl ExactSizeIterator<Item = f64>, axis: usize, axes: usize, element: Element) -> Constant {
    let dims = (0..axes).map(|at| if at == axis { numbers.len() } else { 1 }).collect();
    let data = numbers.flat_map(|number| scalar_bytes(ScalarIr::Float(number), element)).collect::<Vec<u8>>().into();
    Constant { element, dims, data }
}

/// Pads every axis after batch and channels. ONNX Runtime would join padding by zero with the pool, whose limit it may exceed
/// and which may not count it; a negative zero is not joined.
fn padded(cx: &mut Context<'_>, input: ValueId, padding: &[(usize, usize)], value: f64) -> ValueId {
    let (before, after): (Vec<i64>, Vec<i64>) = padding.iter().map(|(a, b)| (*a as i64, *b as i64)).unzip();
    let sizes = cx.vector(&[&[0, 0], before.as_slice(), &[0, 0], &after].concat());
    let value = cx.number(value, input);
    cx.node("Pad", &[input, sizes, value], Vec::new())
}

/// Averages over windows that divide each axis as evenly as possible.
pub(super) fn adaptive(cx: &mut Context<'_>, x: &TensorIr, target: &[usize], out: &TensorIr) -> Lowered {
    let input = cx.value(x)?;
    if target.iter().all(|size| *size == 1) {
        let axes: Vec<usize> = (2..x.shape.num_dims()).collect();
        let result = match cx.element_of(input) {
            Element::F64 => reduce(cx, "ReduceMean", input, Axes::Kept(axes))?,
            _ => cx.node("GlobalAveragePool", &[input], Vec::new()),
        };
        return cx.bind(out, result);
    }
    let Some(sizes) = plane(cx, x) else { return refuse("adaptive pooling of a symbolic plane to more than one cell") };
    let rank = x.shape.num_dims();
    let even = sizes.iter().zip(target).all(|(size, target)| size % target == 0);
    if even && cx.element_of(input) != Element::F64 {
        let window: Vec<usize> = sizes.iter().zip(target).map(|(size, target)| size / target).collect();
        let attributes = vec![ints("kernel_shape", window.clone()), ints("strides", window)];
        let result = cx.node("AveragePool", &[input], attributes);
        return cx.bind(out, result);
    }
    let spatial = sizes.iter().zip(target).enumerate();
    let result = spatial.fold(input, |value, (at, (size, target))| averaged(cx, value, rank, at + 2, *size, *target));
    cx.bind(out, result)
}

/// Averages over the cells of one axis. A product with a matrix of weights would spread an infinite number to every cell, as
/// zero times infinity is NaN; therefore the elements of each cell are gathered and summed.
fn averaged(
    cx: &mut Context<'_>,
    mut value: ValueId,
    rank: usize,
    along: usize,
    size: usize,
    target: usize,
) -> ValueId {
    if size == target {
        return value;
    }
    let cells: Vec<_> = (0..target).map(|cell| cell * size / target..((cell + 1) * size).div_ceil(target)).collect();
    let longest = cells.iter().map(Range::len).max().unwrap_or_default();
    if cells.iter().any(|cell| cell.len() < longest) {
        // A zero at the end fills the shorter cells.
        let mut pads = vec![0; 2 * rank];
        pads[rank + along] = 1;
        let pads = cx.vector(&pads);
        value = cx.node("Pad", &[value, pads], Vec::new());
    }
    let element = |cell: &Range<usize>, offset| cell.clone().nth(offset).unwrap_or(size) as i64;
    let elements: Vec<i64> = cells.iter().flat_map(|cell| (0..longest).map(|offset| element(cell, offset))).collect();
    let elements = cx.constant(Constant { dims: vec![target, longest], ..Constant::vector(&elements) });
    let gathered = cx.node("Gather", &[value, elements], vec![axis(along)]);
    let counts = line(cells.iter().map(|cell| cell.len() as f64), 0, 1 + rank - along, cx.element_of(value));
    let counts = cx.constant(counts);
    let parts = cx.node("Div", &[gathered, counts], Vec::new());
    let axes = cx.vector(&[along as i64 + 1]);
    cx.node("ReduceSum", &[parts, axes], vec![int("keepdims", 0)])
}
