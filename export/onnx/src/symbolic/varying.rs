//! Constants that a forward function computes from sizes: positions, masks, grids. Their data differs between recordings.
//! An even progression or a single repeated number can be continued to other sizes.

use burn::tensor::{DType, TensorData};

use super::Size;

/// A constant as a function of the sizes.
#[derive(Clone, Debug)]
pub(crate) struct VaryingConstant {
    pub(crate) dtype: DType,
    /// The sizes of the tensor.
    pub(crate) dims: Vec<Size>,
    /// The first element, in each recording.
    pub(crate) start: Vec<f64>,
    /// The difference between successive elements, row-major, in each recording.
    pub(crate) step: Vec<f64>,
}

impl VaryingConstant {
    /// The rule that explains the data of all recordings, base first; none if it is neither of the two.
    pub(crate) fn from_recordings(data: &[&TensorData]) -> Option<Self> {
        let rank = data.first()?.shape().to_vec().len();
        if data.iter().any(|one| one.shape().to_vec().len() != rank) {
            return None;
        }
        let size = |axis| Size(data.iter().map(|one| one.shape()[axis] as i64).collect());
        let lines: Vec<(f64, f64)> = data.iter().map(|one| line(one)).collect::<Option<_>>()?;
        let (start, step) = lines.into_iter().unzip();
        Some(Self { dtype: data.first()?.dtype(), dims: (0..rank).map(size).collect(), start, step })
    }
}

/// The first element and the step of an even progression.
fn line(data: &TensorData) -> Option<(f64, f64)> {
    let values: Vec<f64> = if data.dtype().is_bool() {
        data.iter::<bool>().map(|x| f64::from(u8::from(x))).collect()
    } else {
        data.iter::<f64>().collect()
    };
    let first = *values.first()?;
    let step = values.get(1).map_or(0.0, |second| second - first);
    let size = first.abs().max(values.last()?.abs());
    // Rounded to 32 bits, a progression is uneven in its last digits.
    let slack = if data.dtype().is_float() { 4.0 * f64::from(f32::EPSILON) * size } else { 0.0 };
    let even = values.iter().enumerate().all(|(at, value)| (value - (first + at as f64 * step)).abs() <= slack);
    even.then_some((first, step))
}
