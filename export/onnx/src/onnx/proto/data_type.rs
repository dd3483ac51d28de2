//! Element types: their numbers, names and sizes.

use prost::Enumeration;

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

/// Names as ONNX Runtime, numpy and ml_dtypes write them.
const NAMES: [(DataType, &str); 14] = [
    (DataType::Float, "float32"),
    (DataType::Uint8, "uint8"),
    (DataType::Int8, "int8"),
    (DataType::Uint16, "uint16"),
    (DataType::Int16, "int16"),
    (DataType::Int32, "int32"),
    (DataType::Int64, "int64"),
    (DataType::String, "string"),
    (DataType::Bool, "bool"),
    (DataType::Float16, "float16"),
    (DataType::Double, "float64"),
    (DataType::Uint32, "uint32"),
    (DataType::Uint64, "uint64"),
    (DataType::Bfloat16, "bfloat16"),
];

impl DataType {
    /// The type of a number in `TensorProto.DataType`; none for a number that ONNX does not define.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        Self::try_from(code).ok()
    }

    /// The type of a name such as `float32`; none for a name that [`DataType::name`] does not return.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// The number in `TensorProto.DataType`.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The name, such as `float32`; none for complex numbers, for floats of 8 bits, and for types of less than a byte.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(known, _)| *known == self).map(|(_, name)| *name)
    }

    /// Bytes of one element; none for strings and for types of less than a byte.
    #[must_use]
    pub const fn size(self) -> Option<usize> {
        Some(match self {
            Self::Uint8 | Self::Int8 | Self::Bool => 1,
            Self::Float8E4M3Fn | Self::Float8E4M3Fnuz | Self::Float8E5M2 | Self::Float8E5M2Fnuz | Self::Float8E8M0 => 1,
            Self::Uint16 | Self::Int16 | Self::Float16 | Self::Bfloat16 => 2,
            Self::Float | Self::Int32 | Self::Uint32 => 4,
            Self::Double | Self::Int64 | Self::Uint64 | Self::Complex64 => 8,
            Self::Complex128 => 16,
            Self::Undefined | Self::String | Self::Uint4 | Self::Int4 | Self::Float4E2M1 | Self::Uint2 | Self::Int2 => {
                return None;
            }
        })
    }

    /// True for floats of 16 bits.
    #[must_use]
    pub const fn is_half(self) -> bool {
        matches!(self, Self::Float16 | Self::Bfloat16)
    }

    /// True for floats of 16 bits and more.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float | Self::Double | Self::Float16 | Self::Bfloat16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_number_lead_to_the_same_type() {
        for (kind, name) in NAMES {
            assert_eq!((DataType::from_name(name), kind.name()), (Some(kind), Some(name)));
        }
        for code in 0..=26 {
            assert_eq!(DataType::from_code(code).map(DataType::code), Some(code));
        }
        assert_eq!((DataType::from_code(27), DataType::from_name("float128")), (None, None));
        assert_eq!((DataType::Complex64.name(), DataType::Undefined.name()), (None, None));
    }

    #[test]
    fn names_of_numbers_contain_their_bits() {
        let bits = |name: &str| name.trim_start_matches(char::is_alphabetic).parse::<usize>().ok();
        for (kind, name) in NAMES {
            let expected = bits(name).map(|bits| bits / 8).or((kind == DataType::Bool).then_some(1));
            assert_eq!(kind.size(), expected, "{name}");
        }
    }
}
