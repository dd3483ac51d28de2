//! Attributes: the constant arguments of nodes.

use prost::bytes::Bytes;
use prost::{Enumeration, Message};

use super::{GraphProto, SparseTensorProto, TensorProto, TypeProto};

/// A named constant argument of a node.
#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    /// Name of the attribute.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Value if `r#type` is `Float`. Written even if 0, because some readers test for presence.
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    /// Value if `r#type` is `Int`. Written even if 0.
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    /// Value if `r#type` is `String`, UTF-8. Written even if empty.
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub s: Option<Bytes>,
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
    /// Value if `r#type` is `Tensors`.
    #[prost(message, repeated, tag = "10")]
    pub tensors: Vec<TensorProto>,
    /// Value if `r#type` is `Graphs`.
    #[prost(message, repeated, tag = "11")]
    pub graphs: Vec<GraphProto>,
    /// Description.
    #[prost(string, tag = "13")]
    pub doc_string: String,
    /// Value if `r#type` is `TypeProto`.
    #[prost(message, optional, tag = "14")]
    pub tp: Option<TypeProto>,
    /// Value if `r#type` is `TypeProtos`.
    #[prost(message, repeated, tag = "15")]
    pub type_protos: Vec<TypeProto>,
    /// The field that contains the value.
    #[prost(enumeration = "AttributeType", tag = "20")]
    pub r#type: i32,
    /// In a function, the attribute of the caller that gives the value.
    #[prost(string, tag = "21")]
    pub ref_attr_name: String,
    /// Value if `r#type` is `SparseTensor`.
    #[prost(message, optional, tag = "22")]
    pub sparse_tensor: Option<SparseTensorProto>,
    /// Value if `r#type` is `SparseTensors`.
    #[prost(message, repeated, tag = "23")]
    pub sparse_tensors: Vec<SparseTensorProto>,
}

impl AttributeProto {
    /// An integer.
    #[must_use]
    pub fn int(name: &str, value: i64) -> Self {
        Self { i: Some(value), ..Self::named(name, AttributeType::Int) }
    }

    /// Several integers.
    #[must_use]
    pub fn ints(name: &str, values: impl Into<Vec<i64>>) -> Self {
        Self { ints: values.into(), ..Self::named(name, AttributeType::Ints) }
    }

    /// A float.
    #[must_use]
    pub fn float(name: &str, value: f32) -> Self {
        Self { f: Some(value), ..Self::named(name, AttributeType::Float) }
    }

    /// A text.
    #[must_use]
    pub fn string(name: &str, value: &str) -> Self {
        Self { s: Some(Bytes::copy_from_slice(value.as_bytes())), ..Self::named(name, AttributeType::String) }
    }

    /// A tensor.
    #[must_use]
    pub fn tensor(name: &str, value: TensorProto) -> Self {
        Self { t: Some(value), ..Self::named(name, AttributeType::Tensor) }
    }

    /// A graph.
    #[must_use]
    pub fn graph(name: &str, value: GraphProto) -> Self {
        Self { g: Some(value), ..Self::named(name, AttributeType::Graph) }
    }

    fn named(name: &str, kind: AttributeType) -> Self {
        Self { name: name.to_owned(), r#type: kind.into(), ..Self::default() }
    }
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
    /// Tensors.
    Tensors = 9,
    /// Graphs.
    Graphs = 10,
    /// A sparse tensor.
    SparseTensor = 11,
    /// Sparse tensors.
    SparseTensors = 12,
    /// A type.
    TypeProto = 13,
    /// Types.
    TypeProtos = 14,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use prost::encoding::{DecodeContext, decode_key, skip_field};

    use super::*;

    /// The numbers of the fields in the encoded message.
    fn fields(attribute: &AttributeProto) -> Vec<u32> {
        let mut bytes = Bytes::from(attribute.encode_to_vec());
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let (number, wire) = decode_key(&mut bytes).unwrap();
            skip_field(wire, number, &mut bytes, DecodeContext::default()).unwrap();
            found.push(number);
        }
        found
    }

    #[test]
    fn a_value_of_zero_or_nothing_is_written_and_read_back() {
        for (attribute, number) in [
            (AttributeProto::float("a", 0.0), 2),
            (AttributeProto::int("a", 0), 3),
            (AttributeProto::string("a", ""), 4),
        ] {
            assert_eq!(fields(&attribute), [1, number, 20]);
            assert_eq!(AttributeProto::decode(attribute.encode_to_vec().as_slice()).unwrap(), attribute);
        }
        // A list leaves all three absent.
        assert_eq!(fields(&AttributeProto::ints("a", [0])), [1, 8, 20]);
    }
}
