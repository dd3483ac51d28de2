//! Arrays of any element type: their numbers, their conversion from burn, their cuts along the batch.

use std::borrow::Cow;

use burn::tensor::{DType, TensorData};
use burn_onnx_export::proto::DataType;
use kiln_runtime::Array;
use ndarray::{ArrayD, Axis, IxDyn, Slice};

/// Calls a macro-like block with the typed array of every kind.
macro_rules! each {
    ($array:expr, $name:ident => $body:expr) => {
        match $array {
            Array::F32($name) => $body,
            Array::F64($name) => $body,
            Array::U8($name) => $body,
            Array::U16($name) => $body,
            Array::U32($name) => $body,
            Array::U64($name) => $body,
            Array::I8($name) => $body,
            Array::I16($name) => $body,
            Array::I32($name) => $body,
            Array::I64($name) => $body,
            Array::Bool($name) => $body,
        }
    };
}

/// Calls a block with an iterator over the numbers of an array, row-major; a boolean is 0 or 1.
macro_rules! each_number {
    ($array:expr, $numbers:ident => $body:expr) => {
        each_number!($array, $numbers => $body, exact: F32 U8 U16 U32 I8 I16 I32, rounded: U64 I64)
    };
    ($array:expr, $numbers:ident => $body:expr, exact: $($exact:ident)+, rounded: $($rounded:ident)+) => {
        match $array {
            Array::F64(array) => {
                let $numbers = array.iter().copied();
                $body
            }
            $(Array::$exact(array) => {
                let $numbers = array.iter().map(|value| f64::from(*value));
                $body
            })+
            $(Array::$rounded(array) => {
                let $numbers = array.iter().map(|value| *value as f64);
                $body
            })+
            Array::Bool(array) => {
                let $numbers = array.iter().map(|value| f64::from(u8::from(*value)));
                $body
            }
        }
    };
}

/// The numbers of an array, row-major; a boolean is 0 or 1.
pub(crate) fn numbers(array: &Array) -> Vec<f64> {
    each_number!(array, numbers => numbers.collect())
}

/// The largest finite magnitude.
pub(crate) fn magnitude(array: &Array) -> f64 {
    each_number!(array, numbers => numbers.map(f64::abs).filter(|value| value.is_finite()).fold(0.0, f64::max))
}

/// The array with the magnitude of every element; the array itself if its elements are unsigned.
pub(crate) fn absolute(array: &Array) -> Array {
    match array {
        Array::F32(array) => array.mapv(f32::abs).into(),
        Array::F64(array) => array.mapv(f64::abs).into(),
        other => other.clone(),
    }
}

/// Rows `first .. last` along the first axis.
pub(crate) fn rows(array: &Array, first: usize, last: usize) -> Array {
    along(array, 0, first, last)
}

/// Indices `first .. last` along an axis. The range must be within the array.
pub(crate) fn along(array: &Array, axis: usize, first: usize, last: usize) -> Array {
    let slice = Slice::from(first..last);
    each!(array, one => one.slice_axis(Axis(axis), slice).as_standard_layout().into_owned().into())
}

/// Two arrays of one element type joined along the first axis; none if they do not fit.
pub(crate) fn joined(first: &Array, second: &Array) -> Option<Array> {
    macro_rules! join {
        ($($kind:ident)+) => {
            match (first, second) {
                $((Array::$kind(a), Array::$kind(b)) => {
                    ndarray::concatenate(Axis(0), &[a.view(), b.view()]).ok().map(Array::from)
                })+
                _ => None,
            }
        };
    }
    join!(F32 F64 U8 U16 U32 U64 I8 I16 I32 I64 Bool)
}

/// The array in an ONNX element type, for a piece of a graph that reads another type than the value has. Half precision
/// stays in 32 bits: the piece casts. `None` for a type that arrays lack.
pub(crate) fn cast(array: &Array, element: DataType) -> Option<Cow<'_, Array>> {
    if DataType::from_name(array.dtype()) == Some(element) {
        return Some(Cow::Borrowed(array));
    }
    let shape = IxDyn(array.shape());
    let values = numbers(array);
    macro_rules! to {
        ($type:ty) => {
            ArrayD::from_shape_vec(shape, values.iter().map(|value| *value as $type).collect()).ok()?.into()
        };
    }
    Some(Cow::Owned(match element {
        DataType::Float | DataType::Float16 | DataType::Bfloat16 => to!(f32),
        DataType::Double => to!(f64),
        DataType::Uint8 => to!(u8),
        DataType::Uint16 => to!(u16),
        DataType::Uint32 => to!(u32),
        DataType::Uint64 => to!(u64),
        DataType::Int8 => to!(i8),
        DataType::Int16 => to!(i16),
        DataType::Int32 => to!(i32),
        DataType::Int64 => to!(i64),
        DataType::Bool => {
            ArrayD::from_shape_vec(shape, values.iter().map(|value| *value != 0.0).collect::<Vec<_>>()).ok()?.into()
        }
        _ => return None,
    }))
}

/// burn's data as an array; half precision becomes 32 bits. `None` for quantised data.
pub(crate) fn from_burn(data: &TensorData) -> Option<Array> {
    let shape = IxDyn(data.shape().as_slice());
    macro_rules! of {
        ($type:ty) => {
            ArrayD::from_shape_vec(shape, data.iter::<$type>().collect()).ok()?.into()
        };
    }
    Some(match data.dtype() {
        DType::F32 | DType::Flex32 | DType::F16 | DType::BF16 => of!(f32),
        DType::F64 => of!(f64),
        DType::I64 => of!(i64),
        DType::I32 => of!(i32),
        DType::I16 => of!(i16),
        DType::I8 => of!(i8),
        DType::U64 => of!(u64),
        DType::U32 => of!(u32),
        DType::U16 => of!(u16),
        DType::U8 => of!(u8),
        DType::Bool(_) => of!(bool),
        DType::QFloat(_) => return None,
    })
}

/// An array as burn's data, in the element type of a recorded tensor.
pub(crate) fn to_burn(array: &Array, dtype: DType) -> TensorData {
    let shape = array.shape().to_vec();
    macro_rules! of {
        ($type:ty) => {
            TensorData::new(numbers(array).into_iter().map(|value| value as $type).collect::<Vec<_>>(), shape)
        };
    }
    match dtype {
        DType::F64 => of!(f64),
        DType::I64 => of!(i64),
        DType::I32 => of!(i32),
        DType::I16 => of!(i16),
        DType::I8 => of!(i8),
        DType::U64 => of!(u64),
        DType::U32 => of!(u32),
        DType::U16 => of!(u16),
        DType::U8 => of!(u8),
        DType::Bool(_) => {
            TensorData::new(numbers(array).into_iter().map(|value| value != 0.0).collect::<Vec<_>>(), shape)
        }
        _ => of!(f32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_casts_keep_numbers() {
        let array: Array = ndarray::arr2(&[[1_u8, 2], [3, 4]]).into();
        assert_eq!(numbers(&rows(&array, 1, 2)), [3.0, 4.0]);
        assert_eq!(numbers(&along(&array, 1, 0, 1)), [1.0, 3.0]);
        let wide = cast(&array, DataType::Float);
        assert_eq!(wide.map(|wide| wide.dtype()), Some("float32"));
        assert_eq!(cast(&array, DataType::String), None);
    }
}
