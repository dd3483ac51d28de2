//! Operations of neural-network layers: dense, normalisation, embedding, attention. Convolutions, pools and interpolation
//! have separate files.

use burn::backend::ir::{
    AttentionOpIr, BatchNormOpIr, EmbeddingOpIr, LayerNormOpIr, LinearOpIr, ModuleOperationIr, ScalarIr, TensorIr,
};

use super::blocks::reduce::reduce_axes;
use super::blocks::shape::{reshape, transpose};
use super::context::{Context, Lowered, Refusal, refuse};
use super::conv::{self, Tensors, Window, both};
use super::pool::{self, Pool};
use super::refused;
use super::resize;
use crate::element::Element;
use crate::graph::{Constant, ValueId, axis, float, int, tensor};
use crate::symbolic::Size;

macro_rules! tensors {
    ($op:ident) => {
        &Tensors { x: &$op.x, weight: &$op.weight, bias: $op.bias.as_ref(), out: &$op.out }
    };
}

macro_rules! window {
    ($op:ident, $padding:expr) => {
        &Window {
            stride: &$op.options.stride,
            padding: $padding,
            dilation: &$op.options.dilation,
            groups: $op.options.groups,
        }
    };
}

macro_rules! pool {
    ($op:ident, $list:expr, $dilation:expr) => {
        &Pool {
            x: &$op.x,
            kernel: $list(&$op.kernel_size),
            stride: $list(&$op.stride),
            padding: $list(&$op.padding),
            dilation: $dilation,
            ceil: $op.ceil_mode,
            out: &$op.out,
        }
    };
}

pub(super) fn lower(cx: &mut Context<'_>, op: &ModuleOperationIr) -> Lowered {
    use ModuleOperationIr as Op;
    let one = |size: &usize| vec![*size];
    let two = |sizes: &[usize; 2]| sizes.to_vec();
    match op {
        Op::Linear(op) => linear(cx, op),
        Op::BatchNorm(op) => batch_norm(cx, op),
        Op::LayerNorm(op) => layer_norm(cx, op),
        Op::Embedding(op) => embedding(cx, op),
        Op::Attention(op) => attention(cx, op),
        Op::Conv1d(op) => conv::conv(cx, tensors!(op), window!(op, op.options.padding.to_vec())),
        Op::Conv2d(op) => conv::conv(cx, tensors!(op), window!(op, op.options.padding.to_vec())),
        Op::Conv3d(op) => conv::conv(cx, tensors!(op), window!(op, both(&op.options.padding))),
        Op::DeformableConv2d(op) => conv::deformable(cx, op),
        Op::ConvTranspose1d(op) => {
            conv::transposed(cx, tensors!(op), window!(op, both(&op.options.padding)), &op.options.padding_out)
        }
        Op::ConvTranspose2d(op) => {
            conv::transposed(cx, tensors!(op), window!(op, both(&op.options.padding)), &op.options.padding_out)
        }
        Op::ConvTranspose3d(op) => {
            conv::transposed(cx, tensors!(op), window!(op, both(&op.options.padding)), &op.options.padding_out)
        }
        Op::AvgPool1d(op) => pool::average(cx, pool!(op, one, vec![1]), op.count_include_pad),
        Op::AvgPool2d(op) => pool::average(cx, pool!(op, two, vec![1; 2]), op.count_include_pad),
        Op::AdaptiveAvgPool1d(op) => pool::adaptive(cx, &op.x, &[op.output_size], &op.out),
        Op::AdaptiveAvgPool2d(op) => pool::adaptive(cx, &op.x, &op.output_size, &op.out),
        Op::AdaptiveAvgPool3d(op) => pool::adaptive(cx, &op.x, &op.output_size, &op.out),
        Op::MaxPool1d(op) => pool::max(cx, pool!(op, one, vec![op.dilation])),
        Op::MaxPool2d(op) => pool::max(cx, pool!(op, two, op.dilation.to_vec())),
        Op::MaxPool1dWithIndices(op) => pool::max_with_indices(cx, pool!(op, one, vec![op.dilation]), &op.out_indices),
        Op::MaxPool2dWithIndices(op) => {
            pool::max_with_indices(cx, pool!(op, two, op.dilation.to_vec()), &op.out_indices)
        }
        Op::Interpolate(op) => resize::interpolate(cx, op),
        Op::Unfold4d(op) => conv::columns(cx, op),
        Op::CtcLoss(_) => refuse("burn composes this loss of other operations before it is recorded"),
        // The rest are gradients; a test checks that `docs/operators.md` lists every operation.
        _ => refuse(refused::BACKWARD),
    }
}

