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
        let mut name = wish.to_owned();
        let mut number = 2;
        while self.0.contains(&name) {
            name = format!("{wish}_{number}");
            number += 1;
        }
        self.0.insert(name.clone());
        name
    }
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
