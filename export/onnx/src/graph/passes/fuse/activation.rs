//! Activation functions that burn composes and ONNX has an operator for.

use super::Pattern::{Is, Number};
use super::{Match, Pattern, Replacement, Rule, X, is_f32, is_same, node};
use crate::graph::{Attribute, Attributes, Graph};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule { opset: 14, pattern: node("Mul", [X, node("HardSigmoid", [X])]), replace: hard_swish },
        Rule { opset: 20, pattern: gelu_pattern(), replace: gelu },
        Rule { opset: 1, pattern: softplus_pattern(), replace: softplus },
        Rule { opset: 18, pattern: node("Mul", [X, node("Tanh", [node("Softplus", [X])])]), replace: mish },
        Rule { opset: 6, pattern: where_below(exponential(X, Number(1)), X), replace: elu },
        Rule { opset: 6, pattern: where_below(exponential_plain(X), X), replace: elu },
        Rule { opset: 12, pattern: where_below(exponential(node("Div", [X, Number(1)]), Number(1)), X), replace: celu },
        Rule { opset: 6, pattern: selu_pattern(), replace: selu },
        Rule { opset: 1, pattern: node("Div", [X, node("Add", [node("Abs", [X]), Is(1.0)])]), replace: softsign },
    ]
}

fn one(op: &'static str, found: &Match, attributes: Attributes) -> Option<Replacement> {
    Some(Replacement { op, inputs: vec![found.value(0)?], attributes })
}

fn hard_swish(graph: &mut Graph, found: &Match) -> Option<Replacement> {
    let sigmoid = found.node(graph, "HardSigmoid")?;
    let usual = is_same(sigmoid.float("alpha")?.into(), 1.0 / 6.0) && is_same(sigmoid.float("beta")?.into(), 0.5);
    (usual && is_f32(graph, found.value(0)?)).then(|| one("HardSwish", found, Vec::new()))?
}

/// `x · (tanh(√(2/π) · (x + 0.044715 x³)) + 1) / 2` (Hendrycks and Gimpel 2016).
fn gelu_pattern() -> Pattern {
    let cube = node("Mul", [node("Pow", [X, Is(3.0)]), Is(0.044_715)]);
    let inner = node("Mul", [node("Add", [X, cube]), Is((2.0 / std::f64::consts::PI).sqrt())]);
    node("Mul", [node("Mul", [X, node("Add", [node("Tanh", [inner]), Is(1.0)])]), Is(0.5)])
}

fn gelu(graph: &mut Graph, found: &Match) -> Option<Replacement> {
    let attributes = vec![("approximate", Attribute::Text("tanh"))];
    is_f32(graph, found.value(0)?).then(|| one("Gelu", found, attributes))?
}

/// `log(1 + x)` in the form of [`crate::lower`].
fn log1p(x: Pattern) -> Pattern {
    let sum = node("Add", [x.clone(), Is(1.0)]);
    let log = node("Log", [sum.clone()]);
    let ratio = node("Div", [x.clone(), node("Sub", [sum.clone(), Is(1.0)])]);
    let better = node("Mul", [log.clone(), ratio]);
    let inner = node("Where", [node("IsInf", [log.clone()]), log, better]);
    node("Where", [node("Equal", [sum, Is(1.0)]), x, inner])
}

/// burn returns `x` itself above a threshold.
fn softplus_pattern() -> Pattern {
    let above = node("Greater", [X, Number(0)]);
    let bounded = node("Where", [above.clone(), Number(0), X]);
    node("Where", [above, X, log1p(node("Exp", [bounded]))])
}

/// Above 17, `x` and `softplus(x)` are the same 32-bit float. Above 88, the formula is infinite.
fn softplus(graph: &mut Graph, found: &Match) -> Option<Replacement> {
    let same = (17.0..=88.0).contains(&found.number(0)?) && is_f32(graph, found.value(0)?);
    same.then(|| one("Softplus", found, Vec::new()))?
}

fn mish(graph: &mut Graph, found: &Match) -> Option<Replacement> {
    is_f32(graph, found.value(0)?).then(|| one("Mish", found, Vec::new()))?
}

/// `below` where `x` is not above zero, else `above`.
fn where_below(below: Pattern, above: Pattern) -> Pattern {
    node("Where", [node("LessOrEqual", [X, Is(0.0)]), below, above])
}

/// `factor · (exp(x) - 1)`.
fn exponential(x: Pattern, factor: Pattern) -> Pattern {
    node("Mul", [exponential_plain(x), factor])
}

fn exponential_plain(x: Pattern) -> Pattern {
    node("Sub", [node("Exp", [x]), Is(1.0)])
}

fn elu(graph: &mut Graph, found: &Match) -> Option<Replacement> {
    let alpha = found.number(1).unwrap_or(1.0);
    let attributes = vec![("alpha", Attribute::Float(alpha as f32))];
    is_f32(graph, found.value(0)?).then(|| one("Elu", found, attributes))?
}

fn celu(graph: &mut Graph, found: &Match) -> Option<Replacement> {
    let attributes = vec![("alpha", Attribute::Float(found.number(1)? as f32))];
    is_f32(graph, found.value(0)?).then(|| one("Celu", found, attributes))?
}

fn selu_pattern() -> Pattern {
    let above = node("Mul", [X, Number(2)]);
    node("Where", [node("GreaterOrEqual", [X, Is(0.0)]), above, exponential(X, Number(1))])
}

/// `alpha` is a quotient of the formula's numbers, which must be a normal number to preserve the digits of both.
fn selu(graph: &mut Graph, found: &Match) -> Option<Replacement> {
    let (gamma, both) = (found.number(2)?, found.number(1)?);
    let alpha = (both / gamma) as f32;
    let attributes = vec![("alpha", Attribute::Float(alpha)), ("gamma", Attribute::Float(gamma as f32))];
    (alpha.is_normal() && is_f32(graph, found.value(0)?)).then(|| one("Selu", found, attributes))?
}

fn softsign(graph: &mut Graph, found: &Match) -> Option<Replacement> {
    is_f32(graph, found.value(0)?).then(|| one("Softsign", found, Vec::new()))?
}
