//! 64-bit functions for which ONNX Runtime's CPU provider has only 32-bit kernels, composed of functions that it has.

use std::f64::consts::{FRAC_PI_2, LN_2};

use crate::element::Element;
use crate::graph::{ValueId, to};
use crate::lower::context::Context;

/// The function `op` of a 64-bit value; none if ONNX Runtime has its kernel.
pub(crate) fn function(cx: &mut Context<'_>, op: &str, x: ValueId) -> Option<ValueId> {
    Some(match op {
        "Cosh" => cosh(cx, x),
        "Sinh" => {
            let (cosh, tanh) = (cosh(cx, x), cx.node("Tanh", &[x], Vec::new()));
            cx.node("Mul", &[cosh, tanh], Vec::new())
        }
        "Tan" => {
            let (sin, cos) = (cx.node("Sin", &[x], Vec::new()), cx.node("Cos", &[x], Vec::new()));
            cx.node("Div", &[sin, cos], Vec::new())
        }
        "Asinh" => {
            let (sign, size) = (cx.node("Sign", &[x], Vec::new()), cx.node("Abs", &[x], Vec::new()));
            let one = cx.number(1.0, x);
            let square = cx.node("Mul", &[x, x], Vec::new());
            let sum = cx.node("Add", &[square, one], Vec::new());
            let root = cx.node("Sqrt", &[sum], Vec::new());
            let log = log_of_sum(cx, size, root);
            cx.node("Mul", &[sign, log], Vec::new())
        }
        "Acosh" => {
            let one = cx.number(1.0, x);
            let (below, above) = (cx.node("Sub", &[x, one], Vec::new()), cx.node("Add", &[x, one], Vec::new()));
            // Of a number below 1, both roots or one are NaN.
            let roots = [below, above].map(|side| cx.node("Sqrt", &[side], Vec::new()));
            let root = cx.node("Mul", &roots, Vec::new());
            log_of_sum(cx, x, root)
        }
        "Atanh" => {
            let (one, half) = (cx.number(1.0, x), cx.number(0.5, x));
            let (above, below) = (cx.node("Add", &[one, x], Vec::new()), cx.node("Sub", &[one, x], Vec::new()));
            let ratio = cx.node("Div", &[above, below], Vec::new());
            let log = cx.node("Log", &[ratio], Vec::new());
            cx.node("Mul", &[log, half], Vec::new())
        }
        "Atan" => atan(cx, x),
        "Asin" => asin(cx, x),
        "Acos" => {
            let (quarter, asin) = (cx.number(FRAC_PI_2, x), asin(cx, x));
            cx.node("Sub", &[quarter, asin], Vec::new())
        }
        _ => return None,
    })
}

/// The mean of `exp(x)` and `exp(-x)`. For a large `x` it is `exp(x/2) / 2 · exp(x/2)`: `exp(x)` overflows before the mean.
fn cosh(cx: &mut Context<'_>, x: ValueId) -> ValueId {
    let half = cx.number(0.5, x);
    let exp = cx.node("Exp", &[x], Vec::new());
    let inverse = cx.node("Reciprocal", &[exp], Vec::new());
    let sum = cx.node("Add", &[exp, inverse], Vec::new());
    let mean = cx.node("Mul", &[sum, half], Vec::new());
    let size = cx.node("Abs", &[x], Vec::new());
    let halved = cx.node("Mul", &[size, half], Vec::new());
    let root = cx.node("Exp", &[halved], Vec::new());
    let smaller = cx.node("Mul", &[root, half], Vec::new());
    let product = cx.node("Mul", &[smaller, root], Vec::new());
    where_above(cx, size, 700.0, product, mean)
}

/// `log(x + root)` for a root of `x² ± 1`. For a large `x` it is `log(2x)`, and the root may have overflowed.
fn log_of_sum(cx: &mut Context<'_>, x: ValueId, root: ValueId) -> ValueId {
    let sum = cx.node("Add", &[x, root], Vec::new());
    let usual = cx.node("Log", &[sum], Vec::new());
    let (log, two) = (cx.node("Log", &[x], Vec::new()), cx.number(LN_2, x));
    let large = cx.node("Add", &[log, two], Vec::new());
    where_above(cx, x, 1e8, large, usual)
}

/// `above` where `x` exceeds a limit, else `below`.
fn where_above(cx: &mut Context<'_>, x: ValueId, limit: f64, above: ValueId, below: ValueId) -> ValueId {
    let limit = cx.number(limit, x);
    let mask = cx.typed("Greater", &[x, limit], Vec::new(), Element::Bool);
    cx.typed("Where", &[mask, above, below], Vec::new(), Element::F64)
}

/// The 32-bit angle, refined by one step of Newton's method on `sin y = x cos y`.
pub(crate) fn atan(cx: &mut Context<'_>, x: ValueId) -> ValueId {
    let narrow = cx.typed("Cast", &[x], vec![to(Element::F32)], Element::F32);
    let rough = cx.node("Atan", &[narrow], Vec::new());
    let rough = cx.typed("Cast", &[rough], vec![to(Element::F64)], Element::F64);
    let (sin, cos) = (cx.node("Sin", &[rough], Vec::new()), cx.node("Cos", &[rough], Vec::new()));
    let (along, across) = (cx.node("Mul", &[x, cos], Vec::new()), cx.node("Mul", &[x, sin], Vec::new()));
    let (above, below) = (cx.node("Sub", &[sin, along], Vec::new()), cx.node("Add", &[cos, across], Vec::new()));
    let step = cx.node("Div", &[above, below], Vec::new());
    let better = cx.node("Sub", &[rough, step], Vec::new());
    let endless = cx.typed("IsInf", &[x], Vec::new(), Element::Bool);
    let (sign, quarter) = (cx.node("Sign", &[x], Vec::new()), cx.number(FRAC_PI_2, x));
    let limit = cx.node("Mul", &[sign, quarter], Vec::new());
    cx.typed("Where", &[endless, limit, better], Vec::new(), Element::F64)
}

/// `atan(x / sqrt((1 - x)(1 + x)))`.
fn asin(cx: &mut Context<'_>, x: ValueId) -> ValueId {
    let one = cx.number(1.0, x);
    let (below, above) = (cx.node("Sub", &[one, x], Vec::new()), cx.node("Add", &[one, x], Vec::new()));
    let product = cx.node("Mul", &[below, above], Vec::new());
    let root = cx.node("Sqrt", &[product], Vec::new());
    let ratio = cx.node("Div", &[x, root], Vec::new());
    atan(cx, ratio)
}
