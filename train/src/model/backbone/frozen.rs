//! The frozen part of a model as a module: a backbone, and the pooling behind it. Training never changes its weights, so its
//! vectors can be computed once, and by another program than burn: see [`crate::features`].

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Backbone, Extraction};
use crate::model::PixelValues;

/// A backbone from decoded tiles (u8, `[batch, 256, 256, 3]`) to vectors.
#[derive(Module, Debug)]
pub struct FrozenBackbone {
    backbone: Backbone,
    #[module(skip)]
    extraction: Extraction,
    /// Patches along a side of the tile; `None` for a model without vectors of patches.
    #[module(skip)]
    patches: Option<usize>,
}

impl FrozenBackbone {
    pub(crate) fn new(backbone: Backbone, extraction: &Extraction, patches: Option<usize>) -> Self {
        Self { backbone, extraction: extraction.clone(), patches }
    }

    /// The network.
    #[must_use]
    pub fn backbone(&self) -> &Backbone {
        &self.backbone
    }

    /// Everything beside tiles and weights that changes a vector of a whole tile: [`Extraction::key`].
    pub(crate) fn key(&self) -> String {
        self.extraction.key()
    }

    /// Vectors of whole tiles, `[batch, features]`, and of their patches, `[batch, side, side, channels]`, if the model uses
    /// patches.
    #[must_use]
    pub fn forward(&self, tile: impl Into<PixelValues>) -> (Tensor<2>, Option<Tensor<4>>) {
        self.extraction.vectors(&self.backbone, tile, self.patches)
    }
}
