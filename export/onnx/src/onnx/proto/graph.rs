//! Graphs, nodes and the descriptions of values.

use prost::Message;

use super::{
    AttributeProto, DimensionProto, NodeDeviceConfigurationProto, SparseTensorProto, StringStringEntryProto,
    TensorProto, TensorTypeProto, TypeProto, model,
};

/// A graph of nodes in order of execution.
#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    /// The nodes; each comes after the nodes whose results it reads.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    /// Name of the graph.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Constants, weights above all.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    /// Description.
    #[prost(string, tag = "10")]
    pub doc_string: String,
    /// Inputs.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    /// Outputs.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
    /// Types of intermediate values.
    #[prost(message, repeated, tag = "13")]
    pub value_info: Vec<ValueInfoProto>,
    /// Scales and zero points of values.
    #[prost(message, repeated, tag = "14")]
    pub quantization_annotation: Vec<TensorAnnotation>,
    /// Constants that are mostly zero.
    #[prost(message, repeated, tag = "15")]
    pub sparse_initializer: Vec<SparseTensorProto>,
    /// Arbitrary key-value pairs.
    #[prost(message, repeated, tag = "16")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

/// One operation.
#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    /// Names of the input values; an empty name is an omitted optional input.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of its results.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// Name of the node.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Operator, such as `Conv`.
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// Attributes.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
    /// Description.
    #[prost(string, tag = "6")]
    pub doc_string: String,
    /// Domain of the operator; empty for the standard operators.
    #[prost(string, tag = "7")]
    pub domain: String,
    /// Overload of a function of the model.
    #[prost(string, tag = "8")]
    pub overload: String,
    /// Key-value pairs; the exporter writes the burn module and operation of the node.
    #[prost(message, repeated, tag = "9")]
    pub metadata_props: Vec<StringStringEntryProto>,
    /// Placement on several devices.
    #[prost(message, repeated, tag = "10")]
    pub device_configurations: Vec<NodeDeviceConfigurationProto>,
}

impl NodeProto {
    /// A node of a standard operator without attributes, named after its first result.
    #[must_use]
    pub fn new<I, O>(operator: &str, inputs: I, outputs: O) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
        O: IntoIterator<Item: Into<String>>,
    {
        let output: Vec<String> = outputs.into_iter().map(Into::into).collect();
        Self {
            input: inputs.into_iter().map(Into::into).collect(),
            name: output.first().cloned().unwrap_or_default(),
            output,
            op_type: operator.to_owned(),
            ..Self::default()
        }
    }

    /// The attribute of a name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// The integer of an attribute.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name).map(AttributeProto::i)
    }

    /// The graphs in the attributes: branches and loop bodies.
    pub fn graphs(&self) -> impl Iterator<Item = &GraphProto> {
        self.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
    }

    /// True for an operator of the ONNX standard.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        model::is_standard(&self.domain)
    }
}

/// Scale and zero point of a value.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct TensorAnnotation {
    /// The value.
    #[prost(string, tag = "1")]
    pub tensor_name: String,
    /// `SCALE_TENSOR` and `ZERO_POINT_TENSOR`, with the initializers that hold them.
    #[prost(message, repeated, tag = "2")]
    pub quant_parameter_tensor_names: Vec<StringStringEntryProto>,
}

/// Name and type of a value.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    /// Name of the value.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Type of the value.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
    /// Description.
    #[prost(string, tag = "3")]
    pub doc_string: String,
    /// Arbitrary key-value pairs.
    #[prost(message, repeated, tag = "4")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

impl ValueInfoProto {
    /// A tensor of this element type (`TensorProto.DataType`) and these dimensions.
    #[must_use]
    pub fn tensor(name: impl Into<String>, elem_type: i32, dims: impl IntoIterator<Item = DimensionProto>) -> Self {
        let r#type = Some(TypeProto::tensor(elem_type, dims));
        Self { name: name.into(), r#type, ..Self::default() }
    }

    /// The tensor type; none for a value that is no tensor, or has no type.
    #[must_use]
    pub fn tensor_type(&self) -> Option<&TensorTypeProto> {
        self.r#type.as_ref()?.tensor_type.as_ref()
    }

    /// The dimensions; none for a value without a shape.
    #[must_use]
    pub fn dims(&self) -> Option<&[DimensionProto]> {
        Some(&self.tensor_type()?.shape.as_ref()?.dim)
    }
}
