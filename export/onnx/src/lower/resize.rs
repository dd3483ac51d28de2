//! Interpolation to a given size.

use std::f64::consts::PI;

use burn::backend::ir::{InterpolateModeIr, InterpolateOpIr, ScalarIr};

use super::blocks::separable::{self, Map, plane};
use super::context::{Context, Lowered, Refusal, refuse};
use crate::element::{Element, scalar_bytes};
use crate::graph::{Attributes, Constant, ValueId, axis, float, text};
use crate::symbolic::Size;

pub(super) fn interpolate(cx: &mut Context<'_>, op: &InterpolateOpIr) -> Lowered {
    let corners = if op.options.align_corners { "align_corners" } else { "half_pixel" };
    let mode: Attributes = match op.options.mode {
        InterpolateModeIr::Nearest if !resizes(cx, op, 0.0) => return gather(cx, op, 0.0),
        InterpolateModeIr::NearestExact if !resizes(cx, op, 0.5) => return gather(cx, op, 0.5),
        InterpolateModeIr::Nearest => nearest("asymmetric", "floor"),
        InterpolateModeIr::NearestExact => nearest("half_pixel", "round_prefer_ceil"),
        InterpolateModeIr::Bilinear => vec![text("coordinate_transformation_mode", corners), text("mode", "linear")],
        InterpolateModeIr::Bicubic => vec![
            text("coordinate_transformation_mode", corners),
            // The coefficient of PyTorch, OpenCV and burn.
            float("cubic_coeff_a", -0.75),
            text("mode", "cubic"),
        ],
        InterpolateModeIr::Lanczos3 => return lanczos(cx, op),
    };
    let input = cx.value(&op.x)?;
    let (from, to) = (cx.shape(&op.x), cx.shape(&op.out));
    let fixed = |at: usize| Some((from[at].fixed()?, to[at].fixed()?));
    let scales = match (fixed(2), fixed(3)) {
        (Some(height), Some(width)) => exact(height).zip(exact(width)),
        _ => None,
    };
    // Scales are more portable and need no batch size, but only exact ones give the right size.
    let inputs = match scales {
        Some((height, width)) => vec![Some(input), None, Some(scale(cx, [1.0, 1.0, height, width]))],
        None => vec![Some(input), None, None, Some(cx.sizes(&to)?)],
    };
    let element = cx.element_of(input);
    let result = cx.several("Resize", inputs, mode, &[element])[0];
    cx.bind(&op.out, result)
}

/// Returns true if `Resize` picks burn's pixels along both axes of the plane.
fn resizes(cx: &Context<'_>, op: &InterpolateOpIr, offset: f64) -> bool {
    let (from, to) = (cx.shape(&op.x), cx.shape(&op.out));
    (2..4).all(|axis| match (from[axis].fixed(), to[axis].fixed()) {
        (Some(from), Some(to)) => resizes_axis(from, to, offset),
        // Of the ratios of symbolic sizes, only a whole factor is always exact.
        _ => grown(&from[axis], &to[axis]).is_some_and(|factor| resizes_axis(2, 2 * factor, offset)),
    })
}

/// Returns true if `Resize` picks burn's pixels along one axis. ONNX Runtime divides by the scale in 32-bit floats, burn
/// multiplies by its reciprocal in 64-bit ones. They may differ where a pixel's exact position is a whole number, or
/// nearly one.
fn resizes_axis(from: i64, to: i64, offset: f64) -> bool {
    let scale_is_exact = exact((from, to)).is_some();
    (0..to).zip(sources(from, to, offset)).all(|(at, source)| {
        let (above, below) = ((2 * at + (2.0 * offset) as i64) * from, 2 * to);
        let remainder = above % below;
        let is_safe = match remainder {
            0 => above == 0 || scale_is_exact,
            _ => {
                let distance = remainder.min(below - remainder) as f64 / below as f64;
                distance > 4.0 * f64::from(f32::EPSILON) * (above / below + 1) as f64
            }
        };
        is_safe && source == above / below
    })
}

/// The factor by which a symbolic axis grows in every recording.
fn grown(from: &Size, to: &Size) -> Option<i64> {
    let factor = to.base() / from.base().max(1);
    from.0.iter().zip(&to.0).all(|(from, to)| from * factor == *to).then_some(factor).filter(|factor| *factor > 0)
}

/// The pixel that burn picks for each pixel of the result.
fn sources(from: i64, to: i64, offset: f64) -> impl Iterator<Item = i64> {
    let ratio = from as f64 / to as f64;
    (0..to).map(move |at| (((at as f64 + offset) * ratio).floor() as i64).min(from - 1))
}

