//! Interpolation to a given size.

use std::f64::consts::PI;

use burn::backend::ir::{InterpolateModeIr, InterpolateOpIr, ScalarIr};

use super::blocks::separable::{self, Map, plane};
use super::context::{Context, Lowered, refuse};
use crate::element::{Element, scalar_bytes};
use crate::graph::{Attributes, Constant, float, text};

pub(super) fn interpolate(cx: &mut Context<'_>, op: &InterpolateOpIr) -> Lowered {
    let corners = if op.options.align_corners { "align_corners" } else { "half_pixel" };
    let mode: Attributes = match op.options.mode {
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
