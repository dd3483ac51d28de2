//! ONNX element types, and their counterparts among burn's types and scalars.

use burn::backend::ir::ScalarIr;
use burn::tensor::{DType, bf16, f16};

use crate::onnx::proto::DataType;

/// An element type, with its number in `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Element {
    F32 = DataType::Float as isize,
    U8 = DataType::Uint8 as isize,
    I8 = DataType::Int8 as isize,
    U16 = DataType::Uint16 as isize,
    I16 = DataType::Int16 as isize,
    I32 = DataType::Int32 as isize,
    I64 = DataType::Int64 as isize,
    Bool = DataType::Bool as isize,
    F16 = DataType::Float16 as isize,
    F64 = DataType::Double as isize,
    U32 = DataType::Uint32 as isize,
    U64 = DataType::Uint64 as isize,
    Bf16 = DataType::Bfloat16 as isize,
}

impl Element {
    /// The element type of a burn tensor; none for a quantised tensor.
    pub(crate) fn from_dtype(dtype: DType) -> Option<Self> {
        Some(match dtype {
            DType::F64 => Self::F64,
            DType::F32 | DType::Flex32 => Self::F32,
            DType::F16 => Self::F16,
            DType::BF16 => Self::Bf16,
            DType::I64 => Self::I64,
            DType::I32 => Self::I32,
            DType::I16 => Self::I16,
            DType::I8 => Self::I8,
            DType::U64 => Self::U64,
            DType::U32 => Self::U32,
            DType::U16 => Self::U16,
            DType::U8 => Self::U8,
            DType::Bool(_) => Self::Bool,
            DType::QFloat(_) => return None,
        })
    }

    /// The element type of a number of `TensorProto.DataType`; none for text, complex numbers and packed types.
    pub(crate) fn from_code(code: i32) -> Option<Self> {
        const ALL: [Element; 13] = [
            Element::F32,
            Element::U8,
            Element::I8,
            Element::U16,
            Element::I16,
            Element::I32,
            Element::I64,
            Element::Bool,
            Element::F16,
            Element::F64,
            Element::U32,
            Element::U64,
            Element::Bf16,
        ];
        ALL.into_iter().find(|element| element.code() == code)
    }

    /// The number in `TensorProto.DataType`.
    pub(crate) fn code(self) -> i32 {
        self as i32
    }

    /// Bytes of one element.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// Returns true for a floating-point type.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16 | Self::Bf16)
    }

    /// The smallest and the largest number of an integer type; none for floats and booleans.
    pub(crate) fn bounds(self) -> Option<(i128, i128)> {
        if self.is_float() || self == Self::Bool {
            return None;
        }
        let bits = 8 * self.size() as u32;
        let half = 1_i128 << (bits - 1);
        Some(if self.is_unsigned() { (0, 2 * half - 1) } else { (-half, half - 1) })
    }

    /// Returns true for an unsigned integer type.
    pub(crate) fn is_unsigned(self) -> bool {
        matches!(self, Self::U8 | Self::U16 | Self::U32 | Self::U64)
    }

    /// The unsigned integer type of the same width.
    pub(crate) fn unsigned(self) -> Self {
        match self.size() {
            1 => Self::U8,
            2 => Self::U16,
            4 => Self::U32,
            _ => Self::U64,
        }
    }
}

/// Little-endian bytes of a scalar in an element type, in the form of ONNX's raw data. A number outside of the type's
/// range is converted as by Rust's `as`, which burn uses too: integers wrap, floats saturate.
pub(crate) fn scalar_bytes(value: ScalarIr, element: Element) -> Vec<u8> {
    macro_rules! integer {
        ($type:ty) => {
            match value {
                ScalarIr::Float(value) => value as $type,
                ScalarIr::Int(value) => value as $type,
                ScalarIr::UInt(value) => value as $type,
                ScalarIr::Bool(value) => value as $type,
            }
            .to_le_bytes()
            .to_vec()
        };
    }
    match element {
        Element::F32 => value.elem::<f32>().to_le_bytes().to_vec(),
        Element::F64 => value.elem::<f64>().to_le_bytes().to_vec(),
        Element::F16 => value.elem::<f16>().to_le_bytes().to_vec(),
        Element::Bf16 => value.elem::<bf16>().to_le_bytes().to_vec(),
        Element::I64 => integer!(i64),
        Element::I32 => integer!(i32),
        Element::I16 => integer!(i16),
        Element::I8 => integer!(i8),
        Element::U64 => integer!(u64),
        Element::U32 => integer!(u32),
        Element::U16 => integer!(u16),
        Element::U8 => integer!(u8),
        Element::Bool => vec![u8::from(value.elem::<bool>())],
    }
}

/// A scalar rounded or wrapped to an element type, in the widest type of its kind.
pub(crate) fn narrowed(value: ScalarIr, element: Element) -> ScalarIr {
    let bytes = scalar_bytes(value, element);
    macro_rules! read {
        ($type:ty) => {
            <$type>::from_le_bytes(bytes.try_into().unwrap_or_default())
        };
    }
    match element {
        Element::I8 => ScalarIr::Int(i64::from(read!(i8))),
        Element::I16 => ScalarIr::Int(i64::from(read!(i16))),
        Element::I32 => ScalarIr::Int(i64::from(read!(i32))),
        Element::U8 => ScalarIr::Int(i64::from(read!(u8))),
        Element::U16 => ScalarIr::Int(i64::from(read!(u16))),
        Element::U32 => ScalarIr::Int(i64::from(read!(u32))),
        Element::I64 => ScalarIr::Int(read!(i64)),
        Element::U64 => ScalarIr::UInt(read!(u64)),
        _ => value,
    }
}
