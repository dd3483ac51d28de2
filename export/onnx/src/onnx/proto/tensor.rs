//! Constant tensors.

use prost::bytes::Bytes;
use prost::{Enumeration, Message};

use super::StringStringEntryProto;

/// A constant tensor. Its elements are in one of the fields for data, or in another file.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    /// Size of each axis.
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    /// Element type, a [`DataType`] of ONNX.
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// Part of a larger tensor.
    #[prost(message, optional, tag = "3")]
    pub segment: Option<Segment>,
    /// Elements of 32-bit floats and complex numbers.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Elements of integers of up to 32 bits, booleans and 16-bit floats.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// Elements of strings.
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub string_data: Vec<Bytes>,
    /// Elements of 64-bit integers.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// Name of the value.
    #[prost(string, tag = "8")]
    pub name: String,
    /// Elements of any type but strings, row-major, little-endian.
    #[prost(bytes = "bytes", tag = "9")]
    pub raw_data: Bytes,
    /// Elements of 64-bit floats and complex numbers.
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    /// Elements of unsigned integers of 32 and 64 bits.
    #[prost(uint64, repeated, tag = "11")]
    pub uint64_data: Vec<u64>,
    /// Description.
    #[prost(string, tag = "12")]
    pub doc_string: String,
    /// File, offset and length of elements outside of the model file.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntryProto>,
    /// [`DataLocation`] of the elements: 0 in the model file, 1 outside.
    #[prost(int32, tag = "14")]
    pub data_location: i32,
    /// Arbitrary key-value pairs.
    #[prost(message, repeated, tag = "16")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

impl TensorProto {
    /// A tensor of 32-bit floats. `values` are row-major.
    #[must_use]
    pub fn f32(name: impl Into<String>, dims: impl Into<Vec<i64>>, values: &[f32]) -> Self {
        Self::raw(name, dims, DataType::Float, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// A tensor of 64-bit integers. `values` are row-major.
    #[must_use]
    pub fn i64(name: impl Into<String>, dims: impl Into<Vec<i64>>, values: &[i64]) -> Self {
        Self::raw(name, dims, DataType::Int64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// A tensor of any element type from its bytes: row-major, little-endian.
    #[must_use]
    pub fn raw(name: impl Into<String>, dims: impl Into<Vec<i64>>, kind: DataType, bytes: Vec<u8>) -> Self {
        let (name, dims, data_type, raw_data) = (name.into(), dims.into(), kind.into(), bytes.into());
        Self { name, dims, data_type, raw_data, ..Self::default() }
    }

    /// True if the elements are in another file.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.data_location == i32::from(DataLocation::External) || !self.external_data.is_empty()
    }

    /// The elements of a tensor of 64-bit integers; none for another type, or elements in another file.
    #[must_use]
    pub fn integers(&self) -> Option<Vec<i64>> {
        if self.data_type != i32::from(DataType::Int64) || self.is_external() {
            return None;
        }
        if self.raw_data.is_empty() {
            return Some(self.int64_data.clone());
        }
        let read = |chunk: &[u8]| Some(i64::from_le_bytes(chunk.try_into().ok()?));
        self.raw_data.chunks_exact(8).map(read).collect()
    }
}

/// Part of a larger tensor.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Segment {
    /// First element.
    #[prost(int64, tag = "1")]
    pub begin: i64,
    /// Element after the last.
    #[prost(int64, tag = "2")]
    pub end: i64,
}

/// A constant tensor of which only the non-zero elements are stored.
#[derive(Clone, PartialEq, Message)]
pub struct SparseTensorProto {
    /// The non-zero elements, `[n]`. Its name is the name of the value.
    #[prost(message, optional, tag = "1")]
    pub values: Option<TensorProto>,
    /// Their positions, 64-bit integers: `[n]` in the flat tensor, or `[n, rank]`.
    #[prost(message, optional, tag = "2")]
    pub indices: Option<TensorProto>,
    /// Size of each axis.
    #[prost(int64, repeated, tag = "3")]
    pub dims: Vec<i64>,
}

/// `TensorProto.DataLocation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum DataLocation {
    /// In the message.
    Default = 0,
    /// In another file.
    External = 1,
}

/// `TensorProto.DataType`, the element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum DataType {
    /// No type.
    Undefined = 0,
    /// 32-bit float.
    Float = 1,
    /// Unsigned, 8 bits.
    Uint8 = 2,
    /// Signed, 8 bits.
    Int8 = 3,
    /// Unsigned, 16 bits.
    Uint16 = 4,
    /// Signed, 16 bits.
    Int16 = 5,
    /// Signed, 32 bits.
    Int32 = 6,
    /// Signed, 64 bits.
    Int64 = 7,
    /// Text.
    String = 8,
    /// Boolean.
    Bool = 9,
    /// 16-bit float (IEEE 754).
    Float16 = 10,
    /// 64-bit float.
    Double = 11,
    /// Unsigned, 32 bits.
    Uint32 = 12,
    /// Unsigned, 64 bits.
    Uint64 = 13,
    /// Two 32-bit floats.
    Complex64 = 14,
    /// Two 64-bit floats.
    Complex128 = 15,
    /// 16-bit float with the range of 32 bits.
    Bfloat16 = 16,
    /// 8-bit float, 4 bits of exponent, no infinity.
    Float8E4M3Fn = 17,
    /// 8-bit float, 4 bits of exponent, no infinity and no negative zero.
    Float8E4M3Fnuz = 18,
    /// 8-bit float, 5 bits of exponent.
    Float8E5M2 = 19,
    /// 8-bit float, 5 bits of exponent, no infinity and no negative zero.
    Float8E5M2Fnuz = 20,
    /// Unsigned, 4 bits.
    Uint4 = 21,
    /// Signed, 4 bits.
    Int4 = 22,
    /// 4-bit float.
    Float4E2M1 = 23,
    /// Power of two in 8 bits.
    Float8E8M0 = 24,
    /// Unsigned, 2 bits.
    Uint2 = 25,
    /// Signed, 2 bits.
    Int2 = 26,
}
