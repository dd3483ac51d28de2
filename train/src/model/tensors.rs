//! Tiles, features and labels as tensors, and tensors as numbers.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use kiln_tile::SIDE;

use super::{Classes, PixelValues};
use crate::data::TileBatch;
use crate::{Error, Result};

/// Decoded tiles, `[n, 256, 256, 3]`, as a u8 tensor.
pub(crate) fn tile_tensor(pixels: Vec<u8>, device: &Device) -> Tensor<4, Int> {
    side_tensor(pixels, SIDE as usize, device)
}

/// Tiles of `side` pixels a side, `[n, side, side, 3]`, as a u8 tensor.
pub(crate) fn side_tensor(pixels: Vec<u8>, side: usize, device: &Device) -> Tensor<4, Int> {
    let shape = [pixels.len() / (3 * side * side), side, side, 3];
    Tensor::from_data(TensorData::new(pixels, shape), (device, DType::U8))
}

/// The tiles of a batch as input of a model.
pub(crate) fn tile_values(batch: TileBatch, device: &Device) -> PixelValues {
    PixelValues::of_tiles(side_tensor(batch.pixels, batch.side, device), batch.side)
}

/// Features of `tiles` tiles, `[tiles, features]`.
pub(crate) fn feature_tensor(values: Vec<f32>, tiles: usize, device: &Device) -> Tensor<2> {
    let width = values.len() / tiles.max(1);
    Tensor::from_data(TensorData::new(values, [tiles, width]), device)
}

/// Class numbers as a tensor, `[batch]`.
pub(crate) fn label_tensor(labels: &[usize], device: &Device) -> Tensor<1, Int> {
    let numbers: Vec<i32> = labels.iter().map(|label| i32::try_from(*label).unwrap_or(i32::MAX)).collect();
    Tensor::from_data(TensorData::new(numbers, [labels.len()]), (device, DType::I32))
}

/// 1 for normal tiles and 0 for others, `[batch]`.
pub(crate) fn normal_mask(labels: &[usize], classes: &Classes, device: &Device) -> Tensor<1> {
    let mask: Vec<f32> = labels.iter().map(|class| f32::from(u8::from(!classes.is_anomalous(*class)))).collect();
    Tensor::from_data(TensorData::new(mask, [labels.len()]), device)
}

/// Values of a float tensor.
pub(crate) fn read(data: TensorData) -> Result<Vec<f64>> {
    data.convert::<f64>()
        .try_into_vec()
        .map_err(|error| Error::Config { origin: "tensor".to_owned(), reason: format!("{error:?}") })
}
