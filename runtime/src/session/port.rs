//! Inputs and outputs of a loaded graph.

use ort::value::{Outlet, TensorElementType, ValueType};
use serde::Serialize;

use crate::bundle::manifest::Dim;

/// A graph input or output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Name in the graph.
    pub name: String,
    /// ONNX element type in lower case, such as `uint8`, `float32`; for a value that is no tensor, the kind of value.
    pub dtype: String,
    /// Dimensions: a number, or the name of a symbolic axis (empty if the graph has no name for it).
    pub shape: Vec<Dim>,
}

impl Port {
    pub(super) fn from_outlet(outlet: &Outlet) -> Self {
        let (dtype, shape) = match outlet.dtype() {
            ValueType::Tensor { ty, shape, dimension_symbols } => {
                let symbols = dimension_symbols.iter().cloned().chain(std::iter::repeat(String::new()));
                let dims = shape.iter().zip(symbols).map(|(length, symbol)| dim(*length, symbol));
                (dtype_name(*ty).to_owned(), dims.collect())
            }
            other => (other.to_string(), Vec::new()),
        };
        Self { name: outlet.name().to_owned(), dtype, shape }
    }

    /// The length of an axis if it is a number.
    #[must_use]
    pub fn fixed(&self, axis: usize) -> Option<usize> {
        match self.shape.get(axis)? {
            Dim::Fixed(length) => usize::try_from(*length).ok(),
            Dim::Symbolic(_) => None,
        }
    }

    /// True if an array of this shape fits: equal rank, and equal lengths on every axis of fixed length.
    #[must_use]
    pub fn accepts(&self, shape: &[usize]) -> bool {
        let fits = |(axis, length): (usize, &usize)| self.fixed(axis).is_none_or(|fixed| fixed == *length);
        self.shape.len() == shape.len() && shape.iter().enumerate().all(fits)
    }
}

impl std::fmt::Display for Port {
    /// `tile: uint8 [batch, 256, 256, 3]`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} [", self.name, self.dtype)?;
        for (axis, dim) in self.shape.iter().enumerate() {
            let comma = if axis == 0 { "" } else { ", " };
            match dim {
                Dim::Fixed(length) => write!(f, "{comma}{length}")?,
                Dim::Symbolic(name) if name.is_empty() => write!(f, "{comma}?")?,
                Dim::Symbolic(name) => write!(f, "{comma}{name}")?,
            }
        }
        f.write_str("]")
    }
}

fn dim(length: i64, symbol: String) -> Dim {
    u64::try_from(length).map_or(Dim::Symbolic(symbol), Dim::Fixed)
}

/// The name that ONNX uses, in lower case.
pub(super) fn dtype_name(kind: TensorElementType) -> &'static str {
    match kind {
        TensorElementType::Float16 => "float16",
        TensorElementType::Bfloat16 => "bfloat16",
        TensorElementType::Float32 => "float32",
        TensorElementType::Float64 => "float64",
        TensorElementType::Uint8 => "uint8",
        TensorElementType::Uint16 => "uint16",
        TensorElementType::Uint32 => "uint32",
        TensorElementType::Uint64 => "uint64",
        TensorElementType::Int8 => "int8",
        TensorElementType::Int16 => "int16",
        TensorElementType::Int32 => "int32",
        TensorElementType::Int64 => "int64",
        TensorElementType::Bool => "bool",
        TensorElementType::String => "string",
        _ => "an unknown element type",
    }
}
