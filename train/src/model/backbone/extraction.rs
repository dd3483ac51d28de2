//! The way from decoded tiles through a backbone to vectors: the side at which the backbone works, the stages whose maps are
//! used, and their pooling. Training, cached features and export use this one way; loaders of training steps reduce tiles
//! before. Weights are the backbone's, banks and dense layers the model's.

use burn::tensor::Tensor;
use kiln_tile::SIDE;

use super::{Backbone, BackboneConfig};
use crate::model::maps::resized;
use crate::model::{PixelValues, Pooling, Reduction};

/// The use of a backbone by a model. It has no weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extraction {
    side: usize,
    stages: Vec<usize>,
    pooling: Pooling,
}

impl Extraction {
    /// The use that a model with these settings makes of its backbone.
    pub(crate) fn new(config: &BackboneConfig, pooling: Pooling) -> Self {
        Self { side: config.side, stages: config.stages.clone(), pooling }
    }

    /// The same use at another side.
    pub(crate) fn at_side(self, side: usize) -> Self {
        Self { side, ..self }
    }

    /// Everything beside tiles and weights that changes a vector, as a part of a cache's key.
    pub(crate) fn key(&self) -> String {
        // Keys without the later parts are those of features that are already cached.
        let mut key = format!("{:?}", self.stages);
        if self.side != SIDE as usize {
            key += &format!(" side {}", self.side);
        }
        if !self.pooling.is_default() {
            key += &format!(" {:?}", self.pooling);
        }
        key
    }

    /// Maps of each used stage, `[batch, channels, side, side]`.
    pub(crate) fn maps(&self, backbone: &Backbone, tile: impl Into<PixelValues>) -> Vec<Tensor<4>> {
        self.maps_of_reduced(backbone, self.reduced(tile))
    }

    /// Tiles at the side at which the backbone works: values in 0..255, `[batch, 3, side, side]`.
    pub(crate) fn reduced(&self, tile: impl Into<PixelValues>) -> Tensor<4> {
        Reduction::new(self.side).pixels(tile).into_values()
    }

    /// As [`maps`](Self::maps), of tiles that are [`reduced`](Self::reduced).
    pub(crate) fn maps_of_reduced(&self, backbone: &Backbone, tile: Tensor<4>) -> Vec<Tensor<4>> {
        backbone.maps(PixelValues::new(tile, self.side), &self.stages)
    }

    /// Vectors of whole tiles, `[batch, features]`, from the maps of each used stage.
    pub(crate) fn pooled(&self, maps: Vec<Tensor<4>>) -> Tensor<2> {
        self.pooling.apply(maps)
    }

    /// Vectors of whole tiles, `[batch, features]`.
    pub(crate) fn features(&self, backbone: &Backbone, tile: impl Into<PixelValues>) -> Tensor<2> {
        self.pooled(self.maps(backbone, tile))
    }

    /// Vectors of whole tiles and, with the number of `patches` along a side, of these, `[batch, patches, patches, channels]`.
    pub(crate) fn vectors(
        &self,
        backbone: &Backbone,
        tile: impl Into<PixelValues>,
        patches: Option<usize>,
    ) -> (Tensor<2>, Option<Tensor<4>>) {
        let maps = self.maps(backbone, tile);
        let whole = self.pooled(maps.clone());
        let patches = patches.map(|side| {
            let all: Vec<Tensor<4>> = maps.into_iter().map(|maps| resized(maps, side)).collect();
            Tensor::cat(all, 1).permute([0, 2, 3, 1])
        });
        (whole, patches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_another_side_or_pooling_are_cached_apart_and_older_ones_are_found() {
        let key = |side, pooling| Extraction::new(&BackboneConfig { side, ..BackboneConfig::default() }, pooling).key();
        let usual = key(256, Pooling::Mean);
        assert_eq!(usual, "[3, 5, 7]");
        let others = [key(96, Pooling::Mean), key(256, Pooling::MeanAndCentre), key(96, Pooling::MeanAndCentre)];
        assert!(others.iter().all(|other| *other != usual), "{others:?}");
        assert!(others[0] != others[1] && others[1] != others[2] && others[0] != others[2], "{others:?}");
    }
}
