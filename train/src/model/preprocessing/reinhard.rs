//! Reinhard's stain normalisation in tensor operations, so that it can be part of the exported graph. Follows
//! [`kiln_tile::stain::reinhard`] step by step, but does not round the result: a value that two machines round differently
//! would be a difference between burn and ONNX Runtime.

use burn::tensor::{Int, Tensor};
use kiln_tile::SIDE;
use kiln_tile::stain::matrix::Matrix;
use kiln_tile::stain::reinhard::{ColourSpace, GLASS, TISSUE};
use kiln_tile::stain::{ColourStatistics, LEAST_TISSUE, MOST_GAIN};

use super::PixelValues;

/// One channel, `[batch, 1, 256, 256]`; a figure of a tile is `[batch, 1, 1, 1]`.
type Plane = Tensor<4>;

/// Pixel values of tiles (u8, `[batch, 256, 256, 3]`) after they have been given the statistics of `target`.
pub(crate) fn reinhard(tile: Tensor<4, Int>, target: &ColourStatistics) -> PixelValues {
    let before = planes(&PixelValues::from(tile).into_values());
    let weight = weight(&before);
    let space = ColourSpace::lab();
    let light = before.clone().map(|plane| plane.add_scalar(1.0).div_scalar(256.0));
    let lab = through(&space.opponent, &through(&space.cones, &light).map(Tensor::log));
    let tissue = total(weight.clone());
    // Avoids a division by zero tissue; tiles with too little of it stay unchanged below.
    let over = tissue.clone().clamp_min(1.0);
    let mut axis = 0;
    let moved = lab.map(|values| {
        let (mean, deviation) = (target.mean[axis], target.deviation[axis]);
        axis += 1;
        let distance = values.clone() - total(values * weight.clone()) / over.clone();
        let variance = total(distance.clone() * distance.clone() * weight.clone()) / over.clone();
        // Zero spread times the largest gain is still zero.
        let gain = variance.sqrt().clamp_min(1e-6).recip().mul_scalar(deviation);
        (distance * gain.clamp(1.0 / MOST_GAIN, MOST_GAIN)).add_scalar(mean)
    });
    let light = through(&space.cones_back, &through(&space.opponent_back, &moved).map(Tensor::exp));
    let share = weight * tissue.greater_equal_elem(LEAST_TISSUE as f64).float();
    let after = light.map(|plane| plane.mul_scalar(256.0).sub_scalar(1.0).clamp(0.0, 255.0));
    let [red, green, blue] = before;
    let pairs = [red, green, blue].into_iter().zip(after);
    let values = pairs.map(|(before, after)| before.clone() + share.clone() * (after - before)).collect();
    PixelValues::new(Tensor::cat(values, 1), SIDE as usize)
}

fn planes(values: &Tensor<4>) -> [Plane; 3] {
    [0, 1, 2].map(|channel| values.clone().narrow(1, channel, 1))
}

/// Weight of each pixel as tissue, 0 to 1.
fn weight(planes: &[Plane; 3]) -> Plane {
    let [red, green, blue] = planes.clone();
    let sum = red + green + blue;
    sum.neg().add_scalar(GLASS).div_scalar(GLASS - TISSUE).clamp(0.0, 1.0)
}

/// A matrix times the three planes, as products of planes: for three channels this is faster than a matrix product, and an
/// 8-bit export does not take it for a layer.
fn through(matrix: &Matrix, [a, b, c]: &[Plane; 3]) -> [Plane; 3] {
    matrix.map(|row| a.clone().mul_scalar(row[0]) + b.clone().mul_scalar(row[1]) + c.clone().mul_scalar(row[2]))
}

/// Sum over a tile. Rows first, then their sums: one sum over 65,536 values loses four digits in single precision.
fn total(plane: Plane) -> Plane {
    plane.sum_dim(3).sum_dim(2)
}
