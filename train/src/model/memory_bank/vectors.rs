//! Vectors of normal tiles as matrices, and matrices as tensors, for banks and mixtures.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray_of_linfa::{Array1, Array2, ArrayView1, Axis};

/// The mean of vectors of `features` values each, and their differences from it, `[n, features]`.
pub(super) fn centred(values: Vec<f64>, features: usize) -> std::result::Result<(Array1<f64>, Array2<f64>), String> {
    if values.iter().any(|value| !value.is_finite()) {
        return Err("the backbone gives values that are not finite; check its weights".to_owned());
    }
    let vectors =
        Array2::from_shape_vec([values.len() / features, features], values).map_err(|error| error.to_string())?;
    let centre = vectors.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(features));
    let centred = vectors - &centre;
    Ok((centre, centred))
}

pub(super) fn matrix(values: &Array2<f64>, device: &Device) -> Tensor<2> {
    let shape = [values.nrows(), values.ncols()];
    Tensor::from_data(TensorData::new(values.iter().map(|value| *value as f32).collect::<Vec<_>>(), shape), device)
}

pub(super) fn row(values: &Array1<f64>, device: &Device) -> Tensor<1> {
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values.iter().map(|value| *value as f32).collect::<Vec<_>>(), shape), device)
}

/// Below this a deviation is that of rounding.
const LEAST_DEVIATION: f64 = 1e-7;

/// Root of the mean square of centred values; 1 for a constant.
pub(super) fn deviation(column: ArrayView1<'_, f64>) -> f64 {
    let root = (column.dot(&column) / column.len() as f64).sqrt();
    if root > LEAST_DEVIATION { root } else { 1.0 }
}
