//! The latent space of an autoencoder: where tiles lie in it, and what it holds between them.

use burn::tensor::{Device, Tensor, TensorData};
use kiln_tile::Tile;
use linfa::traits::{Fit, Predict};
use linfa_reduction::Pca;
use ndarray_of_linfa::Array2;

use crate::model::Zoo;
use crate::model::tensors::read;
use crate::{Error, Result};

/// Fewer tiles than this make no map.
const FEWEST: usize = 10;

/// Tiles on two axes of a latent space.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// The places of the tiles, in their order.
    pub places: Vec<(f64, f64)>,
    /// The share of all variance that the two axes hold.
    pub held: f64,
}

/// Tiles on the two principal axes of the latent space; nothing for fewer than ten tiles or a latent space of fewer than
/// three dimensions.
///
/// # Errors
/// If the latent means differ in length, or the axes cannot be found.
pub fn project(latents: &[&[f32]]) -> Result<Option<Projection>> {
    let width = latents.first().map_or(0, |latent| latent.len());
    if latents.len() < FEWEST || width < 3 {
        return Ok(None);
    }
    let values: Vec<f64> = latents.iter().flat_map(|latent| latent.iter().map(|value| f64::from(*value))).collect();
    let records = Array2::from_shape_vec((latents.len(), width), values).map_err(failed)?;
    let total: f64 = records.std_axis(ndarray_of_linfa::Axis(0), 1.0).iter().map(|deviation| deviation.powi(2)).sum();
    if total <= f64::EPSILON {
        return Ok(None);
    }
    let pca = Pca::params(2).fit(&linfa::DatasetBase::from(records.clone())).map_err(failed)?;
    let held: f64 = pca.singular_values().iter().map(|sigma| sigma.powi(2)).sum::<f64>() / (latents.len() - 1) as f64;
    let placed: Array2<f64> = pca.predict(&records);
    let places = placed.outer_iter().map(|row| (row[0], row[1])).collect();
    Ok(Some(Projection { places, held: (held / total).min(1.0) }))
}

/// Tiles that the decoder makes on the straight way from one latent mean to another, both ends included; nothing for a
/// model without a decoder.
///
/// # Errors
/// If a tensor cannot be read back.
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
