//! Scores of a trained model over tiles of a data set, through burn.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use kiln_tile::{SIDE, TILE_BYTES};

use super::source::{Input, Source};
use crate::data::Loader;
use crate::model::{Classes, LossOptions, Zoo};
use crate::{Error, Result};

/// One tile's score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredTile {
    /// Entry of the data set.
    pub index: usize,
    /// Class number of its label.
    pub class: usize,
    /// Higher is more anomalous.
    pub score: f64,
}

/// Scores all tiles of `loader` in order, without drawing anything at random.
///
/// # Errors
/// A tile that cannot be decoded, by name.
pub fn score_tiles(zoo: &Zoo, classes: &Classes, loader: &Loader, device: &Device) -> Result<Vec<ScoredTile>> {
    let mut scored = Vec::with_capacity(loader.tiles());
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let tile = tile_tensor(batch.pixels, device);
        let scores = read(zoo.score(tile, classes.normal).score.into_data())?;
        scored.extend(tiles(&batch.indices, &batch.labels, scores));
    }
    Ok(scored)
}

/// Mean loss over all tiles of `source`, and every tile's score.
pub(crate) fn validate(
    zoo: &Zoo,
    classes: &Classes,
    source: &Source,
    device: &Device,
    options: LossOptions,
) -> Result<(f64, Vec<ScoredTile>)> {
    let (mut sum, mut weight, mut scored) = (0.0, 0.0, Vec::with_capacity(source.tiles()));
    for batch in source.epoch(0, 0) {
        let batch = batch?;
        let normal = normal_mask(&batch.labels, classes, device);
        // An autoencoder's loss is a mean over the normal tiles of the batch, a classifier's over all of them.
        let counted = if zoo.learns_from_normal_only() {
            batch.labels.iter().filter(|class| !classes.is_anomalous(**class)).count()
        } else {
            batch.labels.len()
        };
        let labels = label_tensor(&batch.labels, device);
        let scores = match (batch.input, zoo.frozen()) {
            (Input::Features(values), Some(model)) => {
                model.score_features(feature_tensor(values, batch.indices.len(), device), classes.normal)
            }
            (Input::Features(_), None) => return Err(no_features()),
            (Input::Pixels(pixels), _) => zoo.score(tile_tensor(pixels, device), classes.normal),
        };
        let loss = zoo.loss_of(&scores, labels, normal, options);
        sum += read(loss.total.into_data())?.first().copied().unwrap_or(f64::NAN) * counted as f64;
        weight += counted as f64;
        scored.extend(tiles(&batch.indices, &batch.labels, read(scores.score.into_data())?));
    }
    Ok((sum / f64::max(weight, 1.0), scored))
}

fn tiles(indices: &[usize], classes: &[usize], scores: Vec<f64>) -> impl Iterator<Item = ScoredTile> {
    let places = indices.iter().zip(classes).zip(scores);
    places.map(|((index, class), score)| ScoredTile { index: *index, class: *class, score })
}

/// Decoded tiles, `[n, 256, 256, 3]`, as a u8 tensor.
pub(crate) fn tile_tensor(pixels: Vec<u8>, device: &Device) -> Tensor<4, Int> {
    let side = SIDE as usize;
    let shape = [pixels.len() / TILE_BYTES, side, side, 3];
    Tensor::from_data(TensorData::new(pixels, shape), (device, DType::U8))
}

/// Features of `tiles` tiles, `[tiles, features]`.
pub(crate) fn feature_tensor(values: Vec<f32>, tiles: usize, device: &Device) -> Tensor<2> {
    let width = values.len() / tiles.max(1);
    Tensor::from_data(TensorData::new(values, [tiles, width]), device)
}

/// Features are only ever made for the model that takes them.
pub(crate) fn no_features() -> Error {
    Error::Config { origin: "model".to_owned(), reason: "only a frozen transfer model learns from features".to_owned() }
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
