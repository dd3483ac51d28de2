//! Removes nodes and constants that no output depends on; ONNX Runtime warns about each of them.

use std::collections::HashSet;

use crate::graph::Graph;

/// Keeps only the nodes and constants that the outputs depend on.
pub(crate) fn remove_unused(graph: &mut Graph) {
    let mut needed: HashSet<usize> = graph.outputs.iter().copied().collect();
    let mut kept = vec![false; graph.nodes.len()];
    // Nodes are in the order of execution, so a walk from the end meets every reader before its source.
    for (position, node) in graph.nodes.iter().enumerate().rev() {
        if node.outputs.iter().any(|id| needed.contains(id)) {
            kept[position] = true;
            needed.extend(node.inputs.iter().flatten());
        }
    }
    let mut kept = kept.into_iter();
    graph.nodes.retain(|_| kept.next().unwrap_or(false));
    graph.constants.retain(|id, _| needed.contains(id));
}
