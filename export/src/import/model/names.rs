//! Names of values: which are taken, and how one is changed everywhere at once.

use std::collections::BTreeSet;

use burn_onnx_export::proto::GraphProto;

use super::for_each_graph;

/// The names in use in a graph and in the graphs within it.
#[derive(Debug, Clone)]
pub(in crate::import) struct Names(BTreeSet<String>);

impl Names {
    /// The names of a graph.
    pub(in crate::import) fn new(graph: &GraphProto) -> Self {
        let mut names = BTreeSet::new();
        for_each_graph(&mut graph.clone(), &mut |graph| {
            names.extend(graph.input.iter().chain(&graph.output).map(|port| port.name.clone()));
            names.extend(graph.initializer.iter().map(|tensor| tensor.name.clone()));
            names.extend(graph.node.iter().flat_map(|node| node.input.iter().chain(&node.output).cloned()));
        });
        Self(names)
    }

    /// Reserves `wish`, or `wish_2`, `wish_3` and so on if it is in use.
    pub(in crate::import) fn reserve(&mut self, wish: &str) -> String {
        let name = free(&self.0, wish);
        self.0.insert(name.clone());
        name
    }
}

/// Gives nodes that have the name of an earlier node of the same graph another one, because ONNX Runtime refuses such a graph.
/// Returns true if there were any.
pub(in crate::import) fn separate_nodes(graph: &mut GraphProto) -> bool {
    let mut found = false;
    for_each_graph(graph, &mut |graph| {
        let mut taken: BTreeSet<String> = graph.node.iter().map(|node| node.name.clone()).collect();
        let mut seen = BTreeSet::new();
        for node in graph.node.iter_mut().filter(|node| !node.name.is_empty()) {
            if !seen.insert(node.name.clone()) {
                found = true;
                node.name = free(&taken, &node.name);
                taken.insert(node.name.clone());
            }
        }
    });
    found
}

/// `wish`, or `wish_2`, `wish_3` and so on if it is taken.
fn free(taken: &BTreeSet<String>, wish: &str) -> String {
    let numbered = (2_u64..).map(|number| format!("{wish}_{number}"));
    std::iter::once(wish.to_owned()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default()
}

/// Renames a value in a graph and in the graphs within it.
pub(in crate::import) fn rename(graph: &mut GraphProto, from: &str, to: &str) {
    let change = |name: &mut String| {
        if name == from {
            *name = to.to_owned();
        }
    };
    for_each_graph(graph, &mut |graph| {
        let ports = graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info);
        ports.for_each(|port| change(&mut port.name));
        graph.initializer.iter_mut().for_each(|tensor| change(&mut tensor.name));
        for sparse in &mut graph.sparse_initializer {
            sparse.values.iter_mut().for_each(|tensor| change(&mut tensor.name));
        }
        for annotation in &mut graph.quantization_annotation {
            change(&mut annotation.tensor_name);
            annotation.quant_parameter_tensor_names.iter_mut().for_each(|entry| change(&mut entry.value));
        }
        for node in &mut graph.node {
            node.input.iter_mut().chain(&mut node.output).for_each(change);
        }
    });
}

#[cfg(test)]
mod tests {
    use burn_onnx_export::proto::NodeProto;

    use super::*;

    #[test]
    fn the_first_of_two_nodes_keeps_its_name() {
        let node = |name: &str| NodeProto { name: name.to_owned(), ..NodeProto::default() };
        let names = |names: &[&str]| {
            let mut graph = GraphProto { node: names.iter().copied().map(node).collect(), ..GraphProto::default() };
            let changed = separate_nodes(&mut graph);
            (changed, graph.node.into_iter().map(|node| node.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["a", "b", "", ""]), (false, ["a", "b", "", ""].map(str::to_owned).into()));
        let expected = ["a", "a_3", "a_2", "a_4"].map(str::to_owned);
        assert_eq!(names(&["a", "a", "a_2", "a"]), (true, expected.into()));
    }
}
