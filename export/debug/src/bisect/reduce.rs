//! Makes a part smaller while it still shows the difference: one row of the batch, one channel of a sum, a window of the
//! image.

use std::collections::BTreeSet;

use burn_onnx_export::proto::{ModelProto, TensorProto};
use kiln_runtime::Array;

use super::part::{Arrays, Part};
use super::{bytes, first_row_of};
use crate::array::along;
use crate::error::Result;

/// Inputs and outputs above this many bytes are cut to a window.
const LARGE: u64 = 64 * 1024;

/// The smallest side of a window, in pixels.
const SMALLEST: usize = 4;

/// Cuts every input to the first of `size` rows.
pub(super) fn to_one_row(part: &mut Part, size: usize) -> Result<bool> {
    if size == 1 {
        return Ok(false);
    }
    let cut = |(name, array): (&String, &Array)| Some((name.clone(), first_row_of(array, size)?));
    let inputs: Option<Arrays> = part.inputs.iter().map(cut).collect();
    let (Some(inputs), Some(expected)) = (inputs, first_row_of(&part.expected, size)) else { return Ok(false) };
    let smaller = part.with(part.model.clone(), inputs, expected);
    Ok(part.kept_if_shown(smaller))
}

/// Keeps the worst channel of a single convolution or dense layer: one filter of the weights, one channel of the result.
pub(super) fn to_one_channel(part: &mut Part) -> Result<Option<String>> {
    let [operator] = part.operators.as_slice() else { return Ok(None) };
    let axis = match operator.as_str() {
        "Conv" => 1,
        "Gemm" | "MatMul" => part.expected.shape().len().saturating_sub(1),
        _ => return Ok(None),
    };
    let Ok(figures) = part.figures() else { return Ok(None) };
    let (Some(channel), Some(all)) = (figures.worst_index.get(axis).copied(), part.expected.shape().get(axis).copied())
    else {
        return Ok(None);
    };
    if all < 2 {
        return Ok(None);
    }
    let operator = operator.clone();
    let Some(model) = one_channel(part.model.clone(), &operator, channel) else { return Ok(None) };
    let expected = along(&part.expected, axis, channel, channel + 1);
    let mut smaller = part.with(model, part.inputs.clone(), expected);
    smaller.reference = part.reference.clone().and_then(|mut reference| {
        reference.model = one_channel(reference.model, &operator, channel)?;
        Some(reference)
    });
    Ok(part.kept_if_shown(smaller).then(|| format!("{all} channels of the result to channel {channel}")))
}

/// A model of one layer with one filter.
fn one_channel(mut model: ModelProto, operator: &str, channel: usize) -> Option<ModelProto> {
    let graph = model.graph.as_mut()?;
    let node = graph.node.iter().find(|node| node.op_type == operator)?.clone();
    if node.int("group").is_some_and(|group| group != 1) {
        return None;
    }
    let axis = match operator {
        "Conv" => 0,
        "Gemm" if node.int("transB") == Some(1) => 0,
        _ => 1,
    };
    let weight = graph.initializer.iter_mut().find(|tensor| Some(&tensor.name) == node.input.get(1))?;
    *weight = cut(weight, axis, channel)?;
    if let Some(name) = node.input.get(2).filter(|name| !name.is_empty()) {
        let bias = graph.initializer.iter_mut().find(|tensor| tensor.name == *name)?;
        let last = bias.dims.len().checked_sub(1)?;
        *bias = cut(bias, last, channel)?;
    }
    Some(model)
}

