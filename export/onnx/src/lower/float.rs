//! Operations on floating-point tensors.

use std::f64::consts::{FRAC_PI_2, PI};

use burn::backend::ir::{
    BinaryOpIr, CrossOpIr, FloatOperationIr, GridSample2dOpIr, GridSamplePaddingModeIr, InterpolateModeIr, UnaryOpIr,
};

use super::blocks::arithmetic::{binary, binary_scalar, matmul, unary};
use super::blocks::cast::cast;
use super::blocks::double;
use super::context::{Context, Lowered, refuse};
use super::create;
use super::refused;
use crate::element::Element;
use crate::graph::{ValueId, axis, int, text};

pub(super) fn lower(cx: &mut Context<'_>, op: &FloatOperationIr) -> Lowered {
    use FloatOperationIr as Op;
    match op {
        Op::Exp(op) => unary(cx, "Exp", op),
        Op::Log(op) => unary(cx, "Log", op),
        Op::Log1p(op) => log1p(cx, op),
        Op::Erf(op) => unary(cx, "Erf", op),
        Op::PowfScalar(op) => binary_scalar(cx, "Pow", op),
        Op::Powf(op) => binary(cx, "Pow", op),
        Op::Sqrt(op) => unary(cx, "Sqrt", op),
        Op::Cos(op) => unary(cx, "Cos", op),
        Op::Cosh(op) => unary(cx, "Cosh", op),
        Op::Sin(op) => unary(cx, "Sin", op),
        Op::Sinh(op) => unary(cx, "Sinh", op),
        Op::Tan(op) => unary(cx, "Tan", op),
        Op::Tanh(op) => unary(cx, "Tanh", op),
        Op::ArcCos(op) => unary(cx, "Acos", op),
        Op::ArcCosh(op) => unary(cx, "Acosh", op),
        Op::ArcSin(op) => unary(cx, "Asin", op),
        Op::ArcSinh(op) => unary(cx, "Asinh", op),
        Op::ArcTan(op) => unary(cx, "Atan", op),
        Op::ArcTanh(op) => unary(cx, "Atanh", op),
        Op::ArcTan2(op) => atan2(cx, op),
        // burn and ONNX round halves to even.
        Op::Round(op) => unary(cx, "Round", op),
        Op::Floor(op) => unary(cx, "Floor", op),
        Op::Ceil(op) => unary(cx, "Ceil", op),
        Op::Trunc(op) => trunc(cx, op),
        Op::IntoInt(op) => cast(cx, op),
        Op::Matmul(op) => matmul(cx, op),
        Op::Cross(op) => cross(cx, op),
        Op::Random(op) => create::random(cx, op),
        Op::Recip(op) => unary(cx, "Reciprocal", op),
        Op::IsNan(op) => test(cx, "IsNaN", op),
        Op::IsInf(op) => test(cx, "IsInf", op),
        Op::Hypot(op) => hypot(cx, op),
        Op::GridSample2d(op) => grid_sample(cx, op),
        Op::Quantize(_) | Op::Dequantize(_) => refuse(refused::QUANTISATION),
    }
}

fn test(cx: &mut Context<'_>, op_type: &'static str, op: &UnaryOpIr) -> Lowered {
    let input = cx.value(&op.input)?;
    let result = cx.typed(op_type, &[input], Vec::new(), Element::Bool);
    cx.bind(&op.out, result)
}

/// `log(1 + x)` with full precision for small `x`: the factor `x / (u - 1)` corrects the rounding of `u = 1 + x` (Kahan;
/// see Goldberg 1991, theorem 4).
fn log1p(cx: &mut Context<'_>, op: &UnaryOpIr) -> Lowered {
    let x = cx.value(&op.input)?;
    let one = cx.number(1.0, x);
    let sum = cx.node("Add", &[x, one], Vec::new());
    let log = cx.node("Log", &[sum], Vec::new());
    let kept = cx.node("Sub", &[sum, one], Vec::new());
    let ratio = cx.node("Div", &[x, kept], Vec::new());
    let better = cx.node("Mul", &[log, ratio], Vec::new());
    // If 1 + x is 1 or infinite, the ratio is undefined.
    let tiny = cx.typed("Equal", &[sum, one], Vec::new(), Element::Bool);
    let endless = cx.typed("IsInf", &[log], Vec::new(), Element::Bool);
    let inner = cx.typed("Where", &[endless, log, better], Vec::new(), cx.element_of(x));
    let result = cx.typed("Where", &[tiny, x, inner], Vec::new(), cx.element_of(x));
    cx.bind(&op.out, result)
}

