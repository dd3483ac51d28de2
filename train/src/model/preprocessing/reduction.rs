//! The reduction of tiles to a smaller side, as the first operation of a model that works on fewer pixels. An antialiased
//! linear resampling, as Pillow's and the crate `image`'s: a triangle as wide as two pixels of the result, its weights
//! normalised, pixels counted at their centres. Written as two products with constant matrices, so that validation, export
//! and runtime compute the same values. Loaders of training steps reduce tiles alike, but round the result to 8 bits. The
//! matrices are no part of saved weights.

use std::ops::RangeInclusive;

use burn::tensor::{Device, Tensor, TensorData};
use kiln_tile::SIDE;

use super::{PixelValues, prepare};

/// Sides in pixels at which a model may work.
const SIDES: RangeInclusive<usize> = 32..=SIDE as usize;

/// Brings whole tiles to a side of at most 256 pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reduction {
    side: usize,
}

impl Reduction {
    /// The reduction of whole tiles to `side`; 256 leaves them unchanged.
    pub(crate) fn new(side: usize) -> Self {
        Self { side }
    }

    /// Returns true for the side of a tile. By reference, because serde's `skip_serializing_if` takes one.
    pub(crate) fn keeps(side: &usize) -> bool {
        *side == SIDE as usize
    }

    /// The problem with the value `side` of `key`.
    pub(crate) fn problem(key: &str, side: usize) -> Option<String> {
        (!SIDES.contains(&side)).then(|| format!("{key}: {side} is not in {}..={}", SIDES.start(), SIDES.end()))
    }

    /// Pixel values of tiles, `[batch, 3, side, side]`.
    pub(crate) fn pixels(self, tile: impl Into<PixelValues>) -> PixelValues {
        let tile = tile.into();
        let whole = tile.whole();
        PixelValues::new(self.apply(tile.into_values(), whole), self.side)
    }

    /// Tiles as the input of a convolution: f32 in 0..1, `[batch, 3, side, side]`.
    pub(crate) fn prepared(self, tile: impl Into<PixelValues>) -> Tensor<4> {
        let tile = tile.into();
        let whole = tile.whole();
        self.apply(prepare(tile), whole)
    }

    /// As [`prepared`](Self::prepared), of every batch.
    pub(crate) fn prepared_batches<E>(
        self,
        batches: impl Iterator<Item = Result<PixelValues, E>>,
    ) -> impl Iterator<Item = Result<Tensor<4>, E>> {
        batches.map(move |batch| batch.map(|tiles| self.prepared(tiles)))
    }

    /// Images `[batch, channels, whole, whole]` as `[batch, channels, side, side]`. Windows of tiles become smaller by the same
    /// factor, so that structures have the size that they have in whole tiles.
    fn apply(self, image: Tensor<4>, whole: usize) -> Tensor<4> {
        if self.side == whole {
            return image;
        }
        let [_, _, height, width] = image.dims();
        let device = image.device();
        let reduced = |pixels: usize| (pixels * self.side / whole).max(1);
        let (rows, columns) = (Line::new(height, reduced(height)), Line::new(width, reduced(width)));
        rows.left(&device).matmul(image.matmul(columns.right(&device)))
    }
}

/// The resampling of one line of pixels.
struct Line {
    from: usize,
    to: usize,
    /// Share of each old pixel in each new one, `[to, from]`.
    shares: Vec<f32>,
}

impl Line {
    fn new(from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        let width = scale.max(1.0);
        let row = |at: usize| -> Vec<f32> {
            let centre = (at as f64 + 0.5) * scale;
            let triangle = |pixel: usize| (1.0 - ((pixel as f64 + 0.5 - centre) / width).abs()).max(0.0);
            let weights: Vec<f64> = (0..from).map(triangle).collect();
            let total: f64 = weights.iter().sum();
            weights.into_iter().map(|weight| (weight / total) as f32).collect()
        };
        Self { from, to, shares: (0..to).flat_map(row).collect() }
    }

    /// The matrix that an image is multiplied by from the left, `[1, 1, to, from]`.
    fn left(&self, device: &Device) -> Tensor<4> {
        Tensor::from_data(TensorData::new(self.shares.clone(), [1, 1, self.to, self.from]), device)
    }

