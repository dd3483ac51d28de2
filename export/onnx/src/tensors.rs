//! Arguments ([`Inputs`]) and results ([`Outputs`]) of forward functions. Both accept tensors of any rank and kind.
//! [`AnyTensor`] erases rank and kind, for models that choose their outputs at run time.

use std::any::Any;
use std::fmt;

use burn::backend::capture::{CaptureBackend, TensorId};
use burn::tensor::{Bool, DType, Device, Float, Int, Tensor, TensorData};

use sealed::Sealed;

/// A tensor whose rank and kind are not part of its type.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_onnx_export::AnyTensor;
///
/// let score = Tensor::<1>::zeros([4], &Device::flex());
/// let map = Tensor::<3>::zeros([4, 8, 8], &Device::flex());
/// let outputs = vec![("score", AnyTensor::from(score)), ("map", AnyTensor::from(map))];
/// # let _ = outputs;
/// ```
pub struct AnyTensor {
    id: Result<TensorId, String>,
    // If the handle is dropped, a later operation may consume the tensor in place, and burn refuses it as an output.
    _handle: Box<dyn Any>,
}

impl AnyTensor {
    /// The recorded tensor, or the reason why there is none.
    pub(crate) fn id(&self) -> Result<TensorId, String> {
        self.id.clone()
    }
}

impl fmt::Debug for AnyTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyTensor").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The element type and shape of an input to record. Rank and kind are in its type.
#[derive(Clone, Debug)]
pub struct Feed {
    pub(crate) dtype: DType,
    pub(crate) dims: Vec<usize>,
    pub(crate) filling: Filling,
}

/// The values of an input to record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filling {
    Zeros,
    Ones,
    /// No values, for a size at which they would take much memory. Reading them back panics.
    Nothing,
}

impl Feed {
    /// The values, if there are any.
    fn data(&self) -> Option<TensorData> {
        let ones = match self.filling {
            Filling::Zeros => false,
            Filling::Ones => true,
            Filling::Nothing => return None,
        };
        let value = if self.dtype.is_float() { f64::from(u8::from(ones)).into() } else { i64::from(ones).into() };
        Some(match self.dtype {
            DType::Bool(_) => TensorData::full(self.dims.clone(), ones),
            dtype => TensorData::full_dtype::<burn::tensor::Scalar, _>(self.dims.clone(), value, dtype),
        })
    }
}

/// The arguments of a forward function: one argument, or a tuple of up to eight. An argument is a tensor, or a vector of
/// tensors of one rank and kind.
///
/// Implemented for everything that an [`Exporter`](crate::Exporter) can build; not implementable elsewhere.
pub trait Inputs: Sized + Sealed {
    /// Builds the arguments on `device`, each of its feeds, and returns their tensors also as recorded tensors.
    #[doc(hidden)]
    fn build(arguments: &[Vec<Feed>], device: &Device) -> Option<(Self, Vec<AnyTensor>)>;
}

/// An argument list to which an argument can be appended; not implementable elsewhere.
pub trait Append<T>: Sealed {
    /// The longer argument list.
    type Longer;
}

/// The results of a forward function: a tensor, a tuple of up to eight, an array or vector of tensors, or
/// `Vec<(name, AnyTensor)>`, whose names replace the names of [`Exporter::outputs`](crate::Exporter::outputs).
///
/// Not implementable elsewhere: a forward function with a result of its own type converts it to one of these in the closure
/// that it is exported with.
pub trait Outputs: Sealed {
    /// Appends the tensors in order, with their names if they have names.
    #[doc(hidden)]
    fn collect(self, into: &mut Vec<(Option<String>, AnyTensor)>);
}

/// Keeps other crates from implementing the traits of this module, whose methods may change.
mod sealed {
    /// A type of this module's traits.
    pub trait Sealed {}
}

impl Sealed for () {}
impl Sealed for AnyTensor {}
impl<T> Sealed for Vec<T> {}
impl<T, const N: usize> Sealed for [T; N] {}

