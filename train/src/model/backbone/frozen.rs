//! The frozen part of a model as a module: a backbone, and the pooling behind it. Training never changes its weights, so its
//! vectors can be computed once, and by another program than burn: see [`crate::features`].

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Backbone, pooled};
use crate::model::PixelValues;
use crate::model::maps::resized;

/// A backbone from decoded tiles (u8, `[batch, 256, 256, 3]`) to vectors.
#[derive(Module, Debug)]
pub struct FrozenBackbone {
    backbone: Backbone,
    #[module(skip)]
    stages: Vec<usize>,
    /// Patches along a side of the tile; `None` for a model without vectors of patches.
    #[module(skip)]
    side: Option<usize>,
}

impl FrozenBackbone {
    pub(crate) fn new(backbone: Backbone, stages: &[usize], side: Option<usize>) -> Self {
        Self { backbone, stages: stages.to_vec(), side }
    }

    /// The network.
    #[must_use]
    pub fn backbone(&self) -> &Backbone {
        &self.backbone
    }

    /// The stages of the network whose maps are pooled, from 1.
    #[must_use]
    pub fn stages(&self) -> &[usize] {
        &self.stages
    }

    /// Vectors of whole tiles, `[batch, features]`, and of their patches, `[batch, side, side, features]`, if the model uses
    /// patches.
    #[must_use]
    pub fn forward(&self, tile: impl Into<PixelValues>) -> (Tensor<2>, Option<Tensor<4>>) {
        vectors(&self.backbone, tile, &self.stages, self.side)
    }
}

/// Vectors of whole tiles and, with the number of patches along a `side`, of patches; see [`FrozenBackbone::forward`].
pub(crate) fn vectors(
    backbone: &Backbone,
    tile: impl Into<PixelValues>,
    stages: &[usize],
    side: Option<usize>,
) -> (Tensor<2>, Option<Tensor<4>>) {
    let maps = backbone.maps(tile, stages);
    let means = pooled(maps.clone());
    let patches = side.map(|side| {
        let all: Vec<Tensor<4>> = maps.into_iter().map(|maps| resized(maps, side)).collect();
        Tensor::cat(all, 1).permute([0, 2, 3, 1])
    });
    (means, patches)
}
