//! Types of values, and shapes.

use prost::{Message, Oneof};

/// A type. At most one of the fields but `denotation` is set (`oneof value` in the standard).
#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    /// A tensor.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
    /// A sequence of values.
    #[prost(message, optional, boxed, tag = "4")]
    pub sequence_type: Option<Box<SequenceTypeProto>>,
    /// A map from keys to values.
    #[prost(message, optional, boxed, tag = "5")]
    pub map_type: Option<Box<MapTypeProto>>,
    /// Meaning of the value, from ONNX's list of type denotations.
    #[prost(string, tag = "6")]
    pub denotation: String,
    /// A type of a custom domain.
    #[prost(message, optional, tag = "7")]
    pub opaque_type: Option<OpaqueTypeProto>,
    /// A sparse tensor.
    #[prost(message, optional, tag = "8")]
    pub sparse_tensor_type: Option<TensorTypeProto>,
    /// A value that may be missing.
    #[prost(message, optional, boxed, tag = "9")]
    pub optional_type: Option<Box<OptionalTypeProto>>,
}

impl TypeProto {
    /// A tensor of this element type (`TensorProto.DataType`) and these dimensions.
    #[must_use]
    pub fn tensor(elem_type: i32, dims: impl IntoIterator<Item = DimensionProto>) -> Self {
        let shape = Some(TensorShapeProto { dim: dims.into_iter().collect() });
        Self { tensor_type: Some(TensorTypeProto { elem_type, shape }), ..Self::default() }
    }
}

/// `TypeProto.Tensor`: element type and shape. `TypeProto.SparseTensor` has the same fields.
#[derive(Clone, PartialEq, Message)]
pub struct TensorTypeProto {
    /// Element type, `TensorProto.DataType`.
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    /// Shape.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

/// `TypeProto.Sequence`.
#[derive(Clone, PartialEq, Message)]
pub struct SequenceTypeProto {
    /// Type of the elements.
    #[prost(message, optional, tag = "1")]
    pub elem_type: Option<TypeProto>,
}

/// `TypeProto.Map`.
#[derive(Clone, PartialEq, Message)]
pub struct MapTypeProto {
    /// Type of the keys, `TensorProto.DataType`.
    #[prost(int32, tag = "1")]
    pub key_type: i32,
    /// Type of the values.
    #[prost(message, optional, tag = "2")]
    pub value_type: Option<TypeProto>,
}

/// `TypeProto.Optional`.
#[derive(Clone, PartialEq, Message)]
pub struct OptionalTypeProto {
    /// Type of the value if it is there.
    #[prost(message, optional, tag = "1")]
    pub elem_type: Option<TypeProto>,
}

/// `TypeProto.Opaque`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct OpaqueTypeProto {
    /// Domain of the type.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// Name of the type.
    #[prost(string, tag = "2")]
    pub name: String,
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
    /// Meaning of the axis, from ONNX's list of dimension denotations.
    #[prost(string, tag = "3")]
    pub denotation: String,
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
    /// A size that is a number.
    #[must_use]
    pub fn fixed(size: i64) -> Self {
        Self { value: Some(Dimension::DimValue(size)), denotation: String::new() }
    }

    /// A symbolic size.
    #[must_use]
    pub fn symbolic(name: impl Into<String>) -> Self {
        Self { value: Some(Dimension::DimParam(name.into())), denotation: String::new() }
    }

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
