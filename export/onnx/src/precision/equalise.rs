//! Equalises channels before they share one scale. A layer's activations get one scale for all channels, so that one
//! channel with large values leaves few of the 256 numbers to the others. A factor by which a layer multiplies a channel
//! can be divided out by the next layer, since a ReLU and a pool preserve positive factors. Each channel's factor lies
//! halfway between the range of its activations and the range of the weights that read it: `s = sqrt(max |x| / max |w|)`
//! (Nagel et al. 2019; Xiao et al. 2023, with alpha = 1/2). The function stays the same; only its rounding to 8 bits gets
//! better.

use std::collections::HashMap;

use super::activations::Activations;
use super::editor::Editor;
use super::layer::Layer;
use crate::OnnxModel;
use crate::graph::{Constant, ValueId};

/// Operators that preserve a positive factor of a channel.
const LINEAR: [&str; 6] = ["MaxPool", "AveragePool", "GlobalAveragePool", "Reshape", "Flatten", "Relu"];

/// The model with equalised channels between each pair of successive layers.
pub(super) fn equalise(model: &OnnxModel, layers: &[Layer], activations: &Activations) -> OnnxModel {
    let mut editor = Editor::new(model);
    let readers = editor.readers();
    for first in layers {
        let second = next_layer(&editor, &readers, layers, first.result);
        let peaks = activations.peaks(editor.graph().name(first.result));
        let (Some(second), Some(peaks)) = (second, peaks) else { continue };
        equalise_pair(&mut editor, first, second, &peaks);
    }
    editor.finish()
}

/// The only layer that reads a value, through operators that preserve factors.
fn next_layer<'a>(
    editor: &Editor,
    readers: &HashMap<ValueId, Vec<usize>>,
    layers: &'a [Layer],
    mut value: ValueId,
) -> Option<&'a Layer> {
    loop {
        let [reader] = readers.get(&value)?.as_slice() else { return None };
        let node = editor.nodes().get(*reader)?;
        let output = *node.outputs.first()?;
        if let Some(layer) = layers.iter().find(|layer| layer.output == output && layer.input == value) {
            return Some(layer);
        }
        if !LINEAR.contains(&node.op) {
            return None;
        }
        value = output;
    }
}

fn equalise_pair(editor: &mut Editor, first: &Layer, second: &Layer, peaks: &[f32]) -> Option<()> {
    let (before, after) = (editor.maker(first.output)?.clone(), editor.maker(second.output)?.clone());
    let (writing, reading) = (before.input(1)?, after.input(1)?);
    // Shared weights must not change, nor those of groups, whose channels are separate.
    let grouped = after.int("group").is_some_and(|group| group != 1);
    let readers = editor.readers();
    let is_unshared = |id: &ValueId| readers.get(id).is_some_and(|readers| readers.len() == 1);
    if grouped || !is_unshared(&writing) || !is_unshared(&reading) {
        return None;
    }
    let (writing_weight, reading_weight) = (editor.constant(writing)?.clone(), editor.constant(reading)?.clone());
    let channels = *writing_weight.dims.get(first.axis)?;
    let input_axis = 1 - second.axis;
    let inputs = *reading_weight.dims.get(input_axis)?;
    if channels != peaks.len() || inputs % channels != 0 {
        return None;
    }
    // After flattening, the elements of a channel are adjacent.
    let places = inputs / channels;
    let factors = factors(peaks, &largest_along(&reading_weight, input_axis)?, places);
    let bias = match before.inputs.get(2) {
        None => None,
        Some(bias) => {
            let bias = bias.filter(is_unshared)?;
            Some((bias, editor.constant(bias)?.clone()))
        }
    };
    let inverse: Vec<f32> = factors.iter().map(|factor| 1.0 / factor).collect();
    let repeated: Vec<f32> = (0..inputs).map(|input| factors[input / places]).collect();
    editor.replace(writing, scaled(&writing_weight, first.axis, &inverse)?);
    editor.replace(reading, scaled(&reading_weight, input_axis, &repeated)?);
    if let Some((id, constant)) = bias {
        // `[channels]`, or `[1, channels]` in a dense layer.
        editor.replace(id, scaled(&constant, constant.dims.len().checked_sub(1)?, &inverse)?);
    }
    Some(())
}

/// The factor of each channel; 1 where the ranges give none.
fn factors(peaks: &[f32], read: &[f32], places: usize) -> Vec<f32> {
    let factor = |(channel, peak): (usize, &f32)| {
        let weight = read[channel * places..(channel + 1) * places].iter().fold(0.0_f32, |most, one| most.max(*one));
        let factor = (peak / weight).sqrt();
        if factor.is_finite() && factor > 0.0 { factor.clamp(1e-3, 1e3) } else { 1.0 }
    };
    peaks.iter().enumerate().map(factor).collect()
}

/// Maps the position of an element to its index along an axis.
fn index_along(constant: &Constant, axis: usize) -> impl Fn(usize) -> usize + use<> {
    let (size, inner) = (constant.dims[axis], constant.dims[axis + 1..].iter().product::<usize>().max(1));
    move |at| at / inner % size
}

/// The largest magnitude at each index along an axis.
fn largest_along(constant: &Constant, axis: usize) -> Option<Vec<f32>> {
    let index = index_along(constant, axis);
    let mut largest = vec![0.0_f32; constant.dims[axis]];
    for (at, value) in constant.floats()?.iter().enumerate() {
        let most = &mut largest[index(at)];
        *most = most.max(value.abs());
    }
    Some(largest)
}

/// The constant with a factor for each index along an axis.
fn scaled(constant: &Constant, axis: usize, factors: &[f32]) -> Option<Constant> {
    let index = index_along(constant, axis);
    let values = constant.floats()?;
    let scaled = values.iter().enumerate().map(|(at, value)| value * factors[index(at)]);
    Some(Constant::from_f32(constant.dims.clone(), scaled))
}
