//! Normalisations that burn composes: group, instance and root-mean-square.

use super::Pattern::{Number, Value};
use super::{Match, Pattern, Replacement, Rule, X, is_f32, node, repeated};
use crate::graph::{Attribute, Graph, Node, ValueId};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule { opset: 6, pattern: standardised(square_by_product), replace: instance_norm },
        Rule { opset: 6, pattern: standardised(square_by_power), replace: instance_norm },
        Rule { opset: 23, pattern: root_mean_square(square_by_product), replace: rms_norm },
        Rule { opset: 23, pattern: root_mean_square(square_by_power), replace: rms_norm },
    ]
}

fn square_by_product(x: Pattern) -> Pattern {
    node("Mul", [x.clone(), x])
}

fn square_by_power(x: Pattern) -> Pattern {
    node("Pow", [x, Pattern::Is(2.0)])
}

/// `(x - mean) / sqrt(mean((x - mean)²) + epsilon)`.
fn standardised(square: fn(Pattern) -> Pattern) -> Pattern {
    let centred = node("Sub", [X, node("ReduceMean", [X])]);
    let variance = node("ReduceMean", [square(centred.clone())]);
    node("Div", [centred, node("Sqrt", [node("Add", [variance, Number(0)])])])
}

/// Over the last of three axes, this is ONNX's `InstanceNormalization` without scale and shift. burn writes group and
/// instance normalisation in this form.
fn instance_norm(graph: &mut Graph, found: &Match) -> Option<Replacement> {
    let x = found.value(0)?;
    let shape = graph.values[x].shape.clone()?;
    let channels = shape.get(1)?.fixed()? as usize;
    let means = found.nodes_of(graph, "ReduceMean");
    let over_last = means.iter().all(|mean| axes(graph, mean).as_deref() == Some(&[2]));
    if shape.len() != 3 || !over_last || !is_f32(graph, x) {
        return None;
    }
    let epsilon = Attribute::Float(found.number(0)? as f32);
    let (scale, shift) = (repeated(graph, 1.0, channels), repeated(graph, 0.0, channels));
    Some(Replacement {
        op: "InstanceNormalization",
        inputs: vec![x, scale, shift],
        attributes: vec![("epsilon", epsilon)],
    })
}

/// `x / sqrt(mean(x²) + epsilon) · gamma`.
fn root_mean_square(square: fn(Pattern) -> Pattern) -> Pattern {
    let mean = node("ReduceMean", [square(X)]);
    node("Mul", [node("Div", [X, node("Sqrt", [node("Add", [mean, Number(0)])])]), Value(1)])
}

fn rms_norm(graph: &mut Graph, found: &Match) -> Option<Replacement> {
    let (x, gamma) = (found.value(0)?, found.value(1)?);
    let rank = graph.values[x].shape.as_ref()?.len() as i64;
    let over_last = axes(graph, found.node(graph, "ReduceMean")?)? == [rank - 1];
    let weight = graph.constants.get(&gamma)?;
    let width = graph.values[x].shape.as_ref()?.last()?.fixed()? as usize;
    let is_vector = weight.dims.iter().product::<usize>() == width && weight.dims.last() == Some(&width);
    if !over_last || !is_vector || !is_f32(graph, x) {
        return None;
    }
    let flat = flattened(graph, gamma)?;
    let epsilon = Attribute::Float(found.number(0)? as f32);
    Some(Replacement {
        op: "RMSNormalization",
        inputs: vec![x, flat],
        attributes: vec![("axis", Attribute::Int(-1)), ("epsilon", epsilon)],
    })
}

/// A constant as a vector, under the same name.
fn flattened(graph: &mut Graph, value: ValueId) -> Option<ValueId> {
    let mut constant = graph.constants.get(&value)?.clone();
    constant.dims = vec![constant.dims.iter().product()];
    let name = graph.values[value].name.clone();
    let flat = graph.constant(constant);
    graph.values[flat].name = name;
    Some(flat)
}

/// The axes of a reduction: an input or an attribute, depending on the opset.
fn axes(graph: &Graph, node: &Node) -> Option<Vec<i64>> {
    match node.inputs.get(1) {
        Some(axes) => graph.constants.get(&(*axes)?)?.integers(),
        None => node.ints("axes").map(<[i64]>::to_vec),
    }
}
