//! The input of every model: pixels as numbers, channels first.

use burn::tensor::{Int, Tensor};
use kiln_tile::SIDE;

/// Pixel values in 0..255 as f32, `[batch, 3, 256, 256]`: from decoded tiles (u8, `[batch, 256, 256, 3]`), or from a stain
/// normalisation inside the graph. A window of tiles, or a tile at a smaller scale, has a smaller side.
#[derive(Debug, Clone)]
pub struct PixelValues {
    values: Tensor<4>,
    whole: usize,
}

impl PixelValues {
    /// Values `[batch, 3, height, width]` at the scale at which a whole tile has `whole` pixels a side.
    pub(crate) fn new(values: Tensor<4>, whole: usize) -> Self {
        Self { values, whole }
    }

    /// Tiles, or windows of them, u8 `[batch, height, width, 3]`, at the scale at which a whole tile has `whole` pixels a side.
    pub(crate) fn of_tiles(tile: Tensor<4, Int>, whole: usize) -> Self {
        // The layout changes first, while a value is one byte.
        Self::new(tile.permute([0, 3, 1, 2]).float(), whole)
    }

    /// Pixels a side of a whole tile at this scale.
    pub(super) fn whole(&self) -> usize {
        self.whole
    }

    /// The values, `[batch, 3, height, width]`.
    pub(crate) fn into_values(self) -> Tensor<4> {
        self.values
    }
}

impl From<Tensor<4, Int>> for PixelValues {
    fn from(tile: Tensor<4, Int>) -> Self {
        Self::of_tiles(tile, SIDE as usize)
    }
}

/// Tiles as the input of a convolution: f32 in 0..1, of the same shape.
pub(crate) fn prepare(tile: impl Into<PixelValues>) -> Tensor<4> {
    tile.into().into_values().div_scalar(255.0)
}
