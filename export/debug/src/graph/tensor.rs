//! The numbers of constant tensors.

use burn_onnx_export::proto::{DataType, TensorProto};

/// The numbers of a tensor; none for types without a counterpart in Rust or burn, for data in another file, and for data of
/// another length than its dimensions state.
pub(crate) fn numbers_of(tensor: &TensorProto) -> Option<Vec<f64>> {
    let bytes = tensor.bytes()?;
    if tensor.byte_size()? != bytes.len() as u64 {
        return None;
    }
    macro_rules! read {
        ($type:ty) => {
            read!($type, |number: $type| number as f64)
        };
        ($type:ty, $wide:expr) => {
            bytes
                .chunks_exact(size_of::<$type>())
                .map(|bytes| bytes.try_into().ok().map(<$type>::from_le_bytes).map($wide))
                .collect()
        };
    }
    match DataType::from_code(tensor.data_type)? {
        DataType::Float => read!(f32),
        DataType::Double => read!(f64),
        DataType::Int8 => read!(i8),
        DataType::Uint8 | DataType::Bool => read!(u8),
        DataType::Int16 => read!(i16),
        DataType::Uint16 => read!(u16),
        DataType::Int32 => read!(i32),
        DataType::Uint32 => read!(u32),
        DataType::Int64 => read!(i64),
        DataType::Uint64 => read!(u64),
        DataType::Float16 => read!(burn::tensor::f16, burn::tensor::f16::to_f64),
        DataType::Bfloat16 => read!(burn::tensor::bf16, burn::tensor::bf16::to_f64),
        _ => None,
    }
}

/// A tensor of 32-bit floats with other numbers.
pub(crate) fn floats(like: &TensorProto, values: impl IntoIterator<Item = f32>) -> TensorProto {
    let raw: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
    TensorProto { data_type: DataType::Float.code(), ..like.with_bytes(raw) }
}
