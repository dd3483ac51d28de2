//! Convolutions and transposed convolutions in one, two and three dimensions.

use burn::backend::ir::{DeformConv2dOpIr, ScalarIr, TensorIr, Unfold4dOpIr};

use super::blocks::shape::reshape;
use super::context::{Context, Lowered, Refusal, refuse};
use crate::element::scalar_bytes;
use crate::graph::{Attributes, Constant, int, ints};
use crate::symbolic::Size;

/// The options of every convolution. Padding is (before, after) for each axis.
pub(super) struct Window<'a> {
    pub(super) stride: &'a [usize],
    pub(super) padding: Vec<(usize, usize)>,
    pub(super) dilation: &'a [usize],
    pub(super) groups: usize,
}

/// The tensors of a convolution.
pub(super) struct Tensors<'a> {
    pub(super) x: &'a TensorIr,
    pub(super) weight: &'a TensorIr,
    pub(super) bias: Option<&'a TensorIr>,
    pub(super) out: &'a TensorIr,
}

/// The same padding on both sides.
pub(super) fn both(padding: &[usize]) -> Vec<(usize, usize)> {
    padding.iter().map(|padding| (*padding, *padding)).collect()
}

/// ONNX lists the padding before every axis, then the padding after every axis.
pub(super) fn pads(padding: &[(usize, usize)]) -> impl Iterator<Item = usize> + '_ {
    padding.iter().map(|(before, _)| *before).chain(padding.iter().map(|(_, after)| *after))
}

pub(super) fn conv(cx: &mut Context<'_>, tensors: &Tensors<'_>, window: &Window<'_>) -> Lowered {
    let inputs = inputs(cx, tensors)?;
    let result = cx.node("Conv", &inputs, attributes(tensors, window));
    cx.bind(tensors.out, result)
}

/// A transposed convolution. Weights are `[in, out / groups, ...]` in burn and in ONNX.
pub(super) fn transposed(cx: &mut Context<'_>, tensors: &Tensors<'_>, window: &Window<'_>, extra: &[usize]) -> Lowered {
    let mut attributes = attributes(tensors, window);
    if extra.iter().zip(window.stride).all(|(extra, stride)| extra < stride) {
        if extra.iter().any(|extra| *extra > 0) {
            attributes.push(ints("output_padding", extra.iter().copied()));
        }
        let inputs = inputs(cx, tensors)?;
        let result = cx.node("ConvTranspose", &inputs, attributes);
        return cx.bind(tensors.out, result);
    }
    padded(cx, tensors, window, extra)
}

/// ONNX rejects an output padding of a stride or more. Cropping less at the end is equivalent; elements that are still
/// missing contain only the bias.
fn padded(cx: &mut Context<'_>, tensors: &Tensors<'_>, window: &Window<'_>, extra: &[usize]) -> Lowered {
    let cut = |((before, after), extra): (&(usize, usize), &usize)| (*before, after.saturating_sub(*extra));
    let padding = window.padding.iter().zip(extra).map(cut).collect();
    let missing: Vec<i64> =
        window.padding.iter().zip(extra).map(|((_, after), extra)| extra.saturating_sub(*after) as i64).collect();
    let window = Window { padding, ..*window };
    let (x, weight) = (cx.value(tensors.x)?, cx.value(tensors.weight)?);
    let mut result = cx.node("ConvTranspose", &[x, weight], attributes(tensors, &window));
    if missing.iter().any(|missing| *missing > 0) {
        let pads: Vec<i64> = vec![0; missing.len() + 4].into_iter().chain(missing.iter().copied()).collect();
        let pads = cx.vector(&pads);
        result = cx.node("Pad", &[result, pads], Vec::new());
    }
    if let Some(bias) = tensors.bias {
        let value = cx.value(bias)?;
        let from = cx.shape(bias);
        let mut column = vec![cx.fixed(1); missing.len() + 1];
        column[0].clone_from(&from[0]);
        let value = reshape(cx, value, &from, &column)?;
        result = cx.node("Add", &[result, value], Vec::new());
    }
    cx.bind(tensors.out, result)
}

fn inputs(cx: &mut Context<'_>, tensors: &Tensors<'_>) -> Result<Vec<usize>, Refusal> {
    let mut inputs = vec![cx.value(tensors.x)?, cx.value(tensors.weight)?];
    if let Some(bias) = tensors.bias {
        inputs.push(cx.value(bias)?);
    }
    Ok(inputs)
}

fn attributes(tensors: &Tensors<'_>, window: &Window<'_>) -> Attributes {
    vec![
        ints("dilations", window.dilation.iter().copied()),
        int("group", window.groups as i64),
        ints("kernel_shape", tensors.weight.shape.iter().skip(2).copied()),
        ints("pads", pads(&window.padding)),
        ints("strides", window.stride.iter().copied()),
    ]
}

pub(super) fn deformable(cx: &mut Context<'_>, op: &DeformConv2dOpIr) -> Lowered {
    if cx.opset() < 19 {
        return refuse("DeformConv needs opset 19");
    }
    let mut inputs = vec![Some(cx.value(&op.x)?), Some(cx.value(&op.weight)?), Some(cx.value(&op.offset)?)];
    for optional in [&op.bias, &op.mask] {
        inputs.push(optional.as_ref().map(|tensor| cx.value(tensor)).transpose()?);
    }
    while inputs.last() == Some(&None) {
        inputs.pop();
    }
    let attributes = vec![
        ints("dilations", op.options.dilation),
        int("group", op.options.weight_groups as i64),
        ints("kernel_shape", op.weight.shape.iter().skip(2).copied()),
        int("offset_group", op.options.offset_groups as i64),
        ints("pads", pads(&both(&op.options.padding))),
        ints("strides", op.options.stride),
    ];
    let element = cx.element(&op.out)?;
    let result = cx.several("DeformConv", inputs, attributes, &[element])[0];
    cx.bind(&op.out, result)
}

/// Windows as columns: a grouped convolution in which each filter selects one place of the window.
pub(super) fn columns(cx: &mut Context<'_>, op: &Unfold4dOpIr) -> Lowered {
    let (channels, places) = (op.x.shape[1], op.kernel_size[0] * op.kernel_size[1]);
    let input = cx.value(&op.x)?;
    let element = cx.element_of(input);
    let weight = |filter: usize, place: usize| f64::from(u8::from(filter % places == place));
    let weights = (0..channels * places).flat_map(|filter| (0..places).map(move |place| weight(filter, place)));
    let data: Vec<u8> = weights.flat_map(|weight| scalar_bytes(ScalarIr::Float(weight), element)).collect();
    let dims = vec![channels * places, 1, op.kernel_size[0], op.kernel_size[1]];
    let filters = cx.constant(Constant { element, dims, data: data.into() });
    let attributes = vec![
        ints("dilations", op.options.dilation),
        int("group", channels as i64),
        ints("kernel_shape", op.kernel_size),
        ints("pads", pads(&both(&op.options.padding))),
        ints("strides", op.options.stride),
    ];
    let columns = cx.node("Conv", &[input, filters], attributes);
    let to = cx.shape(&op.out);
    // Batch and channels do not change; the plane becomes one axis, whose size is inferred if it is symbolic.
    let from: Vec<Size> = to[..2].to_vec();
    let columns = reshape(cx, columns, &from, &to)?;
    cx.bind(&op.out, columns)
}
