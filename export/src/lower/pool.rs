//! Pooling with a window, and pooling to a given size.

use burn::backend::ir::TensorIr;

use super::conv::{both, pads};
use super::reduce::{Axes, reduce};
use super::separable::{self, Map, plane};
use super::{Context, Lowered, Refusal, int, ints, refuse};
use crate::graph::ValueId;
use crate::onnx::Element;

/// A pooling window, one number an axis.
pub(super) struct Pool<'a> {
    pub(super) x: &'a TensorIr,
    pub(super) kernel: Vec<usize>,
    pub(super) stride: Vec<usize>,
    pub(super) padding: Vec<usize>,
    pub(super) dilation: Vec<usize>,
    pub(super) ceil: bool,
    pub(super) out: &'a TensorIr,
}

impl Pool<'_> {
    fn attributes(&self) -> crate::graph::Attributes {
        let mut attributes = vec![
            ints("kernel_shape", self.kernel.iter().copied()),
            ints("pads", pads(&both(&self.padding))),
            ints("strides", self.stride.iter().copied()),
        ];
        if self.ceil {
            attributes.push(int("ceil_mode", 1));
        }
        attributes
    }

    fn dilated(&self) -> bool {
        self.dilation.iter().any(|dilation| *dilation != 1)
    }
}

pub(super) fn max(cx: &mut Context<'_>, pool: &Pool<'_>) -> Lowered {
    let result = max_values(cx, pool, &[])?[0];
    cx.bind(pool.out, result)
}

/// ONNX counts indices over the whole tensor, burn over one channel's plane.
pub(super) fn max_with_indices(cx: &mut Context<'_>, pool: &Pool<'_>, indices: &TensorIr) -> Lowered {
    let plane: Option<i64> = cx.shape(pool.x).iter().skip(2).map(|size| size.fixed()).product();
    let Some(plane) = plane else { return refuse("indices of pooling over a symbolic plane") };
    let results = max_values(cx, pool, &[Element::I64])?;
    let plane = cx.whole(plane, results[1]);
    let within = cx.node("Mod", &[results[1], plane], Vec::new());
    cx.bind(indices, within)?;
    cx.bind(pool.out, results[0])
}

fn max_values(cx: &mut Context<'_>, pool: &Pool<'_>, more: &[Element]) -> Result<Vec<ValueId>, Refusal> {
    let input = cx.value(pool.x)?;
    let mut attributes = pool.attributes();
    if pool.dilated() {
        attributes.push(ints("dilations", pool.dilation.iter().copied()));
    }
    let elements: Vec<Element> = std::iter::once(cx.element_of(input)).chain(more.iter().copied()).collect();
    Ok(cx.several("MaxPool", vec![Some(input)], attributes, &elements))
}

pub(super) fn average(cx: &mut Context<'_>, pool: &Pool<'_>, include_padding: bool) -> Lowered {
    let input = cx.value(pool.x)?;
    let mut attributes = pool.attributes();
    if include_padding && pool.padding.iter().any(|padding| *padding > 0) {
        attributes.push(int("count_include_pad", 1));
    }
    let result = cx.node("AveragePool", &[input], attributes);
    cx.bind(pool.out, result)
}

/// Averages over windows that split each axis as evenly as it goes.
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
