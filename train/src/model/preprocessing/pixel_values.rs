//! The input of every model: pixels as numbers, channels first.

use burn::tensor::{Int, Tensor};

/// Pixel values in 0..255 as f32, `[batch, 3, 256, 256]`: from decoded tiles (u8, `[batch, 256, 256, 3]`), or from a stain
/// normalisation inside the graph. A window of tiles, or a model that works on fewer pixels, has a smaller side.
#[derive(Debug, Clone)]
pub struct PixelValues(pub(crate) Tensor<4>);

impl From<Tensor<4, Int>> for PixelValues {
    /// The layout changes first, while a value is one byte.
    fn from(tile: Tensor<4, Int>) -> Self {
        Self(tile.permute([0, 3, 1, 2]).float())
    }
}

/// Tiles as the input of a convolution: f32 in 0..1, of the same shape.
pub(crate) fn prepare(tile: impl Into<PixelValues>) -> Tensor<4> {
    tile.into().0.div_scalar(255.0)
}
