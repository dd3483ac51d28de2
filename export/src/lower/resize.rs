//! Interpolation to a given size.

use burn::backend::ir::{InterpolateModeIr, InterpolateOpIr, ScalarIr};

use super::{Context, Lowered, float, refuse, text};
use crate::graph::{Attributes, Constant};
use crate::onnx::{Element, scalar_bytes};

pub(super) fn interpolate(cx: &mut Context<'_>, op: &InterpolateOpIr) -> Lowered {
    let corners = if op.options.align_corners { "align_corners" } else { "half_pixel" };
    let mode: Attributes = match op.options.mode {
        InterpolateModeIr::Nearest => nearest("asymmetric", "floor"),
        InterpolateModeIr::NearestExact => nearest("half_pixel", "round_prefer_ceil"),
        InterpolateModeIr::Bilinear => vec![text("coordinate_transformation_mode", corners), text("mode", "linear")],
        InterpolateModeIr::Bicubic => vec![
            text("coordinate_transformation_mode", corners),
            // The coefficient of PyTorch and OpenCV, which burn uses as well.
            float("cubic_coeff_a", -0.75),
            text("mode", "cubic"),
        ],
        InterpolateModeIr::Lanczos3 => return refuse("ONNX Resize has no Lanczos mode"),
    };
    let input = cx.value(&op.x)?;
    let (from, to) = (cx.shape(&op.x), cx.shape(&op.out));
    let fixed = |at: usize| Some((from[at].fixed()?, to[at].fixed()?));
    let scales = match (fixed(2), fixed(3)) {
        (Some(height), Some(width)) => exact(height).zip(exact(width)),
        _ => None,
    };
    // Scales are the more portable form, and need no batch size; but only exact ones give the size that is asked for.
    let inputs = match scales {
        Some((height, width)) => vec![Some(input), None, Some(scale(cx, [1.0, 1.0, height, width]))],
        None => vec![Some(input), None, None, Some(cx.sizes(&to)?)],
    };
    let element = cx.element_of(input);
    let result = cx.several("Resize", inputs, mode, &[element])[0];
    cx.bind(&op.out, result)
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
