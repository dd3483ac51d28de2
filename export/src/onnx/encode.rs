//! Writes a graph as ONNX protobuf messages, in a fixed order and without anything that a process counts up.

use onnx_ir::{AttributeProto, AttributeType, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use protobuf::{EnumOrUnknown, MessageField};

use super::write::Parts;
use crate::graph::{Attribute, Constant, Graph, Node, ValueId};
use crate::symbolic::Plan;

/// What stands beside the graph in a model file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    pub(crate) opset: i64,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) metadata: Vec<(String, String)>,
}

/// The IR version that came with an opset; an older reader refuses a newer one.
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

/// A constant of the graph, and its message without the data.
#[derive(Clone)]
pub(crate) struct Initializer {
    pub(crate) tensor: TensorProto,
    pub(crate) constant: Constant,
}

impl Initializer {
    /// Whether its data is part of the message, not in a file beside it.
    pub(crate) fn is_inside(&self) -> bool {
        self.tensor.external_data.is_empty()
    }
}

/// Builds the model's message. No weight is read.
pub(crate) fn encode(graph: &Graph, names: &[String], plan: &Plan, header: &Header) -> Parts {
    let mut model = ModelProto::new();
    model.ir_version = ir_version(header.opset);
    model.producer_name = "kiln-export".to_owned();
    model.producer_version = env!("CARGO_PKG_VERSION").to_owned();
    model.doc_string.clone_from(&header.description);
    model.opset_import.push(Default::default());
    if let Some(import) = model.opset_import.last_mut() {
        import.version = header.opset;
    }
    for (key, value) in &header.metadata {
        model.metadata_props.push(Default::default());
        if let Some(entry) = model.metadata_props.last_mut() {
            entry.key.clone_from(key);
            entry.value.clone_from(value);
        }
    }
    let initializer = |(id, constant): (&ValueId, &Constant)| Initializer {
        tensor: described(&names[*id], constant),
        constant: constant.clone(),
    };
    let mut initializers: Vec<_> = graph.constants.iter().map(initializer).collect();
    initializers.sort_by(|a, b| a.tensor.name.cmp(&b.tensor.name));
    Parts { model, graph: graph_message(graph, names, plan, &header.name), initializers }
}

fn graph_message(graph: &Graph, names: &[String], plan: &Plan, name: &str) -> GraphProto {
    let mut message = GraphProto::new();
    message.name = name.to_owned();
    message.input = graph.inputs.iter().map(|id| port(graph, *id, names, plan)).collect();
    message.output = graph.outputs.iter().map(|id| port(graph, *id, names, plan)).collect();
    message.node = graph.nodes.iter().map(|one| node(graph, one, names)).collect();
    message
}

/// Name, type and shape of a graph input or output.
fn port(graph: &Graph, id: ValueId, names: &[String], plan: &Plan) -> ValueInfoProto {
    let value = &graph.values[id];
    let mut message = ValueInfoProto::new();
    message.name.clone_from(&names[id]);
    let tensor = message.type_.mut_or_insert_default().mut_tensor_type();
    tensor.elem_type = value.element.code();
    let shape = tensor.shape.mut_or_insert_default();
    for size in value.shape.iter().flatten() {
        shape.dim.push(Default::default());
        let Some(dimension) = shape.dim.last_mut() else { continue };
        match (size.fixed(), size.name(plan)) {
            (Some(fixed), _) => dimension.set_dim_value(fixed),
            (None, Some(name)) => dimension.set_dim_param(name),
            (None, None) => {}
        }
    }
    message
}

fn node(graph: &Graph, node: &Node, names: &[String]) -> NodeProto {
    let mut message = NodeProto::new();
    message.op_type = node.op.to_owned();
    message.input = node.inputs.iter().map(|input| input.map(|id| names[id].clone()).unwrap_or_default()).collect();
    message.output = node.outputs.iter().map(|id| names[*id].clone()).collect();
    message.name = message.output.first().cloned().unwrap_or_default();
    message.attribute = node.attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    let origin = &graph.origins[node.origin];
    for (key, value) in
        [("burn.module", &origin.module), ("burn.type", &origin.module_type), ("burn.operation", &origin.kind)]
    {
        if !value.is_empty() {
            message.metadata_props.push(Default::default());
            if let Some(entry) = message.metadata_props.last_mut() {
                entry.key = key.to_owned();
                entry.value.clone_from(value);
            }
        }
    }
    message
}

/// An attribute's message.
pub(crate) fn attribute(name: &str, value: &Attribute) -> AttributeProto {
    let mut message = AttributeProto::new();
    message.name = name.to_owned();
    let kind = match value {
        Attribute::Int(value) => {
            message.i = *value;
            AttributeType::INT
        }
        Attribute::Ints(values) => {
            message.ints.clone_from(values);
            AttributeType::INTS
        }
        Attribute::Float(value) => {
            message.f = *value;
            AttributeType::FLOAT
        }
        Attribute::Text(value) => {
            message.s = bytes::Bytes::from_static(value.as_bytes());
            AttributeType::STRING
        }
        Attribute::Tensor(value) => {
            message.t = MessageField::some(TensorProto { raw_data: value.data.read(), ..described("", value) });
            AttributeType::TENSOR
        }
    };
    message.type_ = EnumOrUnknown::new(kind);
    message
}

/// A constant's message without its data.
pub(crate) fn described(name: &str, constant: &Constant) -> TensorProto {
    let mut message = TensorProto::new();
    message.name = name.to_owned();
    message.data_type = constant.element.code();
    message.dims = constant.dims.iter().map(|size| *size as i64).collect();
    message
}
