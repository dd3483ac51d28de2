//! Merges equal constants and equal nodes, so that a shape or an axis list is written once however often it is used.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hasher as _;

use crate::element::Element;
use crate::graph::{Data, Graph, Node, ValueId};

/// Merges equal constants and equal nodes. Of equal parameters, the first keeps its name.
pub(crate) fn merge(graph: &mut Graph) {
    merge_constants(graph);
    merge_nodes(graph);
}

fn merge_constants(graph: &mut Graph) {
    let mut alike: BTreeMap<(Element, &[usize]), Vec<ValueId>> = BTreeMap::new();
    for (id, constant) in &graph.constants {
        alike.entry((constant.element, &constant.dims)).or_default().push(*id);
    }
    let mut changes = Vec::new();
    // A parameter with a unique shape has no equal and is not read.
    for ids in alike.into_values().filter(|ids| ids.len() > 1) {
        let mut first: HashMap<u64, ValueId> = HashMap::new();
        for id in ids {
            let data = &graph.constants[&id].data;
            match first.entry(hash(data)) {
                Entry::Vacant(entry) => drop(entry.insert(id)),
                Entry::Occupied(entry) if graph.constants[entry.get()].data.parts().eq(data.parts()) => {
                    changes.push((id, *entry.get()));
                }
                Entry::Occupied(_) => {}
            }
        }
    }
    changes.sort_unstable();
    for (from, to) in &changes {
        graph.constants.remove(from);
        // A parameter that is merged into a nameless constant passes its name on.
        if graph.values[*to].name.is_none() {
            graph.values[*to].name = graph.values[*from].name.take();
        }
    }
    graph.replace_all(&changes.into_iter().collect());
}

fn hash(data: &Data) -> u64 {
    let mut hasher = DefaultHasher::new();
    data.parts().for_each(|part| hasher.write(&part));
    hasher.finish()
}

/// Nodes are in the order of execution, so the operands of a node are merged before it is compared.
fn merge_nodes(graph: &mut Graph) {
    let mut first: HashMap<(&'static str, Vec<Option<ValueId>>), Vec<usize>> = HashMap::new();
    let mut changes: HashMap<ValueId, ValueId> = HashMap::new();
    let mut gone = HashSet::new();
    for position in 0..graph.nodes.len() {
        for input in graph.nodes[position].inputs.iter_mut().flatten() {
            *input = *changes.get(input).unwrap_or(input);
        }
        let node = &graph.nodes[position];
        if node.op.starts_with("Random") || node.op == "Bernoulli" {
            continue;
        }
        let twins = first.entry((node.op, node.inputs.clone())).or_default();
        let same = |other: &Node| other.attributes == node.attributes && other.outputs.len() == node.outputs.len();
        let twin = twins.iter().map(|at| &graph.nodes[*at]).find(|other| same(other));
        // A graph output must keep its name, so it keeps its node too.
        match twin.filter(|_| node.outputs.iter().all(|output| !graph.outputs.contains(output))) {
            Some(twin) => {
                changes.extend(node.outputs.iter().copied().zip(twin.outputs.iter().copied()));
                gone.insert(position);
            }
            None => twins.push(position),
        }
    }
    let mut position = 0..;
    graph.nodes.retain(|_| position.next().is_none_or(|position| !gone.contains(&position)));
}
