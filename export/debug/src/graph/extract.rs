//! Pieces of a graph: the nodes between known values and a value, as a model of their own whose inputs are the known
//! values. Weights stay constants of the piece.

use std::collections::{BTreeMap, BTreeSet};

use burn_onnx_export::proto::{
    AttributeProto, DataType, DimensionProto, GraphProto, ModelProto, NodeProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto,
};

use super::{Graph, reads, sparse_name};

/// The nodes that compute one value from known values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Positions of the nodes, in the order of execution.
    pub(crate) nodes: Vec<usize>,
    /// The known values that they read, in the order of first use.
    pub(crate) inputs: Vec<String>,
    /// The values that they compute for the outside.
    pub(crate) outputs: Vec<String>,
}

/// A value at the border of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    /// Name in the graph.
    pub(crate) value: String,
    /// Element type in the graph; none if ONNX Runtime is to infer it.
    pub(crate) element: Option<DataType>,
    /// Sizes, for an input; none if they are not known.
    pub(crate) dims: Option<Vec<usize>>,
}

impl Port {
    /// The name of the piece's own input or output. A value of 16 bits is exchanged in 32 and cast inside.
    pub(crate) fn outside(&self) -> String {
        if self.is_half() { format!("{}/float32", self.value) } else { self.value.clone() }
    }

    /// The element type that is exchanged.
    fn exchanged(&self) -> Option<DataType> {
        if self.is_half() { Some(DataType::Float) } else { self.element }
    }

    /// Returns true for the types of 16 bits that arrays lack; graphs cast them on the way in and out.
    pub(crate) fn is_half(&self) -> bool {
        self.element.is_some_and(DataType::is_half)
    }
}

impl Graph {
    /// The piece that computes `value` from values that `is_known`. Values that depend on no input are computed in the
    /// piece.
    pub(crate) fn piece(&self, value: &str, is_known: &dyn Fn(&str) -> bool) -> Piece {
        let mut nodes = BTreeSet::new();
        let mut open: Vec<&str> = vec![value];
        let mut border: BTreeSet<String> = BTreeSet::new();
        while let Some(name) = open.pop() {
            let Some(at) = self.maker(name) else {
                if !self.is_constant(name) {
                    border.insert(name.to_owned());
                }
                continue;
            };
            if !nodes.insert(at) {
                continue;
            }
            for read in reads(&self.nodes()[at]) {
                if !self.is_constant(read) && is_known(read) {
                    border.insert(read.to_owned());
                } else {
                    open.push(read);
                }
            }
        }
        self.ordered(nodes.into_iter().collect(), &border, vec![value.to_owned()])
    }

    /// The piece of the nodes `first ..= last` that compute values which depend on an input, with the constants that they
    /// need. Its inputs are the values of earlier nodes, its output is `value`; nodes that `value` does not need are left
    /// out.
    pub(crate) fn range(&self, first: usize, value: &str) -> Piece {
        let earlier = |name: &str| self.maker(name).is_none_or(|at| at < first);
        self.piece(value, &earlier)
    }

    fn ordered(&self, nodes: Vec<usize>, border: &BTreeSet<String>, outputs: Vec<String>) -> Piece {
        let mut inputs: Vec<String> = Vec::new();
        for at in &nodes {
            for read in reads(&self.nodes()[*at]) {
                if border.contains(read) && !inputs.iter().any(|known| known == read) {
                    inputs.push(read.to_owned());
                }
            }
        }
        // A value that is an input of the graph itself has no node.
        inputs.extend(border.iter().filter(|name| outputs.contains(name)).cloned());
        Piece { nodes, inputs, outputs }
    }

    /// A piece as a model: the nodes, their constants, and ports of the given types.
    pub(crate) fn model_of(&self, nodes: &[usize], inputs: &[Port], outputs: &[Port]) -> ModelProto {
        let mut all: Vec<NodeProto> = Vec::new();
        for port in inputs.iter().filter(|port| port.is_half()) {
            all.extend(port.element.map(|element| cast(&port.outside(), &port.value, element)));
        }
        all.extend(nodes.iter().map(|at| self.nodes()[*at].clone()));
        for port in outputs.iter().filter(|port| port.is_half()) {
            all.push(cast(&port.value, &port.outside(), DataType::Float));
        }
        let made: BTreeSet<&str> = inputs.iter().map(|port| port.value.as_str()).collect();
        let read: BTreeSet<&str> = nodes.iter().flat_map(|at| reads(&self.nodes()[*at])).collect();
        let is_needed = |name: &str| read.contains(name) && !made.contains(name);
        let initializer = self.graph.initializer.iter().filter(|tensor| is_needed(&tensor.name));
        let sparse = self.graph.sparse_initializer.iter().filter(|sparse| is_needed(sparse_name(sparse)));
        let graph = GraphProto {
            initializer: initializer.cloned().collect(),
            sparse_initializer: sparse.cloned().collect(),
            node: all,
            name: self.graph.name.clone(),
            input: inputs.iter().map(described).collect(),
            output: outputs.iter().map(described).collect(),
            ..Default::default()
        };
        ModelProto { graph: Some(graph), ..self.shell.clone() }
    }

