//! Weights in signed levels, and what rounding does to the layer that they belong to.

use super::range::Levels;
use crate::graph::Constant;
use crate::onnx::Element;

/// The largest signed weight. Processors without VNNI add two products of 8 bits in 16, which 2 * 255 * 127 would overflow
/// without a word; 2 * 255 * 64 does not. A model file must answer the same wherever it is copied.
const LARGEST: f64 = 64.0;

/// A weight in signed levels, with a scale for each channel.
pub(super) struct Whole {
    pub(super) levels: Constant,
    pub(super) scales: Vec<f32>,
}

/// Rounds a weight. A channel's scale is at least such that its bias fits into 30 bits.
pub(super) fn whole(weight: &Constant, axis: usize, bias: Option<&[f32]>, input: Levels) -> Option<Whole> {
    let values = weight.floats()?;
    let channels = *weight.dims.get(axis)?;
    let inner: usize = weight.dims[axis + 1..].iter().product();
    let channel = |at: usize| at / inner.max(1) % channels;
    let mut largest = vec![0.0_f32; channels];
    for (at, value) in values.iter().enumerate() {
        let most = &mut largest[channel(at)];
        *most = most.max(value.abs());
    }
    // A channel of nothing but zeros: any scale says so.
    let scale = |(channel, most): (usize, &f32)| {
        let bias = bias.and_then(|bias| bias.get(channel)).map_or(0.0, |bias| f64::from(bias.abs()));
        let least = bias / (f64::from(input.scale) * f64::from(1 << 30));
        let scale = if *most > 0.0 { f64::from(*most) / LARGEST } else { 1.0 };
        (scale.max(least) as f32).max(f32::MIN_POSITIVE)
    };
    let scales: Vec<f32> = largest.iter().enumerate().map(scale).collect();
    let level = |(at, value): (usize, &f32)| {
        let level = (f64::from(*value) / f64::from(scales[channel(at)])).round_ties_even();
        level.clamp(-LARGEST, LARGEST) as i8 as u8
    };
    let data: Vec<u8> = values.iter().enumerate().map(level).collect();
    Some(Whole { levels: Constant { element: Element::I8, dims: weight.dims.clone(), data: data.into() }, scales })
}

/// How far rounding the weights moves the mean of each output channel, for inputs with these channel means.
pub(super) fn drift(weight: &Constant, rounded: &Whole, axis: usize, means: &[f64]) -> Option<Vec<f64>> {
    let (input_axis, outputs) = (1 - axis, weight.dims[axis]);
    if weight.dims.get(input_axis) != Some(&means.len()) {
        return None;
    }
    let inner = |axis: usize| weight.dims[axis + 1..].iter().product::<usize>().max(1);
    let (by_output, by_input) = (inner(axis), inner(input_axis));
    let levels = rounded.levels.data.read();
    let mut drift = vec![0.0; outputs];
    for (at, (value, level)) in weight.floats()?.iter().zip(levels.iter()).enumerate() {
        let (output, input) = (at / by_output % outputs, at / by_input % means.len());
        let error = f64::from(*level as i8) * f64::from(rounded.scales[output]) - f64::from(*value);
        drift[output] += error * means[input];
    }
    Some(drift)
}
