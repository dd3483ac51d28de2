//! The preprocessing as nodes: from `tile`, u8 `[batch, 256, 256, 3]`, to the model's input.

use kiln_tile::SIDE;

use super::builder::Builder;
use super::resize;
use crate::import::resample::Resampling;
use crate::import::spec::{Channels, Input, Layout};

/// Adds the nodes. Returns the value that takes the place of the model's input.
pub(super) fn preprocess(builder: &mut Builder<'_>, tile: &str, input: &Input) -> String {
    let resampling = Resampling::new(input.resize, input.size);
    // Weighted sums run along the last two axes; a selection of pixels runs along any.
    let first = !resampling.is_identity() && !resampling.selects();
    let channels_first = first || matches!(input.layout, Layout::Nchw | Layout::FlatNchw);
    let mut value = tile.to_owned();
    if channels_first {
        value = builder.transpose("channels_first", &value, &[0, 3, 1, 2]);
    }
    value = builder.cast_to_float("pixels", &value);
    if !resampling.is_identity() {
        value = if resampling.selects() {
            select(builder, value, &resampling, channels_first)
        } else {
            resize::resize(builder, value, &resampling)
        };
    }
    let channel_axis = if channels_first { 1 } else { 3 };
    if input.channels == Channels::Bgr {
        value = builder.gather("bgr", &value, &[2, 1, 0], channel_axis);
    }
    value = normalise(builder, value, input, channels_first);
    value = match input.layout {
        Layout::Nhwc | Layout::Flat if channels_first => builder.transpose("channels_last", &value, &[0, 2, 3, 1]),
        _ => value,
    };
    if matches!(input.layout, Layout::Flat | Layout::FlatNchw) {
        let [height, width] = input.size;
        value = builder.reshape("rows", &value, &[-1, (3 * height * width) as i64]);
    }
    if input.dtype.code() == 1 { value } else { builder.cast("element", &value, input.dtype.code()) }
}

/// Selects rows and columns: a crop, or the nearest pixels.
fn select(builder: &mut Builder<'_>, value: String, resampling: &Resampling, channels_first: bool) -> String {
    let [row, column] = if channels_first { [2, 3] } else { [1, 2] };
    let mut value = value;
    for (name, taps, axis) in [("rows", &resampling.rows, row), ("columns", &resampling.columns, column)] {
        let indices: Vec<i64> = taps.iter().map(|taps| taps.first as i64).collect();
        if indices.len() != SIDE as usize || indices.iter().enumerate().any(|(at, index)| at as i64 != *index) {
            value = builder.gather(&format!("crop/{name}"), &value, &indices, axis);
        }
    }
    value
}

/// Scaling, mean and deviation, in the order and the precision of the frameworks: divided by 255, then less the mean, then
/// divided by the deviation, each in 32 bits.
fn normalise(builder: &mut Builder<'_>, value: String, input: &Input, channels_first: bool) -> String {
    let (divisor, shift) = input.range.scale();
    let mut value = value;
    if divisor != 1.0 {
        value = builder.with_number("Div", "scaled", &value, divisor);
    }
    if shift != 0.0 {
        value = builder.with_number("Sub", "shifted", &value, shift);
    }
    let dims: &[usize] = if channels_first { &[1, 3, 1, 1] } else { &[1, 1, 1, 3] };
    for (operator, wish, numbers, neutral) in
        [("Sub", "less_mean", input.mean, 0.0), ("Div", "by_deviation", input.std, 1.0)]
    {
        if numbers != [neutral; 3] {
            let constant = builder.floats(&format!("{wish}/value"), dims, &numbers.map(|number| number as f32));
            value = builder.node(operator, wish, &[&value, &constant], Vec::new());
        }
    }
    value
}
