//! The ONNX messages that an exported model consists of (`onnx.proto`, IR version 13), as [`prost`] types.
//!
//! Names and field numbers follow the ONNX standard. Messages and fields that the exporter never writes are omitted:
//! functions, sequences, maps, sparse tensors, training information. Reading another model with these types drops them.

use prost::bytes::Bytes;
use prost::{Enumeration, Message, Oneof};

/// A model: a graph, the opsets that it needs, and metadata.
#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    /// Version of the file format.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// Name of the program that wrote the model.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// Version of that program.
    #[prost(string, tag = "3")]
    pub producer_version: String,
    /// Description.
    #[prost(string, tag = "6")]
    pub doc_string: String,
    /// The computation.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    /// Operator sets that the graph needs.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// Arbitrary key-value pairs.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

/// An operator set and its version.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSetIdProto {
    /// Domain; empty for the standard operators.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// Version, such as 18.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// A key and its value.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct StringStringEntryProto {
    /// The key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The value.
    #[prost(string, tag = "2")]
    pub value: String,
}

impl StringStringEntryProto {
    pub(crate) fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

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
    /// Inputs.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    /// Outputs.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
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
    /// Domain of the operator; empty for the standard operators.
    #[prost(string, tag = "7")]
    pub domain: String,
    /// Key-value pairs; the exporter writes the burn module and operation of the node.
    #[prost(message, repeated, tag = "9")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

/// A named constant argument of a node.
#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    /// Name of the attribute.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Value if `r#type` is `Float`.
    #[prost(float, tag = "2")]
    pub f: f32,
    /// Value if `r#type` is `Int`.
    #[prost(int64, tag = "3")]
    pub i: i64,
    /// Value if `r#type` is `String`, UTF-8.
    #[prost(bytes = "bytes", tag = "4")]
    pub s: Bytes,
    /// Value if `r#type` is `Tensor`.
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
    /// Value if `r#type` is `Graph`.
    #[prost(message, optional, tag = "6")]
    pub g: Option<GraphProto>,
    /// Value if `r#type` is `Floats`.
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    /// Value if `r#type` is `Ints`.
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    /// Value if `r#type` is `Strings`, UTF-8.
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub strings: Vec<Bytes>,
    /// The field that contains the value.
    #[prost(enumeration = "AttributeType", tag = "20")]
    pub r#type: i32,
}

/// `AttributeProto.AttributeType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum AttributeType {
    /// No type.
    Undefined = 0,
    /// A 32-bit float.
    Float = 1,
    /// A 64-bit integer.
    Int = 2,
    /// A string.
    String = 3,
    /// A tensor.
    Tensor = 4,
    /// A graph.
    Graph = 5,
    /// 32-bit floats.
    Floats = 6,
    /// 64-bit integers.
    Ints = 7,
    /// Strings.
    Strings = 8,
}

/// A constant tensor.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    /// Size of each axis.
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    /// Element type, `TensorProto.DataType`.
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// Name of the value.
    #[prost(string, tag = "8")]
    pub name: String,
    /// Elements, row-major, little-endian.
    #[prost(bytes = "bytes", tag = "9")]
    pub raw_data: Bytes,
    /// File, offset and length of elements outside of the model file.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntryProto>,
    /// `TensorProto.DataLocation`: 0 in the model file, 1 outside.
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

/// Name and type of a graph input or output.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    /// Name of the value.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Type of the value.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

impl ValueInfoProto {
    /// The tensor type; none for a value without a type.
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

/// A type.
#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    /// A tensor's type, the only one that the exporter writes.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
}

/// `TypeProto.Tensor`: element type and shape.
#[derive(Clone, PartialEq, Message)]
pub struct TensorTypeProto {
    /// Element type, `TensorProto.DataType`.
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    /// Shape.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

/// A shape.
#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    /// Its dimensions.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<DimensionProto>,
}

/// `TensorShapeProto.Dimension`: the size of an axis.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DimensionProto {
    /// The size; none if it is unknown.
    #[prost(oneof = "Dimension", tags = "1, 2")]
    pub value: Option<Dimension>,
}

/// The size of an axis.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum Dimension {
    /// A number.
    #[prost(int64, tag = "1")]
    DimValue(i64),
    /// The name of a symbolic axis. Axes of the same name have the same size.
    #[prost(string, tag = "2")]
    DimParam(String),
}

impl DimensionProto {
    /// The size, if it is a number.
    #[must_use]
    pub fn dim_value(&self) -> Option<i64> {
        match &self.value {
            Some(Dimension::DimValue(value)) => Some(*value),
            _ => None,
        }
    }

    /// The name, if the axis is symbolic.
    #[must_use]
    pub fn dim_param(&self) -> Option<&str> {
        match &self.value {
            Some(Dimension::DimParam(name)) => Some(name),
            _ => None,
        }
    }
}