/// ONNX has only the arc tangent of one operand; the quadrant is added. The sign of a zero is ignored, as by ONNX Runtime's
/// optimiser.
fn atan2(cx: &mut Context<'_>, op: &BinaryOpIr) -> Lowered {
    let (y, x) = (cx.value(&op.lhs)?, cx.value(&op.rhs)?);
    let element = cx.element_of(y);
    let zero = cx.number(0.0, y);
    let choose = |cx: &mut Context<'_>, mask, yes, no| cx.typed("Where", &[mask, yes, no], Vec::new(), element);
    // Two infinities form a diagonal, though their quotient is NaN.
    let [far_y, far_x] = [y, x].map(|value| cx.typed("IsInf", &[value], Vec::new(), Element::Bool));
    let far = cx.node("And", &[far_y, far_x], Vec::new());
    let [y, x] = [y, x].map(|value| {
        let sign = cx.node("Sign", &[value], Vec::new());
        choose(cx, far, sign, value)
    });
    let quotient = cx.node("Div", &[y, x], Vec::new());
    let angle = match element {
        Element::F64 => double::atan(cx, quotient),
        _ => cx.node("Atan", &[quotient], Vec::new()),
    };
    let (below, left) = (less(cx, y, zero), less(cx, x, zero));
    let (half_turn, back) = (cx.number(PI, y), cx.number(-PI, y));
    let turn = choose(cx, below, back, half_turn);
    let turned = cx.node("Add", &[angle, turn], Vec::new());
    let angle = choose(cx, left, turned, angle);
    // On the vertical axis the quotient is infinite or NaN.
    let vertical = cx.typed("Equal", &[x, zero], Vec::new(), Element::Bool);
    let (up, down) = (cx.number(FRAC_PI_2, y), cx.number(-FRAC_PI_2, y));
    let above = less(cx, zero, y);
    let upward = choose(cx, above, up, y);
    let straight = choose(cx, below, down, upward);
    let result = choose(cx, vertical, straight, angle);
    cx.bind(&op.out, result)
}

fn less(cx: &mut Context<'_>, a: ValueId, b: ValueId) -> ValueId {
    cx.typed("Less", &[a, b], Vec::new(), Element::Bool)
}

/// Rounds towards zero: the magnitude down, then the sign again.
fn trunc(cx: &mut Context<'_>, op: &UnaryOpIr) -> Lowered {
    let x = cx.value(&op.input)?;
    let (sign, magnitude) = (cx.node("Sign", &[x], Vec::new()), cx.node("Abs", &[x], Vec::new()));
    let floor = cx.node("Floor", &[magnitude], Vec::new());
    let result = cx.node("Mul", &[sign, floor], Vec::new());
    cx.bind(&op.out, result)
}

/// `a[1,2,0] * b[2,0,1] - a[2,0,1] * b[1,2,0]` along the axis of three.
fn cross(cx: &mut Context<'_>, op: &CrossOpIr) -> Lowered {
    let (a, b) = (cx.value(&op.lhs)?, cx.value(&op.rhs)?);
    let (next, last) = (cx.vector(&[1, 2, 0]), cx.vector(&[2, 0, 1]));
    let turn = |cx: &mut Context<'_>, value, order| cx.node("Gather", &[value, order], vec![axis(op.dim)]);
    let [a1, b1, a2, b2] = [turn(cx, a, next), turn(cx, b, last), turn(cx, a, last), turn(cx, b, next)];
    let (plus, minus) = (cx.node("Mul", &[a1, b1], Vec::new()), cx.node("Mul", &[a2, b2], Vec::new()));
    let result = cx.node("Sub", &[plus, minus], Vec::new());
    cx.bind(&op.out, result)
}

/// The larger side is factored out of the root, so that squares neither overflow nor underflow.
fn hypot(cx: &mut Context<'_>, op: &BinaryOpIr) -> Lowered {
    let (a, b) = (cx.value(&op.lhs)?, cx.value(&op.rhs)?);
    let (a, b) = (cx.node("Abs", &[a], Vec::new()), cx.node("Abs", &[b], Vec::new()));
    let (long, short) = (cx.node("Max", &[a, b], Vec::new()), cx.node("Min", &[a, b], Vec::new()));
    let (zero, one) = (cx.number(0.0, a), cx.number(1.0, a));
    let none = cx.typed("Equal", &[long, zero], Vec::new(), Element::Bool);
    let divisor = cx.typed("Where", &[none, one, long], Vec::new(), cx.element_of(a));
    let ratio = cx.node("Div", &[short, divisor], Vec::new());
    let square = cx.node("Mul", &[ratio, ratio], Vec::new());
    let sum = cx.node("Add", &[square, one], Vec::new());
    let root = cx.node("Sqrt", &[sum], Vec::new());
    let result = cx.node("Mul", &[long, root], Vec::new());
    let endless = cx.typed("IsInf", &[long], Vec::new(), Element::Bool);
    let result = cx.typed("Where", &[endless, long, result], Vec::new(), cx.element_of(a));
    cx.bind(&op.out, result)
}

fn grid_sample(cx: &mut Context<'_>, op: &GridSample2dOpIr) -> Lowered {
    // Opset 20 renamed the modes when it added a third axis.
    let new_names = cx.opset() >= 20;
    let mode = match op.options.mode {
        InterpolateModeIr::Nearest => "nearest",
        InterpolateModeIr::Bilinear => {
            if new_names {
                "linear"
            } else {
                "bilinear"
            }
        }
        InterpolateModeIr::Bicubic => {
            if new_names {
                "cubic"
            } else {
                "bicubic"
            }
        }
        InterpolateModeIr::NearestExact | InterpolateModeIr::Lanczos3 => {
            return refuse("ONNX GridSample has no such interpolation");
        }
    };
    let padding = match op.options.padding_mode {
        GridSamplePaddingModeIr::Zeros => "zeros",
        GridSamplePaddingModeIr::Border => "border",
        GridSamplePaddingModeIr::Reflection => "reflection",
    };
    let (input, grid) = (cx.value(&op.tensor)?, cx.value(&op.grid)?);
    let corners = int("align_corners", i64::from(op.options.align_corners));
    let sampled =
        cx.node("GridSample", &[input, grid], vec![text("mode", mode), text("padding_mode", padding), corners]);
    cx.bind(&op.out, sampled)
}
