//! Maps at another size.

use burn::tensor::Tensor;
use burn::tensor::module::{adaptive_avg_pool2d, interpolate};
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use kiln_tile::SIDE;

/// Maps brought to `side`: means over areas, or values repeated.
pub(crate) fn resized(maps: Tensor<4>, side: usize) -> Tensor<4> {
    let [_, _, height, _] = maps.dims();
    if height == side {
        return maps;
    }
    if height > side {
        return adaptive_avg_pool2d(maps, [side, side]);
    }
    let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([side, side]);
    interpolate(maps, options.with_align_corners(false))
}

/// Maps `[batch, 1, side, side]` at the size of a tile, `[batch, 256, 256]`, bilinearly.
pub(crate) fn enlarged(map: Tensor<4>) -> Tensor<3> {
    let side = SIDE as usize;
    let options =
        InterpolateOptions::new(InterpolateMode::Bilinear).with_output_size([side, side]).with_align_corners(false);
    interpolate(map, options).squeeze_dim(1)
}
