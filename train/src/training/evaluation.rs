//! Scores of a trained model over tiles of a data set, through burn.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use kiln_tile::{SIDE, TILE_BYTES};

use super::source::{Input, Source};
use crate::data::Loader;
use crate::model::{Classes, Front, LossOptions, Scores, Zoo};
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
    /// Mean squared error of its reconstruction over pixels and channels, intensities in `0..=1`, where the model
    /// rebuilds tiles.
    pub squared_error: Option<f64>,
    /// Mean of its latent Gaussian, `[latent]`, where the model has one.
    pub latent: Option<Vec<f32>>,
}

/// Scores all tiles of `loader` in order, without drawing anything at random. `front` and the loader's decoder are those
/// of one run.
///
/// # Errors
/// A tile that cannot be decoded, by name.
pub fn score_tiles(
    zoo: &Zoo,
    front: Front,
    classes: &Classes,
    loader: &Loader,
    device: &Device,
) -> Result<Vec<ScoredTile>> {
    let mut scored = Vec::with_capacity(loader.tiles());
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let levels = front.levels(tile_tensor(batch.pixels, device));
        scored.extend(tiles(&batch.indices, &batch.labels, zoo.score(levels, classes.normal))?);
    }
    Ok(scored)
}

/// Mean loss over all tiles of `source`, and every tile's score.
pub(crate) fn validate(
    zoo: &Zoo,
    classes: &Classes,
    source: &Source,
    front: Front,
    device: &Device,
    options: &LossOptions,
) -> Result<(f64, Vec<ScoredTile>)> {
    let (mut sum, mut weight, mut scored) = (0.0, 0.0, Vec::with_capacity(source.tiles()));
    for batch in source.epoch(0, 0) {
        let batch = batch?;
        let normal = normal_mask(&batch.labels, classes, device);
        // An autoencoder's loss is a mean over the normal tiles of the batch, a classifier's over all of them.
        let counted = if zoo.learns_from_normal_only() {
            batch.labels.iter().filter(|class| !classes.is_anomalous(**class)).count() as f64
        } else {
            options.weight_of(&batch.labels)
        };
        let labels = label_tensor(&batch.labels, device);
        let scores = match (batch.input, zoo.frozen()) {
            (Input::Features(values), Some(model)) => {
                model.score_features(feature_tensor(values, batch.indices.len(), device), classes.normal)
            }
            (Input::Features(_), None) => return Err(no_features()),
            (Input::Pixels(pixels), _) => {
                zoo.score_of(options.part, front.levels(tile_tensor(pixels, device)), classes.normal)
            }
        };
        let loss = zoo.loss_of(&scores, labels, normal, options);
        sum += read(loss.total.into_data())?.first().copied().unwrap_or(f64::NAN) * counted;
        weight += counted;
        scored.extend(tiles(&batch.indices, &batch.labels, scores)?);
    }
    Ok((sum / f64::max(weight, 1.0), scored))
}

fn tiles(indices: &[usize], classes: &[usize], scores: Scores) -> Result<Vec<ScoredTile>> {
    // An error of rebuilt feature maps is no squared error of pixels.
    let errors = scores.squared_error.filter(|_| scores.reconstruction.is_some());
    let errors = errors.map(|errors| read(errors.into_data())).transpose()?;
    let latents = scores.latent_mean.map(|mean| read(mean.into_data())).transpose()?;
    let width = latents.as_ref().map_or(0, |values| values.len() / indices.len().max(1));
    let latent = |at: usize| {
        let values = latents.as_ref()?.get(at * width..(at + 1) * width)?;
        Some(values.iter().map(|value| *value as f32).collect())
    };
    let values = read(scores.score.into_data())?;
    let places = indices.iter().zip(classes).zip(values).enumerate();
    let tile = |(at, ((index, class), score)): (usize, ((&usize, &usize), f64))| ScoredTile {
        index: *index,
        class: *class,
        score,
        squared_error: errors.as_ref().and_then(|errors| errors.get(at).copied()),
        latent: latent(at),
    };
    Ok(places.map(tile).collect())
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
