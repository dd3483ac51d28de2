//! Rounds weights to signed 8 bits, and computes the effect of rounding on the layer's result.

use super::range::QuantParams;
use crate::element::Element;
use crate::graph::Constant;

/// The largest signed weight. Processors without VNNI add two products of 8 bits in 16 bits, which 2 * 255 * 127 would
/// overflow silently; 2 * 255 * 64 does not. A model file must give the same results on every machine.
const LARGEST: f64 = 64.0;

/// A weight in signed 8-bit numbers, symmetric, with one scale for each output channel.
pub(super) struct QuantizedWeight {
    pub(super) numbers: Constant,
    pub(super) scales: Vec<f32>,
}

impl QuantizedWeight {
    /// Rounds a weight. A channel's scale is large enough for its bias to fit into 30 bits. None if the weight has other
    /// elements than 32-bit floats.
    pub(super) fn new(weight: &Constant, axis: usize, bias: Option<&[f32]>, input: QuantParams) -> Option<Self> {
        let values = weight.floats()?;
        let channels = *weight.dims.get(axis)?;
        let inner: usize = weight.dims[axis + 1..].iter().product();
        let channel = |at: usize| at / inner.max(1) % channels;
        let mut largest = vec![0.0_f32; channels];
        for (at, value) in values.iter().enumerate() {
            let most = &mut largest[channel(at)];
            *most = most.max(value.abs());
        }
        let scale = |(channel, most): (usize, &f32)| {
            let bias = bias.and_then(|bias| bias.get(channel)).map_or(0.0, |bias| f64::from(bias.abs()));
            let least = bias / (f64::from(input.scale) * f64::from(1 << 30));
            // Any scale represents zeros.
            let scale = if *most > 0.0 { f64::from(*most) / LARGEST } else { 1.0 };
            (scale.max(least) as f32).max(f32::MIN_POSITIVE)
        };
        let scales: Vec<f32> = largest.iter().enumerate().map(scale).collect();
        let number = |(at, value): (usize, &f32)| {
            let number = (f64::from(*value) / f64::from(scales[channel(at)])).round_ties_even();
            number.clamp(-LARGEST, LARGEST) as i8 as u8
        };
        let data: Vec<u8> = values.iter().enumerate().map(number).collect();
        let numbers = Constant { element: Element::I8, dims: weight.dims.clone(), data: data.into() };
        Some(Self { numbers, scales })
    }

    /// The shift of each output channel's mean by rounding `weight`, for inputs with these channel means.
    pub(super) fn mean_shift(&self, weight: &Constant, axis: usize, means: &[f64]) -> Option<Vec<f64>> {
        let (input_axis, outputs) = (1 - axis, weight.dims[axis]);
        if weight.dims.get(input_axis) != Some(&means.len()) {
            return None;
        }
        let inner = |axis: usize| weight.dims[axis + 1..].iter().product::<usize>().max(1);
        let (by_output, by_input) = (inner(axis), inner(input_axis));
        let numbers = self.numbers.data.read();
        let mut shift = vec![0.0; outputs];
        for (at, (value, number)) in weight.floats()?.iter().zip(numbers.iter()).enumerate() {
            let (output, input) = (at / by_output % outputs, at / by_input % means.len());
            let error = f64::from(*number as i8) * f64::from(self.scales[output]) - f64::from(*value);
            shift[output] += error * means[input];
        }
        Some(shift)
    }
}
