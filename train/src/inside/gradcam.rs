//! Grad-CAM (Selvaraju et al., ICCV 2017): the feature maps that a classifier reads, each weighed by how much the logit grows with it.

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use kiln_tile::Tile;

use crate::Result;
use crate::model::maps::enlarged;
use crate::model::tensors::{read, tile_tensor};
use crate::model::{ClassifiedMaps, Zoo};

/// What in a tile speaks for an anomaly, `[256, 256]`: 0 where nothing does; the scale is the model's own and compares
/// within one model only. Nothing for a model without convolutional classifier.
///
/// The gradient is that of the mean logit of the anomalous classes less that of the normal ones (the first `normal`),
/// with respect to the maps that the classifier reads, by burn's autodiff. The maps are brought to the tile's size
/// bilinearly, so a map of 32 x 32 values tells of regions of 8 x 8 pixels. Where the classifier reads the maps of
/// several stages, what they say is added up.
///
/// # Errors
/// If a tensor cannot be read back.
pub fn grad_cam(zoo: &Zoo, normal: usize, tile: &Tile, device: &Device) -> Result<Option<Vec<f32>>> {
    let tile = tile_tensor(tile.pixels().to_vec(), device);
    match zoo.classified_maps(tile) {
        Some(ClassifiedMaps { maps, head }) => evidence(head, maps, normal),
        None => Ok(None),
    }
}

/// Positive evidence at the size of a tile, of the maps of each stage that `head` reads.
fn evidence(
    head: impl Fn(Vec<Tensor<4>>) -> Tensor<2>,
    maps: Vec<Tensor<4>>,
    normal: usize,
) -> Result<Option<Vec<f32>>> {
    let leaves: Vec<Tensor<4>> = maps.iter().map(|maps| Tensor::from_inner(maps.clone()).require_grad()).collect();
    let logits = head(leaves.clone());
    let classes = logits.dims()[1];
    if normal == 0 || normal >= classes {
        return Ok(None);
    }
    let anomalous = logits.clone().narrow(1, normal, classes - normal).mean();
    let gradients = (anomalous - logits.narrow(1, 0, normal).mean()).backward();
    let mut sum: Option<Tensor<3>> = None;
    for (maps, leaf) in maps.into_iter().zip(&leaves) {
        let Some(gradient) = leaf.grad(&gradients) else { continue };
        let [_, _, side, _] = maps.dims();
        // By the number of places, so that a place of a coarse map counts for all the pixels that it stands for.
        let weights = gradient.mean_dim(2).mean_dim(3).mul_scalar((side * side) as f64);
        let large = enlarged((maps * weights).sum_dim(1));
        sum = Some(sum.map_or_else(|| large.clone(), |sum| sum + large.clone()));
    }
    let Some(sum) = sum else { return Ok(None) };
    Ok(Some(read(relu(sum).into_data())?.into_iter().map(|value| value as f32).collect()))
}
