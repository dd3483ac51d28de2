//! The numbers of constant tensors.

use burn_onnx_export::proto::TensorProto;

use super::types;

/// The numbers of a tensor whose data is raw; none for half precision that cannot be read, strings, or data of another
/// length than its dimensions state.
pub(crate) fn numbers_of(tensor: &TensorProto) -> Option<Vec<f64>> {
    let count = tensor.dims.iter().try_fold(1_usize, |all, size| all.checked_mul(usize::try_from(*size).ok()?))?;
    let width = types::width(tensor.data_type)?;
    if tensor.raw_data.len() != count.checked_mul(width)? {
        return None;
    }
    macro_rules! read {
        ($type:ty) => {
            tensor
                .raw_data
                .chunks_exact(width)
                .map(|bytes| bytes.try_into().ok().map(|bytes| <$type>::from_le_bytes(bytes) as f64))
                .collect()
        };
    }
    match tensor.data_type {
        types::F32 => read!(f32),
        types::F64 => read!(f64),
        types::I8 => read!(i8),
        types::U8 | types::BOOL => read!(u8),
        types::I16 => read!(i16),
        types::U16 => read!(u16),
        types::I32 => read!(i32),
        types::U32 => read!(u32),
        types::I64 => read!(i64),
        types::U64 => read!(u64),
        types::F16 => {
            let half = |bytes: &[u8]| Some(burn::tensor::f16::from_le_bytes(bytes.try_into().ok()?).to_f64());
            tensor.raw_data.chunks_exact(2).map(half).collect()
        }
        types::BF16 => {
            let half = |bytes: &[u8]| Some(burn::tensor::bf16::from_le_bytes(bytes.try_into().ok()?).to_f64());
            tensor.raw_data.chunks_exact(2).map(half).collect()
        }
        _ => None,
    }
}

/// A tensor of 32-bit floats with other numbers.
pub(crate) fn floats(like: &TensorProto, values: impl IntoIterator<Item = f32>) -> TensorProto {
    let raw: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
    TensorProto { raw_data: raw.into(), data_type: types::F32, ..like.clone() }
}
