//! Constant tensors.

use prost::bytes::Bytes;
use prost::{Enumeration, Message};

use super::{DataType, StringStringEntryProto};

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
        if self.data_type != DataType::Int64.code() {
            return None;
        }
        let read = |chunk: &[u8]| Some(i64::from_le_bytes(chunk.try_into().ok()?));
        self.bytes()?.chunks_exact(8).map(read).collect()
    }

    /// The number of elements; none for a negative size, and for a number that does not fit.
    #[must_use]
    pub fn elements(&self) -> Option<u64> {
        self.dims.iter().try_fold(1_u64, |all, size| all.checked_mul(u64::try_from(*size).ok()?))
    }

    /// Bytes of all elements; none for types without a size in bytes ([`DataType::size`]) and if [`TensorProto::elements`]
    /// is none.
    #[must_use]
    pub fn byte_size(&self) -> Option<u64> {
        self.elements()?.checked_mul(DataType::from_code(self.data_type)?.size()? as u64)
    }

    /// The elements as bytes, row-major, little-endian, whichever field contains them; none for strings, and for elements in
    /// another file. The length need not fit the dimensions: a reader of untrusted models compares it with
    /// [`TensorProto::byte_size`].
    #[must_use]
    pub fn bytes(&self) -> Option<Bytes> {
        let kind = DataType::from_code(self.data_type).filter(|kind| *kind != DataType::String)?;
        if self.is_external() {
            return None;
        }
        if !self.raw_data.is_empty() {
            return Some(self.raw_data.clone());
        }
        let narrow = |width: usize| -> Vec<u8> {
            self.int32_data.iter().flat_map(|value| value.to_le_bytes()[..width].to_vec()).collect()
        };
        let bytes: Vec<u8> = match kind {
            DataType::Float | DataType::Complex64 => {
                self.float_data.iter().flat_map(|value| value.to_le_bytes()).collect()
            }
            DataType::Double | DataType::Complex128 => {
                self.double_data.iter().flat_map(|value| value.to_le_bytes()).collect()
            }
            DataType::Int64 => self.int64_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
            DataType::Uint64 => self.uint64_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
            DataType::Uint32 => self.uint64_data.iter().flat_map(|value| value.to_le_bytes()[..4].to_vec()).collect(),
            DataType::Int32 => narrow(4),
            DataType::Int16 | DataType::Uint16 | DataType::Float16 | DataType::Bfloat16 => narrow(2),
            _ => narrow(1),
        };
        Some(bytes.into())
    }

    /// The same tensor with these elements in the message: row-major, little-endian.
    #[must_use]
    pub fn with_bytes(&self, bytes: impl Into<Bytes>) -> Self {
        let (name, dims, doc_string) = (self.name.clone(), self.dims.clone(), self.doc_string.clone());
        let (data_type, metadata_props) = (self.data_type, self.metadata_props.clone());
        Self { name, dims, data_type, doc_string, metadata_props, raw_data: bytes.into(), ..Self::default() }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(kind: DataType) -> TensorProto {
        TensorProto { data_type: kind.code(), dims: vec![2], ..TensorProto::default() }
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_field() {
        let half = TensorProto { int32_data: vec![0x3c00, 0x4000], ..tensor(DataType::Float16) };
        let bytes = half.bytes().unwrap_or_default();
        assert_eq!(&bytes[..], [0x00, 0x3c, 0x00, 0x40]);
        assert_eq!(half.byte_size(), Some(4));
        let raw = half.with_bytes(bytes.clone());
        assert_eq!((raw.bytes(), raw.int32_data.is_empty()), (Some(bytes), true));
        let typed = TensorProto { int64_data: vec![-1, 2], ..tensor(DataType::Int64) };
        assert_eq!(typed.integers(), Some(vec![-1, 2]));
        assert_eq!(TensorProto::i64("x", [2], &[-1, 2]).integers(), Some(vec![-1, 2]));
        let unsigned = TensorProto { uint64_data: vec![1, 2], ..tensor(DataType::Uint32) };
        assert_eq!(unsigned.bytes().as_deref(), Some([1, 0, 0, 0, 2, 0, 0, 0].as_slice()));
    }

    #[test]
    fn sizes_that_do_not_fit_have_no_bytes() {
        let sized = |dims: &[i64]| TensorProto { dims: dims.to_vec(), ..tensor(DataType::Float) };
        assert_eq!(sized(&[]).byte_size(), Some(4));
        assert_eq!(sized(&[-1]).byte_size(), None);
        assert_eq!(sized(&[1 << 40, 1 << 40]).byte_size(), None);
        assert_eq!(tensor(DataType::Int4).byte_size(), None);
        assert_eq!(tensor(DataType::String).bytes(), None);
    }
}
