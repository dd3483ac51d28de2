//! Visits everything in a model: graphs within attributes and functions included.

use burn_onnx_export::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto};

/// Calls `visit` on every node of the model: of the graph, its subgraphs, its functions and its training graphs.
pub(in crate::import) fn for_each_node<'a>(model: &'a ModelProto, visit: &mut dyn FnMut(&'a NodeProto)) {
    let training = model.training_info.iter().flat_map(|info| info.initialization.iter().chain(&info.algorithm));
    let nodes = model.graph.iter().chain(training).flat_map(|graph| &graph.node);
    nodes.chain(model.functions.iter().flat_map(|function| &function.node)).for_each(|node| of_node(node, visit));
}

fn of_node<'a>(node: &'a NodeProto, visit: &mut dyn FnMut(&'a NodeProto)) {
    visit(node);
    node.graphs().flat_map(|graph| &graph.node).for_each(|inner| of_node(inner, visit));
}

/// Calls `visit` on a graph and on every graph within its nodes. Functions have names of their own and are left out.
pub(in crate::import) fn for_each_graph(graph: &mut GraphProto, visit: &mut dyn FnMut(&mut GraphProto)) {
    visit(graph);
    for node in &mut graph.node {
        for attribute in &mut node.attribute {
            let inner = attribute.g.iter_mut().chain(&mut attribute.graphs);
            inner.for_each(|graph| for_each_graph(graph, visit));
        }
    }
}

/// Calls `visit` on every tensor of the model, at every place in which ONNX Runtime reads one.
pub(in crate::import) fn for_each_tensor(model: &mut ModelProto, visit: &mut dyn FnMut(&mut TensorProto)) {
    model.graph.iter_mut().for_each(|graph| of_graph(graph, visit));
    for info in &mut model.training_info {
        info.initialization.iter_mut().chain(&mut info.algorithm).for_each(|graph| of_graph(graph, visit));
    }
    for function in &mut model.functions {
        function.node.iter_mut().flat_map(|node| &mut node.attribute).for_each(|one| of_attribute(one, visit));
        function.attribute_proto.iter_mut().for_each(|attribute| of_attribute(attribute, visit));
    }
}

fn of_graph(graph: &mut GraphProto, visit: &mut dyn FnMut(&mut TensorProto)) {
    graph.initializer.iter_mut().for_each(&mut *visit);
    graph.sparse_initializer.iter_mut().for_each(|sparse| of_sparse(sparse, visit));
    graph.node.iter_mut().flat_map(|node| &mut node.attribute).for_each(|attribute| of_attribute(attribute, visit));
}

fn of_attribute(attribute: &mut AttributeProto, visit: &mut dyn FnMut(&mut TensorProto)) {
    attribute.t.iter_mut().chain(&mut attribute.tensors).for_each(&mut *visit);
    attribute.sparse_tensor.iter_mut().chain(&mut attribute.sparse_tensors).for_each(|sparse| of_sparse(sparse, visit));
    attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(|graph| of_graph(graph, visit));
}

fn of_sparse(sparse: &mut SparseTensorProto, visit: &mut dyn FnMut(&mut TensorProto)) {
    sparse.values.iter_mut().chain(&mut sparse.indices).for_each(visit);
}