/// burn's weights are `[in, out]`, the order of `Gemm` and `MatMul`. `Gemm` takes two axes; `MatMul` serves for more.
fn linear(cx: &mut Context<'_>, op: &LinearOpIr) -> Lowered {
    let (x, weight) = (cx.value(&op.x)?, cx.value(&op.weight)?);
    let bias = op.bias.as_ref().map(|bias| cx.value(bias)).transpose()?;
    let result = match bias {
        Some(bias) if op.x.shape.num_dims() == 2 => cx.node("Gemm", &[x, weight, bias], Vec::new()),
        Some(bias) => {
            let product = cx.node("MatMul", &[x, weight], Vec::new());
            cx.node("Add", &[product, bias], Vec::new())
        }
        None => cx.node("MatMul", &[x, weight], Vec::new()),
    };
    cx.bind(&op.out, result)
}

fn batch_norm(cx: &mut Context<'_>, op: &BatchNormOpIr) -> Lowered {
    let inputs = [&op.x, &op.gamma, &op.beta, &op.mean, &op.variance];
    let inputs = inputs.into_iter().map(|tensor| cx.value(tensor)).collect::<Result<Vec<_>, _>>()?;
    let result = cx.node("BatchNormalization", &inputs, vec![float("epsilon", op.epsilon.elem::<f32>())]);
    cx.bind(&op.out, result)
}

fn layer_norm(cx: &mut Context<'_>, op: &LayerNormOpIr) -> Lowered {
    let mut inputs = vec![cx.value(&op.input)?, cx.value(&op.gamma)?];
    if let Some(beta) = &op.beta {
        inputs.push(cx.value(beta)?);
    }
    let attributes = vec![int("axis", -1), float("epsilon", op.epsilon.elem::<f32>())];
    let result = cx.node("LayerNormalization", &inputs, attributes);
    cx.bind(&op.out, result)
}

fn embedding(cx: &mut Context<'_>, op: &EmbeddingOpIr) -> Lowered {
    let (weights, indices) = (cx.value(&op.weights)?, cx.value(&op.indices)?);
    let wide = matches!(cx.element_of(indices), Element::I32 | Element::I64);
    let indices = if wide { indices } else { cx.cast(indices, Element::I64) };
    let result = cx.node("Gather", &[weights, indices], vec![axis(0)]);
    cx.bind(&op.out, result)
}

/// Scaled dot-product attention: `softmax(q k' * scale) v`. A fully masked row gives zero in burn, but NaN by a plain
/// softmax.
fn attention(cx: &mut Context<'_>, op: &AttentionOpIr) -> Lowered {
    let (query, key, value) = (cx.value(&op.query)?, shared(cx, op, &op.key)?, shared(cx, op, &op.value)?);
    // burn's backends compute attention with at least 32 bits.
    let narrow = matches!(cx.element_of(query), Element::F16 | Element::Bf16);
    let wide = |cx: &mut Context<'_>, value| if narrow { cx.cast(value, Element::F32) } else { value };
    let (query, key, value) = (wide(cx, query), wide(cx, key), wide(cx, value));
    let width = op.query.shape[op.query.shape.num_dims() - 1] as f64;
    let scale = op.options.scale.map_or(1.0 / width.sqrt(), |scale| scale.elem::<f64>());
    let key = transpose(cx, key, vec![0, 1, 3, 2]);
    let product = cx.node("MatMul", &[query, key], Vec::new());
    let scale = cx.number(scale, product);
    let mut scores = cx.node("Mul", &[product, scale], Vec::new());
    if let Some(cap) = op.options.softcap {
        let cap = cx.number(cap.elem::<f64>(), scores);
        let ratio = cx.node("Div", &[scores, cap], Vec::new());
        let bounded = cx.node("Tanh", &[ratio], Vec::new());
        scores = cx.node("Mul", &[bounded, cap], Vec::new());
    }
    if let Some(mask) = &op.mask {
        let mask = cx.value(mask)?;
        scores = masked(cx, mask, scores);
    }
    if op.options.is_causal {
        let mask = future(cx, op)?;
        scores = masked(cx, mask, scores);
    }
    if let Some(bias) = &op.attn_bias {
        let bias = cx.value(bias)?;
        let bias = cx.cast(bias, cx.element_of(scores));
        scores = cx.node("Add", &[scores, bias], Vec::new());
    }
    let mut weights = cx.node("Softmax", &[scores], vec![int("axis", -1)]);
    if op.mask.is_some() || op.attn_bias.is_some() || sees_nothing(cx, op) {
        weights = zero_where_all_masked(cx, scores, weights);
    }
    let result = cx.node("MatMul", &[weights, value], Vec::new());
    cx.bind(&op.out, result)
}

