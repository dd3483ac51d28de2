//! An ONNX graph that can be taken apart: nodes with their producers and readers, constants, and pieces cut out of it.

mod extract;
mod read;
mod tensor;

use std::collections::{HashMap, HashSet};

use burn_onnx_export::proto::{GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto};

use crate::error::{DebugError, Result};

pub(crate) use extract::{Piece, Port, renamed};
pub(crate) use tensor::{floats, numbers_of};

/// A model with its weights in memory, indexed by the names of values.
#[derive(Debug, Clone)]
pub struct Graph {
    /// The file, or the side, for messages.
    name: String,
    /// The model without its graph.
    shell: ModelProto,
    graph: GraphProto,
    /// The node that computes each value.
    makers: HashMap<String, usize>,
    initializers: HashMap<String, usize>,
    /// Values that depend on no input of the graph.
    constant: HashSet<String>,
}

impl Graph {
    /// Indexes a model. Its weights must be in the message.
    ///
    /// # Errors
    /// [`DebugError::Graph`] if it has no graph, if two nodes compute a value of the same name, or if a node comes before
    /// one whose result it reads.
    pub fn new(name: &str, mut model: ModelProto) -> Result<Self> {
        let graph = model.graph.take().ok_or_else(|| DebugError::graph(name, "the model has no graph"))?;
        let initializers: HashMap<String, usize> =
            graph.initializer.iter().enumerate().map(|(at, tensor)| (tensor.name.clone(), at)).collect();
        let inputs: HashSet<&str> = graph.input.iter().map(|port| port.name.as_str()).collect();
        let sparse: HashSet<&str> = graph.sparse_initializer.iter().map(sparse_name).collect();
        let mut makers = HashMap::new();
        let mut constant: HashSet<String> = initializers.keys().cloned().collect();
        constant.extend(sparse.iter().map(|name| (*name).to_owned()));
        for (at, node) in graph.node.iter().enumerate() {
            let read = reads(node);
            for value in &read {
                let known = makers.contains_key(*value)
                    || initializers.contains_key(*value)
                    || sparse.contains(value)
                    || inputs.contains(value);
                if !known {
                    return Err(DebugError::graph(
                        name,
                        format!(
                            "node `{}` ({}) reads `{value}`, which nothing before it computes",
                            node.name, node.op_type
                        ),
                    ));
                }
            }
            let random = node.op_type.starts_with("Random") || node.op_type == "Bernoulli";
            let fixed = !random && read.iter().all(|value| constant.contains(*value));
            for output in node.output.iter().filter(|output| !output.is_empty()) {
                if makers.insert(output.clone(), at).is_some() {
                    return Err(DebugError::graph(name, format!("two nodes compute `{output}`")));
                }
                if fixed {
                    constant.insert(output.clone());
                }
            }
        }
        Ok(Self { name: name.to_owned(), shell: model, graph, makers, initializers, constant })
    }

    /// The file, or the side.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The nodes, in the order of execution.
    #[must_use]
    pub fn nodes(&self) -> &[NodeProto] {
        &self.graph.node
    }

    /// Names of the inputs that a run must give.
    #[must_use]
    pub fn inputs(&self) -> Vec<&str> {
        let ports = self.graph.input.iter().map(|port| port.name.as_str());
        ports.filter(|name| !self.initializers.contains_key(*name)).collect()
    }

    /// Names of the outputs.
    #[must_use]
    pub fn outputs(&self) -> Vec<&str> {
        self.graph.output.iter().map(|port| port.name.as_str()).collect()
    }

    /// The size of the first input's first axis, if it is a number.
    #[must_use]
    pub fn fixed_batch(&self) -> Option<usize> {
        let first = *self.inputs().first()?;
        let port = self.graph.input.iter().find(|port| port.name == first)?;
        usize::try_from(port.dims()?.first()?.dim_value()?).ok().filter(|size| *size > 0)
    }

    /// The opset of the standard operators.
    #[must_use]
    pub fn opset(&self) -> Option<i64> {
        self.shell.opset("")
    }

    /// The value of a metadata key.
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.shell.metadata_props.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// Position of the node that computes a value.
    pub(crate) fn maker(&self, value: &str) -> Option<usize> {
        self.makers.get(value).copied()
    }

    /// A constant's tensor: an initializer, or the value of a `Constant` node.
    pub(crate) fn tensor(&self, value: &str) -> Option<&TensorProto> {
        if let Some(at) = self.initializers.get(value) {
            return self.graph.initializer.get(*at);
        }
        let node = self.graph.node.get(self.maker(value)?)?;
        (node.op_type == "Constant").then(|| node.attribute("value")?.t.as_ref())?
    }

    /// Returns true for a value that depends on no input of the graph.
    pub(crate) fn is_constant(&self, value: &str) -> bool {
        self.constant.contains(value)
    }

