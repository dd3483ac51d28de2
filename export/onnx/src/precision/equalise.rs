//! Evens out channels before they share one scale. A layer's activations get one scale for all channels, and one channel
//! with large values leaves few levels to the others. What a layer multiplies a channel by, the next one can divide it by
//! (a ReLU and a pool let positive factors through), so each channel's factor is chosen halfway between the range of its
//! activations and that of the weights that read it: `s = sqrt(max |x| / max |w|)` (Nagel et al. 2019; Xiao et al. 2023,
//! with alpha = 1/2). The function stays the same; only its rounding to 8 bits gets better.

use std::collections::HashMap;

use super::activations::Activations;
use super::editor::{Editor, int_of};
use super::int8::Layer;
use crate::OnnxModel;
use crate::graph::Constant;
use crate::onnx::Element;
use crate::onnx::proto::NodeProto;

/// Operators that give a positive factor of a channel on as it is.
const LINEAR: [&str; 6] = ["MaxPool", "AveragePool", "GlobalAveragePool", "Reshape", "Flatten", "Relu"];

/// The model with even channels between each pair of layers that follow one another.
pub(super) fn equalise(model: &OnnxModel, layers: &[Layer], activations: &Activations) -> OnnxModel {
    let mut editor = Editor::of(model);
    let readers = editor.readers();
    for first in layers {
        let second = next_layer(&editor, &readers, layers, &first.result);
        let (Some(second), Some(peaks)) = (second, activations.peaks(&first.result)) else { continue };
        even_out(&mut editor, first, second, &peaks);
    }
    editor.finish()
}

/// The layer that reads a value, through nothing but what lets factors through.
fn next_layer<'a>(
    editor: &Editor,
    readers: &HashMap<String, Vec<usize>>,
    layers: &'a [Layer],
    value: &str,
) -> Option<&'a Layer> {
    let [reader] = readers.get(value)?.as_slice() else { return None };
    let node = editor.nodes().get(*reader)?;
    let output = node.output.first()?;
    if let Some(layer) = layers.iter().find(|layer| layer.name == *output && layer.input == value) {
        return Some(layer);
    }
    LINEAR.contains(&node.op_type.as_str()).then(|| next_layer(editor, readers, layers, output))?
}

fn even_out(editor: &mut Editor, first: &Layer, second: &Layer, peaks: &[f32]) -> Option<()> {
    let (before, after) = (find(editor, &first.name)?, find(editor, &second.name)?);
    // Weights that something else reads too must stay as they are; so must those of groups, whose channels are apart.
    let grouped = int_of(&after, "group").is_some_and(|group| group != 1);
    let readers = editor.readers();
    let alone = |name: &String| readers.get(name).is_some_and(|readers| readers.len() == 1);
    if grouped || !alone(&before.input[1]) || !alone(&after.input[1]) {
        return None;
    }
    let (weight, reading) = (editor.constant(&before.input[1])?.clone(), editor.constant(&after.input[1])?.clone());
    let channels = *weight.dims.get(first.axis)?;
    let input_axis = 1 - second.axis;
    let inputs = *reading.dims.get(input_axis)?;
    if channels != peaks.len() || inputs % channels != 0 {
        return None;
    }
    // After flattening, the places of a channel stand together.
    let places = inputs / channels;
    let read = along(&reading, input_axis)?;
    let factors = factors(peaks, &read, places);
    let bias = before.input.get(2).filter(|name| alone(name)).cloned();
    let scaled_bias = match before.input.get(2) {
        None => None,
        Some(_) => Some(editor.constant(bias.as_ref()?)?.clone()),
    };
    let inverse: Vec<f32> = factors.iter().map(|factor| 1.0 / factor).collect();
    let wide: Vec<f32> = (0..inputs).map(|input| factors[input / places]).collect();
    editor.replace(&before.input[1], scaled(&weight, first.axis, &inverse)?);
    editor.replace(&after.input[1], scaled(&reading, input_axis, &wide)?);
    if let (Some(name), Some(constant)) = (bias, scaled_bias) {
        editor.replace(&name, scaled(&constant, 0, &inverse)?);
    }
    Some(())
}

fn find(editor: &Editor, output: &str) -> Option<NodeProto> {
    editor.nodes().iter().find(|node| node.output.first().is_some_and(|name| name == output)).cloned()
}

/// The factor of each channel; 1 where there is nothing to even out.
fn factors(peaks: &[f32], read: &[f32], places: usize) -> Vec<f32> {
    let factor = |(channel, peak): (usize, &f32)| {
        let weight = read[channel * places..(channel + 1) * places].iter().fold(0.0_f32, |most, one| most.max(*one));
        let factor = (peak / weight).sqrt();
        if factor.is_finite() && factor > 0.0 { factor.clamp(1e-3, 1e3) } else { 1.0 }
    };
    peaks.iter().enumerate().map(factor).collect()
}

/// Which part of an axis each element belongs to.
fn part(constant: &Constant, axis: usize) -> impl Fn(usize) -> usize + use<> {
    let (size, inner) = (constant.dims[axis], constant.dims[axis + 1..].iter().product::<usize>().max(1));
    move |at| at / inner % size
}

/// The largest magnitude in each part of an axis.
fn along(constant: &Constant, axis: usize) -> Option<Vec<f32>> {
    let part = part(constant, axis);
    let mut largest = vec![0.0_f32; constant.dims[axis]];
    for (at, value) in constant.floats()?.iter().enumerate() {
        let most = &mut largest[part(at)];
        *most = most.max(value.abs());
    }
    Some(largest)
}

fn scaled(constant: &Constant, axis: usize, factors: &[f32]) -> Option<Constant> {
    let part = part(constant, axis);
    let values = constant.floats()?;
    let data: Vec<u8> =
        values.iter().enumerate().flat_map(|(at, value)| (value * factors[part(at)]).to_le_bytes()).collect();
    Some(Constant { element: Element::F32, dims: constant.dims.clone(), data: data.into() })
}
