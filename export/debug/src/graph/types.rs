//! Element types by their number in `TensorProto.DataType` (onnx.proto).

pub(crate) const F32: i32 = 1;
pub(crate) const U8: i32 = 2;
pub(crate) const I8: i32 = 3;
pub(crate) const U16: i32 = 4;
pub(crate) const I16: i32 = 5;
pub(crate) const I32: i32 = 6;
pub(crate) const I64: i32 = 7;
pub(crate) const BOOL: i32 = 9;
pub(crate) const F16: i32 = 10;
pub(crate) const F64: i32 = 11;
pub(crate) const U32: i32 = 12;
pub(crate) const U64: i32 = 13;
pub(crate) const BF16: i32 = 16;

const NAMES: [(&str, i32); 13] = [
    ("float32", F32),
    ("uint8", U8),
    ("int8", I8),
    ("uint16", U16),
    ("int16", I16),
    ("int32", I32),
    ("int64", I64),
    ("bool", BOOL),
    ("float16", F16),
    ("float64", F64),
    ("uint32", U32),
    ("uint64", U64),
    ("bfloat16", BF16),
];

/// The number of a type, by the name that ports have; none for strings and for values that are no tensors.
pub(crate) fn code_of(name: &str) -> Option<i32> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, code)| *code)
}

/// Bytes of one element; none for types without a fixed width.
pub(crate) fn width(code: i32) -> Option<usize> {
    match code {
        U8 | I8 | BOOL => Some(1),
        U16 | I16 | F16 | BF16 => Some(2),
        F32 | I32 | U32 => Some(4),
        F64 | I64 | U64 => Some(8),
        _ => None,
    }
}

/// Returns true for the types of 16 bits that arrays lack; graphs cast them on the way in and out.
pub(crate) fn is_half(code: i32) -> bool {
    matches!(code, F16 | BF16)
}
