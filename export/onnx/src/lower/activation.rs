//! Activation functions.

use std::f64::consts::SQRT_2;

use burn::backend::ir::{ActivationOperationIr, BinaryOpIr, DimOpIr, TensorIr, UnaryOpIr};

use super::blocks::arithmetic::unary;
use super::context::{Context, Lowered, refuse};
use super::refused;
use crate::element::Element;
use crate::graph::{Attributes, ValueId, axis, float};

pub(super) fn lower(cx: &mut Context<'_>, op: &ActivationOperationIr) -> Lowered {
    use ActivationOperationIr as Op;
    match op {
        Op::Relu(op) => unary(cx, "Relu", op),
        Op::LeakyRelu(op) => {
            let input = cx.value(&op.lhs)?;
            if cx.element_of(input) == Element::F64 {
                let slope = cx.scalar(op.rhs, Element::F64);
                return bent(cx, input, slope, &op.out);
            }
            let slope = float("alpha", op.rhs.elem::<f32>());
            let result = cx.node("LeakyRelu", &[input], vec![slope]);
            cx.bind(&op.out, result)
        }
        Op::PRelu(op) => prelu(cx, op),
        Op::Gelu(op) => gelu(cx, op),
        Op::Sigmoid(op) => unary(cx, "Sigmoid", op),
        Op::HardSigmoid(op) => {
            let input = cx.value(&op.tensor)?;
            if cx.element_of(input) == Element::F64 {
                let [alpha, beta, zero, one] = [op.alpha.elem(), op.beta.elem(), 0.0, 1.0].map(|x| cx.number(x, input));
                let steep = cx.node("Mul", &[input, alpha], Vec::new());
                let line = cx.node("Add", &[steep, beta], Vec::new());
                let result = cx.node("Clip", &[line, zero, one], Vec::new());
                return cx.bind(&op.out, result);
            }
            let line: Attributes = vec![float("alpha", op.alpha.elem::<f32>()), float("beta", op.beta.elem::<f32>())];
            let result = cx.node("HardSigmoid", &[input], line);
            cx.bind(&op.out, result)
        }
        Op::LogSigmoid(op) => log_sigmoid(cx, op),
        Op::Softmax(op) => along(cx, "Softmax", op),
        Op::LogSoftmax(op) => along(cx, "LogSoftmax", op),
        Op::Softmin(op) => {
            let input = cx.value(&op.input)?;
            let negative = cx.node("Neg", &[input], Vec::new());
            let result = cx.node("Softmax", &[negative], vec![axis(op.axis)]);
            cx.bind(&op.out, result)
        }
        Op::ReluBackward(_) | Op::GeluBackward(_) | Op::SigmoidBackward(_) | Op::LogSigmoidBackward(_) => {
            refuse(refused::BACKWARD)
        }
    }
}

fn along(cx: &mut Context<'_>, op_type: &'static str, op: &DimOpIr) -> Lowered {
    let input = cx.value(&op.input)?;
    let result = cx.node(op_type, &[input], vec![axis(op.axis)]);
    cx.bind(&op.out, result)
}

fn prelu(cx: &mut Context<'_>, op: &BinaryOpIr) -> Lowered {
    let (input, slope) = (cx.value(&op.lhs)?, cx.value(&op.rhs)?);
    if cx.element_of(input) == Element::F64 {
        return bent(cx, input, slope, &op.out);
    }
    let result = cx.node("PRelu", &[input, slope], Vec::new());
    cx.bind(&op.out, result)
}

/// `x` above zero and `x · slope` below, for 64 bits: ONNX Runtime has neither `LeakyRelu` nor `PRelu` for them.
fn bent(cx: &mut Context<'_>, x: ValueId, slope: ValueId, out: &TensorIr) -> Lowered {
    let zero = cx.number(0.0, x);
    let below = cx.typed("Less", &[x, zero], Vec::new(), Element::Bool);
    let flat = cx.node("Mul", &[x, slope], Vec::new());
    let result = cx.typed("Where", &[below, flat, x], Vec::new(), Element::F64);
    cx.bind(out, result)
}

/// The exact GELU, by the error function: an operator from opset 20, before that `x * (1 + erf(x / sqrt 2)) / 2`, which
/// ONNX Runtime fuses.
fn gelu(cx: &mut Context<'_>, op: &UnaryOpIr) -> Lowered {
    if cx.opset() >= 20 {
        return unary(cx, "Gelu", op);
    }
    let x = cx.value(&op.input)?;
    let (root, one, half) = (cx.number(SQRT_2, x), cx.number(1.0, x), cx.number(0.5, x));
    let scaled = cx.node("Div", &[x, root], Vec::new());
    let erf = cx.node("Erf", &[scaled], Vec::new());
    let sum = cx.node("Add", &[erf, one], Vec::new());
    let product = cx.node("Mul", &[x, sum], Vec::new());
    let result = cx.node("Mul", &[product, half], Vec::new());
    cx.bind(&op.out, result)
}

/// `log(sigmoid(x)) = -softplus(-x)`, which does not overflow.
fn log_sigmoid(cx: &mut Context<'_>, op: &UnaryOpIr) -> Lowered {
    let x = cx.value(&op.input)?;
    if cx.element_of(x) == Element::F64 {
        return log_sigmoid_of_double(cx, x, &op.out);
    }
    let negative = cx.node("Neg", &[x], Vec::new());
    let softplus = cx.node("Softplus", &[negative], Vec::new());
    let result = cx.node("Neg", &[softplus], Vec::new());
    cx.bind(&op.out, result)
}

/// `min(x, 0) - log(1 + exp(-|x|))`.
fn log_sigmoid_of_double(cx: &mut Context<'_>, x: ValueId, out: &TensorIr) -> Lowered {
    let (zero, one) = (cx.number(0.0, x), cx.number(1.0, x));
    let lower = cx.node("Min", &[x, zero], Vec::new());
    let size = cx.node("Abs", &[x], Vec::new());
    let negative = cx.node("Neg", &[size], Vec::new());
    let exp = cx.node("Exp", &[negative], Vec::new());
    let sum = cx.node("Add", &[exp, one], Vec::new());
    let log = cx.node("Log", &[sum], Vec::new());
    let result = cx.node("Sub", &[lower, log], Vec::new());
    cx.bind(out, result)
}
