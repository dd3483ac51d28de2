//! The latent space of an autoencoder: a projection of tiles, and interpolation between them.

use burn::tensor::{Device, Tensor, TensorData};
use kiln_tile::Tile;
use linfa::traits::{Fit, Predict};
use linfa_reduction::Pca;
use ndarray_of_linfa::Array2;

use crate::model::Zoo;
use crate::model::tensors::read;
use crate::{Error, Result};

/// Smallest number of tiles for a map.
const FEWEST: usize = 10;

/// Largest latent mean of a map: a training with larger ones has diverged, and the solver does not converge on them.
const LARGEST: f32 = 1e9;

/// Tiles on the two principal axes of a latent space.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// Positions of the tiles, in their order.
    pub points: Vec<(f64, f64)>,
    /// Fraction of the variance that the two axes explain.
    pub explained_variance: f64,
}

/// Returns true if all latent means of a tile are numbers that a map can show.
pub(crate) fn is_bounded(latent: &[f32]) -> bool {
    latent.iter().all(|value| value.is_finite() && value.abs() <= LARGEST)
}

/// Projects tiles on the two principal axes of the latent space; none for fewer than ten tiles or fewer than three
/// dimensions, and for latent means that are not finite, are too large or on which the solver fails.
///
/// # Errors
/// Latent means of different lengths, or a failure that the solver reports.
pub fn project(latents: &[&[f32]]) -> Result<Option<Projection>> {
    let width = latents.first().map_or(0, |latent| latent.len());
    if latents.len() < FEWEST || width < 3 || !latents.iter().all(|latent| is_bounded(latent)) {
        return Ok(None);
    }
    let values: Vec<f64> = latents.iter().flat_map(|latent| latent.iter().map(|value| f64::from(*value))).collect();
    let records = Array2::from_shape_vec((latents.len(), width), values).map_err(failed)?;
    let total: f64 = records.std_axis(ndarray_of_linfa::Axis(0), 1.0).iter().map(|deviation| deviation.powi(2)).sum();
    if total <= f64::EPSILON {
        return Ok(None);
    }
    // The solver panics where a number overflows within it.
    let dataset = linfa::DatasetBase::from(records.clone());
    let Ok(pca) = kiln_files::caught(|| Pca::params(2).fit(&dataset)) else { return Ok(None) };
    let pca = pca.map_err(failed)?;
    let explained: f64 =
        pca.singular_values().iter().map(|sigma| sigma.powi(2)).sum::<f64>() / (latents.len() - 1) as f64;
    let placed: Array2<f64> = pca.predict(&records);
    let points: Vec<(f64, f64)> = placed.outer_iter().map(|row| (row[0], row[1])).collect();
    if !explained.is_finite() || points.iter().any(|(x, y)| !(x.is_finite() && y.is_finite())) {
        return Ok(None);
    }
    Ok(Some(Projection { points, explained_variance: (explained / total).min(1.0) }))
}

/// Decodes `steps` points on the line from one latent mean to another, both ends included; none for a model without a
/// decoder.
///
/// # Errors
/// A tensor that cannot be read.
pub fn interpolate(zoo: &Zoo, from: &[f32], to: &[f32], steps: usize, device: &Device) -> Result<Option<Vec<Tile>>> {
    let points: Vec<f32> = (0..steps)
        .flat_map(|step| {
            let share = step as f32 / steps.saturating_sub(1).max(1) as f32;
            from.iter().zip(to).map(move |(a, b)| a + (b - a) * share)
        })
        .collect();
    let latent = Tensor::<2>::from_data(TensorData::new(points, [steps, from.len().min(to.len())]), device);
    let Some(rebuilt) = zoo.decoded(latent) else { return Ok(None) };
    let values = read(rebuilt.permute([0, 2, 3, 1]).into_data())?;
    let pixels: Vec<u8> = values.iter().map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    let tiles = pixels.chunks_exact(pixels.len() / steps.max(1)).map(|tile| Tile::from_pixels(tile.to_vec()));
    tiles.collect::<Result<Vec<Tile>, _>>().map(Some).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::run(std::path::Path::new("latent space"), error.to_string())
}
