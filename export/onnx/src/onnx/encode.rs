//! Encodes a graph as ONNX protobuf messages, in a fixed order and without counters of the process.

use super::parts::{Initializer, Parts};
use super::proto::{
    AttributeProto, Dimension, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::graph::{Attribute, Constant, Draft, Graph, Node, ValueId};
use crate::symbolic::{Plan, Size};

/// The IR version that was released with an opset. An older reader refuses a newer version.
fn ir_version(opset: i64) -> i64 {
    match opset {
        ..=18 => 8,
        19..=20 => 9,
        21..=22 => 10,
        23 => 11,
        24 => 12,
        _ => 13,
    }
}

/// Builds the model's message. No weight is read.
pub(crate) fn encode(draft: &Draft) -> Parts {
    let Draft { graph, plan, header, opset } = draft;
    let own = || (env!("CARGO_PKG_NAME").to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let (producer_name, producer_version) =
        header.foreign.as_ref().map_or_else(own, |foreign| foreign.producer.clone());
    let mut opset_import = vec![OperatorSetIdProto::standard(*opset)];
    opset_import.extend(header.foreign.iter().flat_map(|foreign| foreign.imports.iter().cloned()));
    let model = ModelProto {
        ir_version: ir_version(*opset),
        producer_name,
        producer_version,
        doc_string: header.description.clone(),
        graph: None,
        opset_import,
        functions: header.foreign.as_ref().map(|foreign| foreign.functions.clone()).unwrap_or_default(),
        metadata_props: header.metadata.iter().map(|(key, value)| StringStringEntryProto::new(key, value)).collect(),
        ..ModelProto::default()
    };
    let initializer = |(id, constant): (&ValueId, &Constant)| Initializer {
        tensor: described(graph.name(*id), constant),
        constant: constant.clone(),
    };
    let mut initializers: Vec<_> = graph.constants.iter().map(initializer).collect();
    initializers.sort_by(|a, b| a.tensor.name.cmp(&b.tensor.name));
    Parts { model, graph: graph_message(graph, plan, &header.name), initializers }
}

fn graph_message(graph: &Graph, plan: &Plan, name: &str) -> GraphProto {
    let port = |id: &ValueId| port(graph, *id, plan);
    GraphProto {
        node: graph.nodes.iter().map(|one| node(graph, one)).collect(),
        name: name.to_owned(),
        initializer: Vec::new(),
        input: graph.inputs.iter().map(port).collect(),
        output: graph.outputs.iter().map(port).collect(),
        ..GraphProto::default()
    }
}

/// Name, type and shape of a graph input or output.
fn port(graph: &Graph, id: ValueId, plan: &Plan) -> ValueInfoProto {
    let value = &graph.values[id];
    let dimension = |size: &Size| {
        let value = match size.fixed() {
            Some(fixed) => Some(Dimension::DimValue(fixed)),
            None => size.name(plan).map(Dimension::DimParam),
        };
        DimensionProto { value, ..DimensionProto::default() }
    };
    let shape = value.shape.as_ref().map(|shape| TensorShapeProto { dim: shape.iter().map(dimension).collect() });
    let tensor = TensorTypeProto { elem_type: value.element.code(), shape };
    let r#type = Some(TypeProto { tensor_type: Some(tensor), ..TypeProto::default() });
    ValueInfoProto { name: graph.name(id).to_owned(), r#type, ..ValueInfoProto::default() }
}

fn node(graph: &Graph, node: &Node) -> NodeProto {
    let name = |id: ValueId| graph.name(id).to_owned();
    let output: Vec<String> = node.outputs.iter().copied().map(name).collect();
    if let Some(foreign) = &node.foreign {
        let input = node.inputs.iter().map(|input| input.map(name).unwrap_or_default()).collect();
        return NodeProto { input, output, ..foreign.proto.clone() };
    }
    let origin = &graph.origins[node.origin];
    let origin =
        [("burn.module", &origin.module), ("burn.type", &origin.module_type), ("burn.operation", &origin.kind)];
    let known = origin.into_iter().filter(|(_, value)| !value.is_empty());
    let inputs = node.inputs.iter().map(|input| input.map(name).unwrap_or_default());
    NodeProto {
        attribute: node.attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
        metadata_props: known.map(|(key, value)| StringStringEntryProto::new(key, value)).collect(),
        ..NodeProto::new(node.op, inputs, output)
    }
}

/// An attribute's message.
fn attribute(name: &str, value: &Attribute) -> AttributeProto {
    match value {
        Attribute::Int(value) => AttributeProto::int(name, *value),
        Attribute::Ints(values) => AttributeProto::ints(name, values.as_slice()),
        Attribute::Float(value) => AttributeProto::float(name, *value),
        Attribute::Text(value) => AttributeProto::string(name, value),
        Attribute::Tensor(value) => {
            AttributeProto::tensor(name, TensorProto { raw_data: value.data.read(), ..described("", value) })
        }
    }
}

/// A constant's message without its data.
fn described(name: &str, constant: &Constant) -> TensorProto {
    TensorProto {
        dims: constant.dims.iter().map(|size| *size as i64).collect(),
        data_type: constant.element.code(),
        name: name.to_owned(),
        ..TensorProto::default()
    }
}