    /// The model with further outputs: every value of `ports` that is not an output yet. The runtime infers their shapes.
    pub(crate) fn tapped(&self, ports: &[Port]) -> ModelProto {
        let mut graph = self.graph.clone();
        let mut there: BTreeSet<String> = graph.output.iter().map(|port| port.name.clone()).collect();
        for port in ports {
            if port.is_half() {
                graph.node.push(cast(&port.value, &port.outside(), DataType::Float));
            }
            if there.insert(port.outside()) {
                graph.output.push(described(port));
            }
        }
        ModelProto { graph: Some(graph), ..self.shell.clone() }
    }

    /// The model cut down to the nodes that an output needs, with that output alone.
    pub(crate) fn up_to(&self, port: &Port, more: &[Port]) -> ModelProto {
        let inputs: BTreeSet<&str> = self.inputs().into_iter().collect();
        let mut nodes = BTreeSet::new();
        for port in std::iter::once(port).chain(more) {
            nodes.extend(self.piece(&port.value, &|name| inputs.contains(name)).nodes);
        }
        let nodes: Vec<usize> = nodes.into_iter().collect();
        let ports: Vec<Port> = std::iter::once(port).chain(more).cloned().collect();
        let mut model = self.model_of(&nodes, &[], &ports);
        if let Some(graph) = &mut model.graph {
            graph.input = self.graph.input.clone();
        }
        model
    }
}

fn described(port: &Port) -> ValueInfoProto {
    let dimension = |size: &usize| DimensionProto::fixed(*size as i64);
    let shape = port.dims.as_ref().map(|dims| TensorShapeProto { dim: dims.iter().map(dimension).collect() });
    let r#type = port.exchanged().map(|element| TypeProto {
        tensor_type: Some(TensorTypeProto { elem_type: element.code(), shape }),
        ..Default::default()
    });
    ValueInfoProto { name: port.outside(), r#type, ..Default::default() }
}

fn cast(from: &str, into: &str, element: DataType) -> NodeProto {
    let to = AttributeProto::int("to", element.code().into());
    NodeProto { attribute: vec![to], ..NodeProto::new("Cast", [from], [into]) }
}

/// Values by their names outside of a piece, with the names that the graph uses.
pub(crate) fn renamed<T>(values: BTreeMap<String, T>, ports: &[Port]) -> BTreeMap<String, T> {
    let inner = |name: &str| ports.iter().find(|port| port.outside() == name).map(|port| port.value.clone());
    values.into_iter().map(|(name, value)| (inner(&name).unwrap_or(name), value)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn_onnx_export::proto::TensorProto;

    use super::super::tests::{model, node};
    use super::*;

    /// `x -> a -> b -> y`, where `b` reads a weight that a node transposes first.
    fn graph() -> Graph {
        let nodes = vec![
            node("Transpose", &["w"], "w/t"),
            node("Relu", &["x"], "a"),
            node("MatMul", &["a", "w/t"], "b"),
            node("Add", &["b", "a"], "y"),
        ];
        let mut model = model(nodes, &["x"], &["y"]);
        model.graph.as_mut().unwrap().initializer.push(TensorProto { name: "w".to_owned(), ..Default::default() });
        Graph::new("g", model).unwrap()
    }

    #[test]
    fn a_piece_ends_at_known_values_and_holds_its_constants() {
        let graph = graph();
        let piece = graph.piece("b", &|name| name == "a");
        assert_eq!((piece.nodes.as_slice(), piece.inputs.as_slice()), ([0, 2].as_slice(), ["a".to_owned()].as_slice()));
        let far = graph.piece("y", &|name| name == "x");
        assert_eq!((far.nodes, far.inputs), (vec![0, 1, 2, 3], vec!["x".to_owned()]));
        let ports = [Port { value: "a".to_owned(), element: Some(DataType::Float16), dims: Some(vec![1, 2]) }];
        let out = [Port { value: "b".to_owned(), element: Some(DataType::Float), dims: None }];
        let cut = graph.model_of(&piece.nodes, &ports, &out).graph.unwrap();
        let ops: Vec<_> = cut.node.iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(ops, ["Cast", "Transpose", "MatMul"]);
        assert_eq!(cut.initializer.len(), 1);
        assert_eq!(cut.input[0].name, "a/float32");
    }

    #[test]
    fn a_range_takes_its_inputs_from_before() {
        let piece = graph().range(2, "y");
        assert_eq!((piece.nodes, piece.inputs), (vec![0, 2, 3], vec!["a".to_owned()]));
    }
}
