//! Pooling with a window, and pooling to a given size.

use burn::backend::ir::TensorIr;

use super::blocks::reduce::{Axes, reduce};
use super::blocks::separable::{self, Map, plane};
use super::context::{Context, Lowered, Refusal, refuse};
use super::conv::{both, pads};
use crate::element::Element;
use crate::graph::{Attributes, ValueId, int, ints};

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

/// The padding with which windows cover each axis.
struct Cover {
    /// Padding by the operator, before and after every axis.
    padding: Vec<(usize, usize)>,
    /// Padding at the end of every axis by a separate node, if it exceeds the operator's limit.
    added: Vec<usize>,
    /// Sets `ceil_mode` of the operator.
    ceil: bool,
}

impl Pool<'_> {
    /// burn rounds the number of windows up, except for a window that would begin in the padding at the end. ONNX's shape
    /// inference counts that window too, so if sizes are known, the end is padded to the extent of burn's windows.
    fn cover(&self, cx: &Context<'_>) -> Cover {
        let none = vec![0; self.kernel.len()];
        let unchanged = Cover { padding: both(&self.padding), added: none.clone(), ceil: self.ceil };
        let (true, Some(from), Some(to)) = (self.ceil, plane(cx, self.x), plane(cx, self.out)) else {
            return unchanged;
        };
        let more = |at: usize| {
            let window = self.dilation[at] * (self.kernel[at] - 1) + 1;
            let covered = (to[at].max(1) - 1) * self.stride[at] + window;
            covered.saturating_sub(from[at] + 2 * self.padding[at])
        };
        let more: Vec<usize> = (0..from.len()).map(more).collect();
        let end = |at: usize| self.padding[at] + more[at];
        // ONNX Runtime pads by less than a kernel without dilation.
        if (0..more.len()).any(|at| end(at) >= self.kernel[at]) {
            return Cover { padding: both(&self.padding), added: more, ceil: false };
        }
        Cover { padding: (0..more.len()).map(|at| (self.padding[at], end(at))).collect(), added: none, ceil: false }
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
    let result = max_values(cx, pool, &pool.cover(cx), &[])?[0];
    cx.bind(pool.out, result)
}

/// Converts indices over the whole tensor, as in ONNX, to indices over a channel's plane, as in burn.
pub(super) fn max_with_indices(cx: &mut Context<'_>, pool: &Pool<'_>, indices: &TensorIr) -> Lowered {
    let Some(sizes) = plane(cx, pool.x) else { return refuse("indices of pooling over a symbolic plane") };
    let cover = pool.cover(cx);
    let results = max_values(cx, pool, &cover, &[Element::I64])?;
    let padded: Vec<usize> = sizes.iter().zip(&cover.added).map(|(size, added)| size + added).collect();
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
    if cover.added.iter().any(|added| *added > 0) {
        let least = cx.number(f64::NEG_INFINITY, input);
        input = padded(cx, input, &vec![0; cover.added.len()], &cover.added, Some(least));
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
    if counted && cover.padding != both(&pool.padding) {
        // The padding that burn counts becomes part of the input; further padding is not counted.
        input = padded(cx, input, &pool.padding, &pool.padding, None);
        let rest = cover.padding.iter().zip(&pool.padding).map(|((_, after), padding)| (0, after - padding));
        cover.padding = rest.collect();
        counted = false;
    }
    let mut attributes = pool.attributes(&cover);
    if counted {
        attributes.push(int("count_include_pad", 1));
    }
    let result = cx.node("AveragePool", &[input], attributes);
    cx.bind(pool.out, result)
}

/// Pads every axis after batch and channels, with zeros by default.
fn padded(cx: &mut Context<'_>, input: ValueId, before: &[usize], after: &[usize], value: Option<ValueId>) -> ValueId {
    let side =
        |padding: &[usize]| [0, 0].into_iter().chain(padding.iter().map(|size| *size as i64)).collect::<Vec<_>>();
    let sizes = cx.vector(&[side(before), side(after)].concat());
    let inputs: Vec<ValueId> = [Some(input), Some(sizes), value].into_iter().flatten().collect();
    cx.node("Pad", &inputs, Vec::new())
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
    let even = sizes.iter().zip(target).all(|(size, target)| size % target == 0);
    if even && cx.element_of(input) != Element::F64 {
        let window: Vec<usize> = sizes.iter().zip(target).map(|(size, target)| size / target).collect();
        let attributes = vec![ints("kernel_shape", window.clone()), ints("strides", window)];
        let result = cx.node("AveragePool", &[input], attributes);
        return cx.bind(out, result);
    }
    let maps: Vec<Map> = sizes.iter().zip(target).map(|(size, target)| windows(*size, *target)).collect();
    let result = separable::apply(cx, input, &maps);
    cx.bind(out, result)
}

/// Cell `i` averages `floor(i * size / target) .. ceil((i + 1) * size / target)`.
fn windows(size: usize, target: usize) -> Map {
    let weight = |cell: usize, at: usize| {
        let (begin, end) = (cell * size / target, ((cell + 1) * size).div_ceil(target));
        if (begin..end).contains(&at) { 1.0 / (end - begin) as f64 } else { 0.0 }
    };
    Map { weights: (0..target).map(|cell| (0..size).map(|at| weight(cell, at)).collect()).collect() }
}
