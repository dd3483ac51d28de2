//! Arrays of every element type that graphs exchange, for graphs other than tile models.

use ndarray::{ArrayD, ArrayView, Dimension};
use ort::session::SessionInputValue;
use ort::value::{DynValue, PrimitiveTensorElementType, TensorElementType, TensorRef};

/// The table of element types, from which the enum, the conversions and both directions of exchange follow.
macro_rules! elements {
    ($($variant:ident($type:ty, $name:literal) = $element:ident;)*) => {
        /// An n-dimensional array of any element type that graphs exchange with Rust. Built with `From` from an
        /// `ndarray` array of any dimension.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Array {
            $(#[doc = concat!("`", $name, "` elements.")] $variant(ArrayD<$type>),)*
        }

        impl Array {
            /// ONNX element type, lower case: `uint8`, `float32`.
            #[must_use]
            pub fn dtype(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// Length of each axis.
            #[must_use]
            pub fn shape(&self) -> &[usize] {
                match self { $(Self::$variant(array) => array.shape(),)* }
            }

            /// The array in row-major order, which ONNX Runtime reads in place.
            pub(super) fn contiguous(&self) -> std::borrow::Cow<'_, Self> {
                use std::borrow::Cow;
                match self {
                    $(Self::$variant(array) if array.is_standard_layout() => {
                        let _ = array;
                        Cow::Borrowed(self)
                    })*
                    $(Self::$variant(array) => Cow::Owned(Self::$variant(array.as_standard_layout().into_owned())),)*
                }
            }

            /// A view that ONNX Runtime reads without a copy; `self` must be [`Array::contiguous`].
            pub(super) fn view(&self) -> ort::Result<SessionInputValue<'_>> {
                match self { $(Self::$variant(array) => view(array.view()),)* }
            }

            /// Copies a graph output; `None` if its element type is not in the table.
            pub(super) fn from_output(value: &DynValue) -> Option<ort::Result<Self>> {
                Some(match value.dtype().tensor_type()? {
                    $(TensorElementType::$element => copy::<$type>(value).map(Self::$variant),)*
                    _ => return None,
                })
            }
        }

        $(impl<D: Dimension> From<ndarray::Array<$type, D>> for Array {
            fn from(array: ndarray::Array<$type, D>) -> Self {
                Self::$variant(array.into_dyn())
            }
        })*
    };
}

elements! {
    F32(f32, "float32") = Float32;
    F64(f64, "float64") = Float64;
    U8(u8, "uint8") = Uint8;
    U16(u16, "uint16") = Uint16;
    U32(u32, "uint32") = Uint32;
    U64(u64, "uint64") = Uint64;
    I8(i8, "int8") = Int8;
    I16(i16, "int16") = Int16;
    I32(i32, "int32") = Int32;
    I64(i64, "int64") = Int64;
    Bool(bool, "bool") = Bool;
}

impl Array {
    /// The array if its elements are f32.
    #[must_use]
    pub fn as_f32(&self) -> Option<&ArrayD<f32>> {
        match self {
            Self::F32(array) => Some(array),
            _ => None,
        }
    }
}

fn view<'a, T, D>(array: ArrayView<'a, T, D>) -> ort::Result<SessionInputValue<'a>>
where
    T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static,
    D: Dimension + 'static,
{
    Ok(TensorRef::from_array_view(array)?.into())
}

/// Copies a tensor out of ONNX Runtime's memory.
pub(super) fn copy<T>(value: &DynValue) -> ort::Result<ArrayD<T>>
where
    T: PrimitiveTensorElementType + Clone,
{
    let (shape, elements) = value.try_extract_tensor::<T>()?;
    ArrayD::from_shape_vec(shape.to_ixdyn(), elements.to_vec()).map_err(ort::Error::wrap)
}