macro_rules! tensor {
    ($($kind:ty),+) => {$(
        impl<const D: usize> Sealed for Tensor<D, $kind> {}

        impl<const D: usize> From<Tensor<D, $kind>> for AnyTensor {
            fn from(tensor: Tensor<D, $kind>) -> Self {
                let id = tensor
                    .clone()
                    .try_into_primitive::<CaptureBackend>()
                    .map(|primitive| primitive.id())
                    .map_err(|error| format!("it is not on the recording device ({error:?})"));
                Self { id, _handle: Box::new(tensor) }
            }
        }

        impl<const D: usize> Inputs for Tensor<D, $kind> {
            fn build(arguments: &[Vec<Feed>], device: &Device) -> Option<(Self, Vec<AnyTensor>)> {
                let (mut tensors, any) = Vec::<Self>::build(arguments, device)?;
                Some((tensors.pop().filter(|_| tensors.is_empty())?, any))
            }
        }

        impl<const D: usize> Inputs for Vec<Tensor<D, $kind>> {
            fn build(arguments: &[Vec<Feed>], device: &Device) -> Option<(Self, Vec<AnyTensor>)> {
                let [feeds] = arguments else { return None };
                let tensor = |feed: &Feed| {
                    let options = (device, feed.dtype);
                    match feed.data() {
                        Some(data) => Tensor::<D, $kind>::from_data(data, options),
                        // burn records this as an operation, without values.
                        None => Tensor::zeros(feed.dims.clone(), options),
                    }
                };
                let tensors: Self = feeds.iter().map(tensor).collect();
                let any = tensors.iter().cloned().map(AnyTensor::from).collect();
                Some((tensors, any))
            }
        }

        impl<const D: usize> Append<Tensor<D, $kind>> for () {
            type Longer = Tensor<D, $kind>;
        }

        impl<const D: usize> Append<Vec<Tensor<D, $kind>>> for () {
            type Longer = Vec<Tensor<D, $kind>>;
        }

        impl<const D: usize, T> Append<T> for Tensor<D, $kind> {
            type Longer = (Self, T);
        }

        impl<const D: usize, T> Append<T> for Vec<Tensor<D, $kind>> {
            type Longer = (Self, T);
        }

        impl<const D: usize> Outputs for Tensor<D, $kind> {
            fn collect(self, into: &mut Vec<(Option<String>, AnyTensor)>) {
                into.push((None, self.into()));
            }
        }
    )+};
}

tensor!(Float, Int, Bool);

macro_rules! tuple {
    ($($name:ident)+) => {
        impl<$($name),+> Sealed for ($($name,)+) {}

        impl<$($name: Inputs),+> Inputs for ($($name,)+) {
            #[allow(non_snake_case, reason = "a type parameter names its own value")]
            fn build(arguments: &[Vec<Feed>], device: &Device) -> Option<(Self, Vec<AnyTensor>)> {
                let mut all = Vec::new();
                let mut rest = arguments.iter();
                $(
                    let ($name, mut any) = $name::build(std::slice::from_ref(rest.next()?), device)?;
                    all.append(&mut any);
                )+
                rest.next().is_none().then_some((($($name,)+), all))
            }
        }

        impl<$($name: Outputs),+> Outputs for ($($name,)+) {
            #[allow(non_snake_case, reason = "a type parameter names its own value")]
            fn collect(self, into: &mut Vec<(Option<String>, AnyTensor)>) {
                let ($($name,)+) = self;
                $($name.collect(into);)+
            }
        }
    };
}

macro_rules! longer {
    ($($name:ident)+) => {
        impl<$($name,)+ Next> Append<Next> for ($($name,)+) {
            type Longer = ($($name,)+ Next);
        }
    };
}

tuple!(A);
tuple!(A B);
tuple!(A B C);
tuple!(A B C D);
tuple!(A B C D E);
tuple!(A B C D E F);
tuple!(A B C D E F G);
tuple!(A B C D E F G H);
longer!(A B);
longer!(A B C);
longer!(A B C D);
longer!(A B C D E);
longer!(A B C D E F);
longer!(A B C D E F G);

impl Outputs for AnyTensor {
    fn collect(self, into: &mut Vec<(Option<String>, AnyTensor)>) {
        into.push((None, self));
    }
}

impl Outputs for (String, AnyTensor) {
    fn collect(self, into: &mut Vec<(Option<String>, AnyTensor)>) {
        into.push((Some(self.0), self.1));
    }
}

impl Outputs for (&str, AnyTensor) {
    fn collect(self, into: &mut Vec<(Option<String>, AnyTensor)>) {
        into.push((Some(self.0.to_owned()), self.1));
    }
}

impl<T: Outputs> Outputs for Vec<T> {
    fn collect(self, into: &mut Vec<(Option<String>, AnyTensor)>) {
        for output in self {
            output.collect(into);
        }
    }
}

impl<T: Outputs, const N: usize> Outputs for [T; N] {
    fn collect(self, into: &mut Vec<(Option<String>, AnyTensor)>) {
        for output in self {
            output.collect(into);
        }
    }
}
