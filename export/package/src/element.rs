//! Element types of tensors that both ONNX and the servers have.

/// An element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Float32,
    Uint8,
    Int8,
    Uint16,
    Int16,
    Int32,
    Int64,
    String,
    Bool,
    Float16,
    Float64,
    Uint32,
    Uint64,
    Bfloat16,
}

impl Element {
    /// The element type that a manifest, or a graph of `kiln_runtime`, calls `dtype`.
    pub(crate) fn from_dtype(dtype: &str) -> Option<Self> {
        let element = match dtype {
            "float32" => Self::Float32,
            "uint8" => Self::Uint8,
            "int8" => Self::Int8,
            "uint16" => Self::Uint16,
            "int16" => Self::Int16,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "string" => Self::String,
            "bool" => Self::Bool,
            "float16" => Self::Float16,
            "float64" => Self::Float64,
            "uint32" => Self::Uint32,
            "uint64" => Self::Uint64,
            "bfloat16" => Self::Bfloat16,
            _ => return None,
        };
        Some(element)
    }
}