/// Keys or values repeated to the heads of the queries: with grouped queries, one head serves several.
fn shared(cx: &mut Context<'_>, op: &AttentionOpIr, tensor: &TensorIr) -> Result<ValueId, Refusal> {
    let value = cx.value(tensor)?;
    let (heads, own) = (op.query.shape[1], tensor.shape[1]);
    if heads == own || own == 1 {
        return Ok(value);
    }
    let from = cx.shape(tensor);
    let [batch, length, width] = [0, 2, 3].map(|axis| from[axis].clone());
    let (own, group, heads) = (cx.fixed(own), cx.fixed(heads / own), cx.fixed(heads));
    let apart = [batch.clone(), own, cx.fixed(1), length.clone(), width.clone()];
    let apart = reshape(cx, value, &from, &apart)?;
    let one = cx.fixed(1);
    let times = cx.sizes(&[one.clone(), one.clone(), group, one.clone(), one])?;
    let repeated = cx.node("Expand", &[apart, times], Vec::new());
    reshape(cx, repeated, &[], &[batch, heads, length, width])
}

/// Returns true if the first queries come before every key.
fn sees_nothing(cx: &Context<'_>, op: &AttentionOpIr) -> bool {
    let (queries, keys) = (&cx.shape(&op.query)[2], &cx.shape(&op.key)[2]);
    op.options.is_causal && queries.0.iter().zip(&keys.0).any(|(queries, keys)| queries > keys)
}

fn masked(cx: &mut Context<'_>, mask: ValueId, scores: ValueId) -> ValueId {
    let nothing = cx.number(f64::NEG_INFINITY, scores);
    cx.typed("Where", &[mask, nothing, scores], Vec::new(), cx.element_of(scores))
}

/// `[queries, keys]`, true where the key comes after the query.
fn future(cx: &mut Context<'_>, op: &AttentionOpIr) -> Result<ValueId, Refusal> {
    let (queries, keys) = (cx.shape(&op.query)[2].clone(), cx.shape(&op.key)[2].clone());
    let sizes = cx.sizes(&[queries.clone(), keys.clone()])?;
    let one = Constant { dims: vec![1], ..Constant::vector(&[1]) };
    let ones = cx.typed("ConstantOfShape", &[sizes], vec![tensor("value", one)], Element::I64);
    // With more keys than queries, the last query attends to the last key.
    let lead = Size(keys.0.iter().zip(&queries.0).map(|(keys, queries)| keys - queries).collect());
    let lead = lead.fixed().ok_or(Refusal::Ambiguous)?;
    let above = cx.scalar(ScalarIr::Int(1 + lead), Element::I64);
    let future = cx.node("Trilu", &[ones, above], vec![int("upper", 1)]);
    Ok(cx.cast(future, Element::Bool))
}

fn zero_where_all_masked(cx: &mut Context<'_>, scores: ValueId, weights: ValueId) -> ValueId {
    let largest = reduce_axes(cx, "ReduceMax", scores, &[3]);
    let nothing = cx.number(f64::NEG_INFINITY, scores);
    let masked = cx.typed("Equal", &[largest, nothing], Vec::new(), Element::Bool);
    let zero = cx.number(0.0, scores);
    cx.typed("Where", &[masked, zero, weights], Vec::new(), cx.element_of(scores))
}