/// Picks rows and columns by index, with burn's arithmetic.
fn gather(cx: &mut Context<'_>, op: &InterpolateOpIr, offset: f64) -> Lowered {
    let (from, to) = (cx.shape(&op.x), cx.shape(&op.out));
    let mut picked = cx.value(&op.x)?;
    for at in (2..4).filter(|at| from[*at] != to[*at]) {
        let indices = match (from[at].fixed(), to[at].fixed()) {
            (Some(from), Some(to)) => cx.vector(&sources(from, to, offset).collect::<Vec<_>>()),
            _ => symbolic_sources(cx, &from[at], &to[at], offset)?,
        };
        picked = cx.node("Gather", &[picked, indices], vec![axis(at)]);
    }
    cx.bind(&op.out, picked)
}

/// [`sources`] in the graph.
fn symbolic_sources(cx: &mut Context<'_>, from: &Size, to: &Size, offset: f64) -> Result<ValueId, Refusal> {
    let (from, to) = (cx.size(from)?, cx.size(to)?);
    let (wide_from, wide_to) = (cx.cast(from, Element::F64), cx.cast(to, Element::F64));
    let ratio = cx.node("Div", &[wide_from, wide_to], Vec::new());
    let count = cx.squeezed(to);
    let (zero, one) = (cx.scalar(ScalarIr::Int(0), Element::I64), cx.scalar(ScalarIr::Int(1), Element::I64));
    let range = cx.node("Range", &[zero, count, one], Vec::new());
    let mut range = cx.cast(range, Element::F64);
    if offset != 0.0 {
        let offset = cx.number(offset, range);
        range = cx.node("Add", &[range, offset], Vec::new());
    }
    let place = cx.node("Mul", &[range, ratio], Vec::new());
    let floor = cx.node("Floor", &[place], Vec::new());
    let source = cx.cast(floor, Element::I64);
    let last = cx.node("Sub", &[from, one], Vec::new());
    Ok(cx.node("Min", &[source, last], Vec::new()))
}

/// ONNX has no such mode, but with fixed sizes it is a product with a matrix for each axis. burn ignores pixels beyond the
/// border and normalises the remaining weights.
fn lanczos(cx: &mut Context<'_>, op: &InterpolateOpIr) -> Lowered {
    let (Some(from), Some(to)) = (plane(cx, &op.x), plane(cx, &op.out)) else {
        return refuse("Lanczos interpolation of a symbolic plane");
    };
    let input = cx.value(&op.x)?;
    let corners = op.options.align_corners;
    let maps: Vec<Map> = from.iter().zip(&to).map(|(from, to)| lanczos_map(*from, *to, corners)).collect();
    let result = separable::apply(cx, input, &maps);
    cx.bind(&op.out, result)
}

fn lanczos_map(from: usize, to: usize, corners: bool) -> Map {
    let ratio = match (corners, to) {
        (true, ..=1) => 0.0,
        (true, _) => (from - 1) as f64 / (to - 1) as f64,
        (false, _) => from as f64 / to as f64,
    };
    let place = |at: usize| if corners { at as f64 * ratio } else { (at as f64 + 0.5) * ratio - 0.5 };
    let row = |at: usize| {
        let centre = place(at);
        // Three places on each side of the centre.
        let near = |place: f64| (-2.0..=3.0).contains(&(place - centre.floor()));
        let raw: Vec<f64> =
            (0..from).map(|at| if near(at as f64) { lanczos_weight(centre - at as f64) } else { 0.0 }).collect();
        let sum: f64 = raw.iter().sum();
        raw.into_iter().map(|weight| if sum == 0.0 { weight } else { weight / sum }).collect()
    };
    Map { weights: (0..to).map(row).collect() }
}

/// `sinc(x) sinc(x / 3)` within three of the centre (Lanczos kernel, a = 3).
fn lanczos_weight(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

fn nearest(coordinates: &'static str, rounding: &'static str) -> Attributes {
    vec![text("coordinate_transformation_mode", coordinates), text("mode", "nearest"), text("nearest_mode", rounding)]
}

/// The scale, if a 32-bit float holds it exactly.
fn exact((from, to): (i64, i64)) -> Option<f32> {
    let scale = to as f32 / from as f32;
    (f64::from(scale) * from as f64 == to as f64).then_some(scale)
}

fn scale(cx: &mut Context<'_>, scales: [f32; 4]) -> usize {
    let data = scales.iter().flat_map(|scale| scalar_bytes(ScalarIr::Float(f64::from(*scale)), Element::F32));
    cx.constant(Constant { element: Element::F32, dims: vec![4], data: data.collect::<Vec<_>>().into() })
}