    /// The matrix that an image is multiplied by from the right, `[1, 1, from, to]`.
    fn right(&self, device: &Device) -> Tensor<4> {
        let turned = |at: usize| self.shares[at % self.to * self.from + at / self.to];
        let values: Vec<f32> = (0..self.from * self.to).map(turned).collect();
        Tensor::from_data(TensorData::new(values, [1, 1, self.from, self.to]), device)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use image::RgbImage;
    use image::imageops::{FilterType, resize};
    use kiln_tile::TILE_BYTES;

    use super::*;
    use crate::model::tensors::{read, side_tensor, tile_tensor};

    /// Noise, with a bright half, so that both fine and coarse structure is reduced.
    fn noise() -> Vec<u8> {
        let pixel = |at: usize| {
            let noise = ((at as u64 + 1).wrapping_mul(2_654_435_761) >> 9) as u8;
            if at / 3 % 256 < 100 { noise / 2 } else { 128 + noise / 2 }
        };
        (0..TILE_BYTES).map(pixel).collect()
    }

    /// Reduced pixel values, `[side, side, 3]`.
    fn reduced(pixels: Vec<u8>, side: usize) -> Vec<f64> {
        let tile = tile_tensor(pixels, &Device::flex());
        let values = Reduction::new(side).pixels(tile).into_values();
        assert_eq!(values.dims(), [1, 3, side, side]);
        read(values.permute([0, 2, 3, 1]).into_data()).unwrap()
    }

    #[test]
    fn a_reduced_tile_is_what_image_resizes_it_to_but_for_rounding() {
        let tile = RgbImage::from_raw(SIDE, SIDE, noise()).unwrap();
        for side in [96_u32, 128, 200, 33] {
            let expected = resize(&tile, side, side, FilterType::Triangle).into_raw();
            let found = reduced(noise(), side as usize);
            let apart = found.iter().zip(&expected).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max);
            assert!(found.len() == expected.len() && apart < 0.51, "side {side}: {apart} levels apart");
        }
    }

    #[test]
    fn one_colour_stays_the_same_colour() {
        for side in [32, 96, 255] {
            let values = reduced([200, 1, 255].repeat(TILE_BYTES / 3), side);
            let wrong = |(at, value): (usize, &f64)| (value - [200.0_f64, 1.0, 255.0][at % 3]).abs() > 1e-3;
            assert!(!values.iter().enumerate().any(wrong), "side {side}");
        }
    }

    #[test]
    fn values_at_a_smaller_scale_are_enlarged() {
        let tile = side_tensor([200, 1, 255].repeat(64 * 64), 64, &Device::flex());
        let values = Reduction::new(96).pixels(PixelValues::of_tiles(tile, 64)).into_values();
        assert_eq!(values.dims(), [1, 3, 96, 96]);
        let values = read(values.permute([0, 2, 3, 1]).into_data()).unwrap();
        let wrong = |(at, value): (usize, &f64)| (value - [200.0_f64, 1.0, 255.0][at % 3]).abs() > 1e-3;
        assert!(!values.iter().enumerate().any(wrong));
    }

    #[test]
    fn the_side_of_a_tile_changes_no_pixel() {
        let values = reduced(noise(), 256);
        assert!(values.iter().zip(noise()).all(|(value, pixel)| *value == f64::from(pixel)));
    }

    #[test]
    fn a_window_is_reduced_as_its_tile_is_away_from_its_borders() {
        let tile = tile_tensor(noise(), &Device::flex());
        let reduction = Reduction::new(96);
        let whole = reduction.pixels(tile.clone()).into_values();
        // 64 pixels of a tile are 24 of the reduced one.
        let window = reduction.pixels(tile.narrow(1, 64, 128).narrow(2, 0, 128)).into_values();
        assert_eq!(window.dims(), [1, 3, 48, 48]);
        let inner = |values: Tensor<4>, top: usize, left: usize| {
            read(values.narrow(2, top, 40).narrow(3, left, 40).into_data()).unwrap()
        };
        let (expected, found) = (inner(whole, 24 + 4, 4), inner(window, 4, 4));
        assert!(expected.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-3));
    }

    #[test]
    fn a_tile_that_the_loader_reduced_is_not_reduced_again() {
        let pixels = noise()[..3 * 96 * 96].to_vec();
        let tile = side_tensor(pixels.clone(), 96, &Device::flex());
        let values = Reduction::new(96).pixels(PixelValues::of_tiles(tile, 96)).into_values();
        let values = read(values.permute([0, 2, 3, 1]).into_data()).unwrap();
        assert!(values.iter().zip(pixels).all(|(value, pixel)| *value == f64::from(pixel)));
    }

    #[test]
    fn sides_out_of_range_are_named() {
        assert_eq!(Reduction::problem("model.side", 32), None);
        assert_eq!(Reduction::problem("model.side", 256), None);
        for side in [0, 31, 257] {
            let problem = Reduction::problem("model.side", side);
            assert_eq!(problem, Some(format!("model.side: {side} is not in 32..=256")));
        }
    }
}
