//! Operators that a model defines itself.

use prost::Message;

use super::{AttributeProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, ValueInfoProto};

/// An operator that the model defines by nodes.
#[derive(Clone, PartialEq, Message)]
pub struct FunctionProto {
    /// Name of the operator.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Names of its inputs.
    #[prost(string, repeated, tag = "4")]
    pub input: Vec<String>,
    /// Names of its outputs.
    #[prost(string, repeated, tag = "5")]
    pub output: Vec<String>,
    /// Names of attributes that every caller gives.
    #[prost(string, repeated, tag = "6")]
    pub attribute: Vec<String>,
    /// The nodes.
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<NodeProto>,
    /// Description.
    #[prost(string, tag = "8")]
    pub doc_string: String,
    /// Operator sets that the nodes need.
    #[prost(message, repeated, tag = "9")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// Domain of the operator.
    #[prost(string, tag = "10")]
    pub domain: String,
    /// Attributes with default values.
    #[prost(message, repeated, tag = "11")]
    pub attribute_proto: Vec<AttributeProto>,
    /// Types of values.
    #[prost(message, repeated, tag = "12")]
    pub value_info: Vec<ValueInfoProto>,
    /// Name of the overload; empty unless the operator has several.
    #[prost(string, tag = "13")]
    pub overload: String,
    /// Arbitrary key-value pairs.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
}
