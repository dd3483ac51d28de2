//! Scores of a trained model over tiles of a data set, through burn.

use burn::tensor::{Device, Tensor};

use super::source::{Input, Source, no_features};
use crate::Result;
use crate::data::Loader;
use crate::model::tensors::{feature_tensor, label_tensor, normal_mask, read, tile_tensor};
use crate::model::{Classes, LossOptions, PixelValues, Preprocessing, Scores, Zoo, prepare};

/// One tile's score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredTile {
    /// Entry of the data set.
    pub index: usize,
    /// Class number of its label.
    pub class: usize,
    /// Higher is more anomalous.
    pub score: f64,
    /// Mean squared error of its reconstruction over pixels and channels, intensities in `0..=1`, if the model rebuilds
    /// tiles.
    pub squared_error: Option<f64>,
    /// Mean of its latent Gaussian, `[latent]`, if the model has one.
    pub latent: Option<Vec<f32>>,
    /// Natural logarithm of the Gaussian's variance, `[latent]`, unless the autoencoder is a plain one.
    pub latent_log_variance: Option<Vec<f32>>,
    /// The colour of its pixels, if the model rebuilds tiles.
    pub colour: Option<TileColour>,
}

/// Moments of the pixels of a tile that a model rebuilds, after stain normalisation, intensities in `0..=1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TileColour {
    /// Mean of each channel.
    pub mean: [f64; 3],
    /// Mean square of each channel.
    pub mean_square: [f64; 3],
}

/// Scores all tiles of `loader` in order, deterministically. `preprocessing` and the loader's decoder must be of one run.
///
/// # Errors
/// A tile that cannot be decoded, by name.
pub fn score_tiles(
    zoo: &Zoo,
    preprocessing: Preprocessing,
    classes: &Classes,
    loader: &Loader,
    device: &Device,
) -> Result<Vec<ScoredTile>> {
    let mut scored = Vec::with_capacity(loader.tiles());
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let input = preprocessing.apply(tile_tensor(batch.pixels, device));
        let scores = zoo.score(input.clone(), classes.normal);
        let colours = scores.reconstruction.as_ref().map(|_| colours(input)).transpose()?;
        scored.extend(tiles(&batch.indices, &batch.labels, scores, colours)?);
    }
    Ok(scored)
}

/// Mean loss over all tiles of `source`, and the score of every tile.
pub(crate) fn validate(
    zoo: &Zoo,
    classes: &Classes,
    source: &Source,
    preprocessing: Preprocessing,
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
            (Input::Pixels { pixels, .. }, _) => {
                zoo.score_part(options.part, preprocessing.apply(tile_tensor(pixels, device)), classes.normal)
            }
        };
        let loss = zoo.loss_of_scores(&scores, labels, normal, options);
        sum += read(loss.total.into_data())?.first().copied().unwrap_or(f64::NAN) * counted;
        weight += counted;
        scored.extend(tiles(&batch.indices, &batch.labels, scores, None)?);
    }
    Ok((sum / f64::max(weight, 1.0), scored))
}

/// The colour of each tile of a batch.
fn colours(input: PixelValues) -> Result<Vec<TileColour>> {
    let values = prepare(input);
    let channels = |maps: Tensor<4>| read(maps.mean_dim(3).mean_dim(2).flatten::<2>(1, 3).into_data());
    let (means, squares) = (channels(values.clone())?, channels(values.clone() * values)?);
    let triple = |values: &[f64]| [values[0], values[1], values[2]];
    let pairs = means.chunks_exact(3).zip(squares.chunks_exact(3));
    Ok(pairs.map(|(mean, square)| TileColour { mean: triple(mean), mean_square: triple(square) }).collect())
}

fn tiles(
    indices: &[usize],
    classes: &[usize],
    scores: Scores,
    colours: Option<Vec<TileColour>>,
) -> Result<Vec<ScoredTile>> {
    // The error of rebuilt feature maps is not one of pixels.
    let errors = scores.squared_error.filter(|_| scores.reconstruction.is_some());
    let errors = errors.map(|errors| read(errors.into_data())).transpose()?;
    let latents = scores.latent_mean.map(|mean| read(mean.into_data())).transpose()?;
    let log_variances = scores.latent_log_variance.map(|variance| read(variance.into_data())).transpose()?;
    let width = latents.as_ref().map_or(0, |values| values.len() / indices.len().max(1));
    let latent = |of: &Option<Vec<f64>>, at: usize| {
        let values = of.as_ref()?.get(at * width..(at + 1) * width)?;
        Some(values.iter().map(|value| *value as f32).collect())
    };
    let values = read(scores.score.into_data())?;
    let places = indices.iter().zip(classes).zip(values).enumerate();
    let tile = |(at, ((index, class), score)): (usize, ((&usize, &usize), f64))| ScoredTile {
        index: *index,
        class: *class,
        score,
        squared_error: errors.as_ref().and_then(|errors| errors.get(at).copied()),
        latent: latent(&latents, at),
        latent_log_variance: latent(&log_variances, at),
        colour: colours.as_ref().and_then(|colours| colours.get(at).copied()),
    };
    Ok(places.map(tile).collect())
}
