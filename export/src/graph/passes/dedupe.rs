//! Makes equal constants one, and equal nodes one: a shape or an axis list is written once however often it is used.

use std::collections::BTreeMap;

use crate::graph::{Constant, Graph, ValueId};

/// Merges equal constants and equal nodes. Of equal parameters, the first keeps its name.
pub(crate) fn merge(graph: &mut Graph) {
    merge_constants(graph);
    merge_nodes(graph);
}

fn merge_constants(graph: &mut Graph) {
    let mut first: BTreeMap<&Constant, ValueId> = BTreeMap::new();
    let mut changes = Vec::new();
    for (id, constant) in &graph.constants {
        match first.get(constant) {
            Some(kept) => changes.push((*id, *kept)),
            None => drop(first.insert(constant, *id)),
        }
    }
    for (from, to) in changes {
        graph.replace(from, to);
        graph.constants.remove(&from);
    }
}

fn merge_nodes(graph: &mut Graph) {
    let mut position = 0;
    while position < graph.nodes.len() {
        let node = &graph.nodes[position];
        let twin = graph.nodes[..position].iter().find(|other| {
            other.op == node.op
                && other.inputs == node.inputs
                && other.attributes == node.attributes
                && other.outputs.len() == node.outputs.len()
                && !node.op.starts_with("Random")
                && node.op != "Bernoulli"
        });
        let pairs: Option<Vec<_>> = twin.map(|twin| node.outputs.iter().copied().zip(twin.outputs.clone()).collect());
        // A graph output must keep the name it was given, so it keeps its node too.
        let pairs = pairs.filter(|pairs| pairs.iter().all(|(from, _)| !graph.outputs.contains(from)));
        match pairs {
            Some(pairs) => {
                graph.nodes.remove(position);
                pairs.into_iter().for_each(|(from, to)| graph.replace(from, to));
            }
            None => position += 1,
        }
    }
}
