//! Tests for NaN and infinity, which burn composes of comparisons.

use super::Pattern::Is;
use super::{Match, Replacement, Rule, X, node};
use crate::graph::Graph;

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule { opset: 13, pattern: node("Not", [node("Equal", [X, X])]), replace: is_nan },
        Rule { opset: 10, pattern: node("Equal", [node("Abs", [X]), Is(f64::INFINITY)]), replace: is_inf },
    ]
}

/// Only NaN differs from itself.
fn is_nan(graph: &mut Graph, found: &Match) -> Option<Replacement> {
    test(graph, found, "IsNaN")
}

fn is_inf(graph: &mut Graph, found: &Match) -> Option<Replacement> {
    test(graph, found, "IsInf")
}

fn test(graph: &Graph, found: &Match, op: &'static str) -> Option<Replacement> {
    let x = found.value(0)?;
    super::is_f32(graph, x).then(|| Replacement { op, inputs: vec![x], attributes: Vec::new() })
}
