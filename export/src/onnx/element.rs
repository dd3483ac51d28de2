//! ONNX element types and how burn's types and scalars map onto them.

use burn::backend::ir::ScalarIr;
use burn::tensor::{DType, bf16, f16};

/// An element type, as ONNX counts them in `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Element {
    F32 = 1,
    U8 = 2,
    I8 = 3,
    U16 = 4,
    I16 = 5,
    I32 = 6,
    I64 = 7,
    Bool = 9,
    F16 = 10,
    F64 = 11,
    U32 = 12,
    U64 = 13,
    Bf16 = 16,
}

impl Element {
    /// The element type of a burn tensor; none for quantised ones.
    pub(crate) fn of(dtype: DType) -> Option<Self> {
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

    /// Whether it is a floating-point type.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16 | Self::Bf16)
    }

    /// Whether it is an unsigned integer type.
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

/// Little-endian bytes of a scalar in an element type, as ONNX stores raw data.
pub(crate) fn scalar_bytes(value: ScalarIr, element: Element) -> Vec<u8> {
    match element {
        Element::F32 => value.elem::<f32>().to_le_bytes().to_vec(),
        Element::F64 => value.elem::<f64>().to_le_bytes().to_vec(),
        Element::F16 => value.elem::<f16>().to_le_bytes().to_vec(),
        Element::Bf16 => value.elem::<bf16>().to_le_bytes().to_vec(),
        Element::I64 => value.elem::<i64>().to_le_bytes().to_vec(),
        Element::I32 => value.elem::<i32>().to_le_bytes().to_vec(),
        Element::I16 => value.elem::<i16>().to_le_bytes().to_vec(),
        Element::I8 => value.elem::<i8>().to_le_bytes().to_vec(),
        Element::U64 => value.elem::<u64>().to_le_bytes().to_vec(),
        Element::U32 => value.elem::<u32>().to_le_bytes().to_vec(),
        Element::U16 => value.elem::<u16>().to_le_bytes().to_vec(),
        Element::U8 => value.elem::<u8>().to_le_bytes().to_vec(),
        Element::Bool => vec![u8::from(value.elem::<bool>())],
    }
}