    /// Every value that depends on an input, in the order of execution: the inputs, then the results of nodes.
    pub(crate) fn values(&self) -> Vec<&str> {
        let results = self.graph.node.iter().flat_map(|node| node.output.iter().map(String::as_str));
        let live = |name: &&str| !name.is_empty() && !self.is_constant(name);
        self.inputs().into_iter().chain(results.filter(live)).collect()
    }
}

/// Names of the values that a node reads, without omitted inputs: its inputs, and the outer values that its subgraphs read.
pub(crate) fn reads(node: &NodeProto) -> Vec<&str> {
    let mut read: Vec<&str> = node.input.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    for graph in node.graphs() {
        free(graph, &mut read);
    }
    read
}

/// Adds the values that a subgraph reads from outside.
fn free<'g>(graph: &'g GraphProto, read: &mut Vec<&'g str>) {
    let mut own: HashSet<&str> = graph.input.iter().map(|port| port.name.as_str()).collect();
    own.extend(graph.initializer.iter().map(|tensor| tensor.name.as_str()));
    own.extend(graph.sparse_initializer.iter().map(sparse_name));
    for node in &graph.node {
        for name in reads(node) {
            if !own.contains(name) && !read.contains(&name) {
                read.push(name);
            }
        }
        own.extend(node.output.iter().map(String::as_str));
    }
    for port in graph.output.iter().filter(|port| !own.contains(port.name.as_str())) {
        if !read.contains(&port.name.as_str()) {
            read.push(&port.name);
        }
    }
}

/// The name of a sparse initializer, which is that of its values.
pub(crate) fn sparse_name(sparse: &SparseTensorProto) -> &str {
    sparse.values.as_ref().map_or("", |values| values.name.as_str())
}

/// The label of a node: its name, or its first result.
pub(crate) fn label(node: &NodeProto) -> &str {
    if node.name.is_empty() { node.output.first().map_or("", String::as_str) } else { &node.name }
}

/// The module path that the exporter wrote for a node; else the part of its name before the last `/`.
pub(crate) fn module(node: &NodeProto) -> &str {
    let written = node.metadata_props.iter().find(|entry| entry.key == "burn.module");
    written.map_or_else(|| label(node).rsplit_once('/').map_or("", |(module, _)| module), |entry| &entry.value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use burn_onnx_export::proto::{OperatorSetIdProto, ValueInfoProto};

    use super::*;

    /// A node of one result.
    pub(crate) fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
        NodeProto::new(op, inputs.iter().copied(), [output])
    }

    pub(crate) fn port(name: &str) -> ValueInfoProto {
        ValueInfoProto { name: name.to_owned(), ..Default::default() }
    }

    pub(crate) fn model(nodes: Vec<NodeProto>, inputs: &[&str], outputs: &[&str]) -> ModelProto {
        let graph = GraphProto {
            node: nodes,
            input: inputs.iter().map(|name| port(name)).collect(),
            output: outputs.iter().map(|name| port(name)).collect(),
            name: "test".to_owned(),
            ..Default::default()
        };
        ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto::standard(18)],
            graph: Some(graph),
            ..Default::default()
        }
    }

    #[test]
    fn a_graph_out_of_order_is_refused_by_node() {
        let nodes = vec![node("Relu", &["y"], "z"), node("Abs", &["x"], "y")];
        let error = Graph::new("m", model(nodes, &["x"], &["z"])).unwrap_err().to_string();
        assert_eq!(error, "m: node `z` (Relu) reads `y`, which nothing before it computes");
    }

    #[test]
    fn a_sparse_initializer_is_a_constant_and_stays_with_its_piece() {
        let values = TensorProto { name: "w".to_owned(), ..Default::default() };
        let sparse = SparseTensorProto { values: Some(values), ..Default::default() };
        let mut model = model(vec![node("Relu", &["x"], "a"), node("MatMul", &["a", "w"], "y")], &["x"], &["y"]);
        model.graph.as_mut().unwrap().sparse_initializer.push(sparse);
        let graph = Graph::new("m", model).unwrap();
        assert!(graph.is_constant("w"));
        let piece = graph.piece("y", &|name| name == "a");
        assert_eq!((piece.nodes.as_slice(), piece.inputs.as_slice()), ([1].as_slice(), ["a".to_owned()].as_slice()));
        let cut = graph.model_of(&piece.nodes, &[], &[]).graph.unwrap();
        assert_eq!(cut.sparse_initializer.len(), 1);
    }

    #[test]
    fn values_of_subgraphs_count_as_read() {
        let inner = model(vec![node("Abs", &["outside"], "a"), node("Neg", &["a"], "b")], &[], &["b"]).graph;
        let mut branch = node("If", &["condition"], "y");
        let attribute = burn_onnx_export::proto::AttributeProto { g: inner, ..Default::default() };
        branch.attribute.push(attribute);
        assert_eq!(reads(&branch), ["condition", "outside"]);
    }
}