/// One index of a tensor along an axis.
fn cut(tensor: &TensorProto, axis: usize, index: usize) -> Option<TensorProto> {
    let dims: Vec<usize> = tensor.dims.iter().map(|size| usize::try_from(*size).ok()).collect::<Option<_>>()?;
    let size = *dims.get(axis)?;
    let elements = dims.iter().try_fold(1_usize, |all, size| all.checked_mul(*size))?;
    let bytes = tensor.bytes()?;
    let width = bytes.len().checked_div(elements)?;
    if index >= size || width == 0 || width * elements != bytes.len() {
        return None;
    }
    let inner: usize = dims[axis + 1..].iter().product::<usize>() * width;
    let outer: usize = dims[..axis].iter().product();
    let slice = |at: usize| {
        let start = (at * size + index) * inner;
        bytes[start..start + inner].iter().copied()
    };
    let raw: Vec<u8> = (0..outer).flat_map(slice).collect();
    let mut dims = tensor.dims.clone();
    dims[axis] = 1;
    Some(TensorProto { dims, ..tensor.with_bytes(raw) })
}

/// Cuts images to ever smaller windows around the worst pixel. The expected values of a window are computed by the first
/// graph's own nodes, which must give the first side's values on the whole image.
pub(super) fn to_a_window(part: &mut Part) -> Result<Option<String>> {
    let Some(reference) = part.reference.clone() else { return Ok(None) };
    let images = |part: &Part| -> Vec<(String, usize, usize)> {
        let image = |(name, array): (&String, &Array)| match array.shape() {
            [_, _, height, width] if *height >= 2 * SMALLEST && *width >= 2 * SMALLEST => {
                Some((name.clone(), *height, *width))
            }
            _ => None,
        };
        part.inputs.iter().filter_map(image).collect()
    };
    if bytes(&part.inputs) < LARGE {
        return Ok(None);
    }
    let agrees = reference.run(&part.inputs).is_ok_and(|whole| {
        whole.shape() == part.expected.shape() && super::figures(&part.expected, &whole).max_abs <= part.allowed
    });
    if !agrees {
        return Ok(None);
    }
    let Some((_, from_height, from_width)) = images(part).into_iter().next() else { return Ok(None) };
    while bytes(&part.inputs) >= LARGE {
        let found = images(part);
        let sizes: BTreeSet<(usize, usize)> = found.iter().map(|(_, height, width)| (*height, *width)).collect();
        // Images of several sizes belong to several resolutions, which one window does not fit.
        let [(height, width)] = sizes.into_iter().collect::<Vec<_>>()[..] else { break };
        if !halves(height, width, part, &found, &reference)? {
            break;
        }
    }
    let left = part.inputs.values().find(|array| array.shape().len() == 4).map(|array| array.shape().to_vec());
    let Some([_, _, height, width]) = left.as_deref() else { return Ok(None) };
    let changed = (*height, *width) != (from_height, from_width);
    Ok(changed.then(|| format!("the image of {from_height} by {from_width} to {height} by {width}")))
}

/// Tries the quarter of the image with the worst pixel first, then the others.
fn halves(
    height: usize,
    width: usize,
    part: &mut Part,
    images: &[(String, usize, usize)],
    reference: &super::part::Reference,
) -> Result<bool> {
    let (half_height, half_width) = (height / 2, width / 2);
    let worst = part.figures().map(|figures| figures.worst_index).unwrap_or_default();
    let shape = part.expected.shape().to_vec();
    let lower = |axis: usize| match (worst.get(axis), shape.get(axis)) {
        (Some(at), Some(size)) if shape.len() == 4 => 2 * at >= *size,
        _ => false,
    };
    let (down, right) = (lower(2), lower(3));
    for (row, column) in [(down, right), (!down, right), (down, !right), (!down, !right)] {
        let (top, left) = (if row { height - half_height } else { 0 }, if column { width - half_width } else { 0 });
        let mut inputs = part.inputs.clone();
        for (name, _, _) in images {
            let Some(array) = inputs.get(name) else { continue };
            let window = along(&along(array, 2, top, top + half_height), 3, left, left + half_width);
            inputs.insert(name.clone(), window);
        }
        let Ok(expected) = reference.run(&inputs) else { continue };
        let smaller = part.with(part.model.clone(), inputs, expected);
        if part.kept_if_shown(smaller) {
            return Ok(true);
        }
    }
    Ok(false)
}
