//! Names every value after the module it belongs to: `encoder.conv1/out` for what a module's own operation gives,
//! `encoder/relu` for arithmetic in a module's forward function. Promises unique names that depend on nothing but the
//! graph.

use std::collections::HashSet;

use super::{Graph, Node};

/// A name for every value, by position.
pub(crate) fn assign(graph: &Graph) -> Vec<String> {
    let mut names = vec![String::new(); graph.values.len()];
    let mut taken = HashSet::new();
    // Inputs and outputs have the names that the user gave; a parameter of the same name makes way.
    let ports = graph.inputs.iter().chain(&graph.outputs).copied();
    for id in ports.chain(graph.constants.keys().copied()).filter(|id| graph.values[*id].name.is_some()) {
        if names[id].is_empty() {
            names[id] = unique(graph.values[id].name.as_deref().unwrap_or_default(), &mut taken);
        }
    }
    for node in &graph.nodes {
        for (position, id) in node.outputs.iter().enumerate() {
            if names[*id].is_empty() {
                names[*id] = unique(&base(graph, node, position), &mut taken);
            }
        }
        for id in node.inputs.iter().flatten() {
            if names[*id].is_empty() {
                names[*id] = unique(&format!("{}/constant", prefix(graph, node)), &mut taken);
            }
        }
    }
    for (id, name) in names.iter_mut().enumerate().filter(|(_, name)| name.is_empty()) {
        *name = unique(&format!("value_{id}"), &mut taken);
    }
    names
}

fn base(graph: &Graph, node: &Node, position: usize) -> String {
    let origin = &graph.origins[node.origin];
    let last = graph.nodes.iter().rfind(|other| other.origin == node.origin);
    let is_result = last.is_some_and(|last| last.outputs == node.outputs) && position == 0;
    let what = if origin.owned && is_result { "out".to_owned() } else { node.op.to_lowercase() };
    format!("{}/{what}", prefix(graph, node)).trim_start_matches('/').to_owned()
}

fn prefix<'a>(graph: &'a Graph, node: &Node) -> &'a str {
    &graph.origins[node.origin].module
}

fn unique(base: &str, taken: &mut HashSet<String>) -> String {
    let base = base.trim_start_matches('/');
    let numbered = (1..).map(|number| if number == 1 { base.to_owned() } else { format!("{base}_{number}") });
    let mut free = numbered.filter(|name| !taken.contains(name));
    let name = free.next().unwrap_or_default();
    taken.insert(name.clone());
    name
}
