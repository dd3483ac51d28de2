//! Constant tensors of a graph. Small ones hold their bytes. A module's parameter is a reference, read when it is written
//! or computed with, so that a graph of a large module takes no second copy of its weights.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{DType, TensorData};
use prost::bytes::Bytes;

use crate::element::Element;

/// A constant tensor, row-major, little-endian.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constant {
    pub(crate) element: Element,
    pub(crate) dims: Vec<usize>,
    pub(crate) data: Data,
}

/// The elements of a constant.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A parameter of the exported module.
    Weight(Weight),
}

impl Data {
    /// The bytes, in the form of ONNX's raw data.
    pub(crate) fn read(&self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Weight(weight) => bytes_of((weight.read)(0..weight.count())),
        }
    }

    /// The bytes in parts, in order. A large parameter is never copied as a whole.
    pub(crate) fn parts(&self) -> Box<dyn Iterator<Item = Bytes> + '_> {
        match self {
            Self::Bytes(bytes) => Box::new(std::iter::once(bytes.clone())),
            Self::Weight(weight) => {
                let count = weight.count();
                let part = move |start: usize| start..(start + PART).min(count);
                Box::new((0..count).step_by(PART).map(move |start| bytes_of((weight.read)(part(start)))))
            }
        }
    }
}

/// Elements read from a parameter at once.
const PART: usize = 4 << 20;

impl PartialEq for Data {
    /// Returns true only for data whose equality shows without reading a parameter.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Weight(a), Self::Weight(b)) => Arc::ptr_eq(&a.read, &b.read),
            _ => false,
        }
    }
}

impl From<Bytes> for Data {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// A parameter's tensor, which shares its memory with the module.
#[derive(Clone)]
pub(crate) struct Weight {
    pub(crate) dtype: DType,
    pub(crate) dims: Vec<usize>,
    read: Arc<dyn Fn(Range<usize>) -> TensorData + Send + Sync>,
}

impl Weight {
    /// A parameter. `read` copies a range of its elements, row-major, from the module's device.
    pub(crate) fn new(
        dtype: DType,
        dims: Vec<usize>,
        read: impl Fn(Range<usize>) -> TensorData + Send + Sync + 'static,
    ) -> Self {
        Self { dtype, dims, read: Arc::new(read) }
    }

    /// A copy of all elements, in the form of burn's data.
    pub(crate) fn data(&self) -> TensorData {
        let (bytes, _, dtype) = (self.read)(0..self.count()).into_parts();
        TensorData::from_bytes(bytes, self.dims.clone(), dtype)
    }

    fn count(&self) -> usize {
        self.dims.iter().product()
    }
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weight({:?}, {:?})", self.dtype, self.dims)
    }
}

/// The bytes of burn's data in the form of ONNX's raw data. Shared, except for booleans, which have one byte in ONNX and
/// several forms in burn.
pub(crate) fn bytes_of(data: TensorData) -> Bytes {
    struct Owner(TensorData);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            self.0.as_bytes()
        }
    }
    match data.dtype() {
        DType::Bool(_) => data.iter::<bool>().map(u8::from).collect::<Vec<_>>().into(),
        _ => Bytes::from_owner(Owner(data)),
    }
}

impl Constant {
    /// 32-bit floats.
    pub(crate) fn from_f32(dims: Vec<usize>, values: impl IntoIterator<Item = f32>) -> Self {
        let data = values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<_>>().into();
        Self { element: Element::F32, dims, data }
    }

    /// A vector of 64-bit integers, the form of shapes and axes.
    pub(crate) fn vector(values: &[i64]) -> Self {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>().into();
        Self { element: Element::I64, dims: vec![values.len()], data }
    }

    /// Bytes of the whole tensor.
    pub(crate) fn size(&self) -> usize {
        self.dims.iter().product::<usize>() * self.element.size()
    }

    /// The elements, if they are 64-bit integers.
    pub(crate) fn integers(&self) -> Option<Vec<i64>> {
        let read = |chunk: &[u8]| Some(i64::from_le_bytes(chunk.try_into().ok()?));
        (self.element == Element::I64).then(|| self.data.read().chunks_exact(8).map(read).collect())?
    }

    /// The elements, if they are 32-bit floats.
    pub(crate) fn floats(&self) -> Option<Vec<f32>> {
        let read = |chunk: &[u8]| Some(f32::from_le_bytes(chunk.try_into().ok()?));
        (self.element == Element::F32).then(|| self.data.read().chunks_exact(4).map(read).collect())?
    }

    /// The only element, if it is a float.
    pub(crate) fn number(&self) -> Option<f64> {
        if self.dims.iter().product::<usize>() != 1 {
            return None;
        }
        let data = self.data.read();
        Some(match self.element {
            Element::F32 => f64::from(f32::from_le_bytes(data.as_ref().try_into().ok()?)),
            Element::F64 => f64::from_le_bytes(data.as_ref().try_into().ok()?),
            Element::F16 => burn::tensor::f16::from_le_bytes(data.as_ref().try_into().ok()?).to_f64(),
            Element::Bf16 => burn::tensor::bf16::from_le_bytes(data.as_ref().try_into().ok()?).to_f64(),
            _ => return None,
        })
    }
}
