//! Removes nodes that return their input unchanged: casts to the same type, reshapes to the same shape, transposes that
//! keep the order. Joins successive transposes and successive reshapes.

use std::collections::HashMap;

use crate::graph::{Attribute, Graph, Node, ValueId};

/// Removes and joins until nothing changes.
pub(crate) fn remove(graph: &mut Graph) {
    while drop_all(graph) || join_one(graph) {}
}

/// Drops every node without effect. Operands come first, so one walk finds chains too.
fn drop_all(graph: &mut Graph) -> bool {
    let mut changes: HashMap<ValueId, ValueId> = HashMap::new();
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for mut node in std::mem::take(&mut graph.nodes) {
        node.inputs.iter_mut().flatten().for_each(|input| *input = *changes.get(input).unwrap_or(input));
        match (is_identity(graph, &node), node.inputs.first(), node.outputs.first()) {
            (true, Some(Some(input)), Some(output)) => drop(changes.insert(*output, *input)),
            _ => kept.push(node),
        }
    }
    graph.nodes = kept;
    !changes.is_empty()
}

fn is_identity(graph: &Graph, node: &Node) -> bool {
    let (Some(Some(input)), Some(output)) = (node.inputs.first(), node.outputs.first()) else { return false };
    // A graph output keeps its name, so it keeps its node.
    if graph.outputs.contains(output) {
        return false;
    }
    let (before, after) = (&graph.values[*input], &graph.values[*output]);
    let same_shape = before.shape.is_some() && before.shape == after.shape;
    match node.op {
        "Identity" => true,
        "Cast" => before.element == after.element,
        "Reshape" | "Expand" => same_shape,
        "Mul" | "Div" => before.element == after.element && by_one(graph, node),
        "Transpose" => node.ints("perm").is_some_and(|order| (0..order.len() as i64).eq(order.iter().copied())),
        _ => false,
    }
}

/// Returns true if the second operand is the number 1, which preserves every value, even infinite ones.
fn by_one(graph: &Graph, node: &Node) -> bool {
    let factor = node.input(1).and_then(|id| graph.constants.get(&id));
    factor.is_some_and(|factor| factor.dims.is_empty() && factor.number() == Some(1.0))
}

/// Joins one pair of transposes, or one pair of reshapes, where the first has no other reader.
fn join_one(graph: &mut Graph) -> bool {
    let (uses, makers) = (graph.uses(), graph.makers());
    let pair = graph.nodes.iter().enumerate().find_map(|(position, node)| {
        if !matches!(node.op, "Transpose" | "Reshape") {
            return None;
        }
        let input = node.input(0)?;
        let source = *makers.get(&input)?;
        let same = graph.nodes[source].op == node.op;
        let plain = node.op == "Transpose" || !copies_sizes(graph, node);
        (same && plain && uses[input] == 1).then_some((source, position))
    });
    let Some((source, position)) = pair else { return false };
    let first = graph.nodes[source].clone();
    let second = &mut graph.nodes[position];
    if let (Some(before), Some(after)) = (first.ints("perm"), second.ints("perm")) {
        let joined = after.iter().map(|axis| before[*axis as usize]).collect();
        second.attributes = vec![("perm", Attribute::Ints(joined))];
    }
    second.inputs[0] = first.inputs[0];
    graph.nodes.remove(source);
    true
}

/// Returns true if a reshape copies sizes of its input, which joining would change.
fn copies_sizes(graph: &Graph, node: &Node) -> bool {
    let shape = node.input(1).and_then(|id| graph.constants.get(&id)?.integers());
    shape.is_none_or(|shape| shape.contains(&0))
}
