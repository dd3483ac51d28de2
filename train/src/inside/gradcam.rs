//! Grad-CAM (Selvaraju et al., ICCV 2017): the last feature maps, each weighed by how much the logit grows with it.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma};
use kiln_tile::{SIDE, Tile};

use crate::Result;
use crate::model::{Classifier, Zoo, prepare};
use crate::training::{read, tile_tensor};

/// What in a tile speaks for an anomaly, `[256, 256]`: 0 where nothing does; the scale is the model's own and compares
/// within one model only. Nothing for a model without convolutional classifier.
///
/// The gradient is that of the mean logit of the anomalous classes less that of the normal ones (the first `normal`),
/// with respect to the last feature maps, by burn's autodiff. The maps are brought to the tile's size bilinearly, so a
/// map of 32 x 32 values tells of regions of 8 x 8 pixels.
///
/// # Errors
/// If a tensor cannot be read back.
pub fn grad_cam(zoo: &Zoo, normal: usize, tile: &Tile, device: &Device) -> Result<Option<Vec<f32>>> {
    let (features, classifier) = match zoo {
        Zoo::Cnn(cnn) => cnn.parts(),
        Zoo::Hybrid(hybrid) => hybrid.parts(),
        #[allow(unreachable_patterns, reason = "the zoo grows")]
        _ => return Ok(None),
    };
    let maps = features.forward(prepare(tile_tensor(tile.pixels().to_vec(), device)));
    let evidence = evidence(classifier, maps, normal)?;
    Ok(evidence.map(|(values, side)| enlarge(values, side)))
}

/// Positive evidence on the grid of the maps, and the side of that grid.
fn evidence(classifier: &Classifier, maps: Tensor<4>, normal: usize) -> Result<Option<(Vec<f32>, usize)>> {
    // Frozen, so that dropout stays out and gradients reach the maps alone.
    let head = classifier.clone().train().freeze();
    let leaf = Tensor::from_inner(maps.clone()).require_grad();
    let logits = head.forward(leaf.clone());
    let classes = logits.dims()[1];
    if normal == 0 || normal >= classes {
        return Ok(None);
    }
    let anomalous = logits.clone().narrow(1, normal, classes - normal).mean();
    let gradients = (anomalous - logits.narrow(1, 0, normal).mean()).backward();
    let Some(gradient) = leaf.grad(&gradients) else { return Ok(None) };
    let weights = gradient.mean_dim(2).mean_dim(3);
    let [_, _, side, _] = maps.dims();
    let map = relu((maps * weights).sum_dim(1));
    Ok(Some((read(map.into_data())?.into_iter().map(|value| value as f32).collect(), side)))
}

/// A square map at the size of a tile.
fn enlarge(values: Vec<f32>, side: usize) -> Vec<f32> {
    let side = u32::try_from(side).unwrap_or(1);
    match ImageBuffer::<Luma<f32>, _>::from_raw(side, side, values) {
        Some(map) => resize(&map, SIDE, SIDE, FilterType::Triangle).into_raw(),
        None => vec![0.0; (SIDE * SIDE) as usize],
    }
}
