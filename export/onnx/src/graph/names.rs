//! Names of values. A value is named after its module: `encoder.conv1/out` for the result of a module's own operation,
//! `encoder/relu` for arithmetic in a module's forward function. Names are unique and depend on nothing but the graph.

use std::collections::HashSet;

use super::{Graph, Node, ValueId};

/// Names that are in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// The names in a graph: those of constants, inputs, outputs and results of nodes.
    pub(crate) fn new(graph: &Graph) -> Self {
        let results = graph.nodes.iter().flat_map(|node| &node.outputs);
        let ids = graph.constants.keys().chain(&graph.inputs).chain(&graph.outputs).chain(results);
        Self { taken: ids.map(|id| graph.name(*id).to_owned()).collect() }
    }

    /// Reserves `wish`, or `wish_2`, `wish_3` and so on if it is in use.
    pub(crate) fn reserve(&mut self, wish: &str) -> String {
        let numbered = (1..).map(|number| if number == 1 { wish.to_owned() } else { format!("{wish}_{number}") });
        let mut free = numbered.filter(|name| !self.taken.contains(name));
        let name = free.next().unwrap_or_default();
        self.taken.insert(name.clone());
        name
    }
}

impl FromIterator<String> for Names {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        Self { taken: names.into_iter().collect() }
    }
}

/// Names every value.
pub(crate) fn assign(graph: &mut Graph) {
    let mut assignment = Assignment { names: vec![None; graph.values.len()], used: Names::default() };
    // Inputs and outputs have the names that the user gave; a parameter of the same name makes way.
    let ports = graph.inputs.iter().chain(&graph.outputs).copied();
    for id in ports.chain(graph.constants.keys().copied()) {
        if let Some(name) = &graph.values[id].name {
            assignment.name(id, || name.clone());
        }
    }
    // A value of the root module has no path before the slash.
    let derived = |name: String| name.trim_start_matches('/').to_owned();
    for node in &graph.nodes {
        for (position, id) in node.outputs.iter().enumerate() {
            assignment.name(*id, || derived(base(graph, node, position)));
        }
        for id in node.inputs.iter().flatten() {
            assignment.name(*id, || derived(format!("{}/constant", prefix(graph, node))));
        }
    }
    for id in 0..graph.values.len() {
        assignment.name(id, || format!("value_{id}"));
    }
    for (value, name) in graph.values.iter_mut().zip(assignment.names) {
        value.name = name;
    }
}

struct Assignment {
    names: Vec<Option<String>>,
    used: Names,
}

impl Assignment {
    /// Names a value that has no name yet.
    fn name(&mut self, id: ValueId, wish: impl FnOnce() -> String) {
        if self.names[id].is_none() {
            self.names[id] = Some(self.used.reserve(&wish()));
        }
    }
}

fn base(graph: &Graph, node: &Node, position: usize) -> String {
    let origin = &graph.origins[node.origin];
    let last = graph.nodes.iter().rfind(|other| other.origin == node.origin);
    let is_result = last.is_some_and(|last| last.outputs == node.outputs) && position == 0;
    let what = if origin.owned && is_result { "out".to_owned() } else { node.op.to_lowercase() };
    format!("{}/{what}", prefix(graph, node))
}

fn prefix<'a>(graph: &'a Graph, node: &Node) -> &'a str {
    &graph.origins[node.origin].module
}
