//! Operations of the exported graph between a decoded tile and a model's first layer.

mod pixel_values;
mod reduction;
mod reinhard;

use burn::tensor::{Int, Tensor};
use kiln_tile::stain::{ColourStatistics, StainNormaliser};

pub use pixel_values::PixelValues;
pub(crate) use pixel_values::prepare;
pub(crate) use reduction::Reduction;
use reinhard::reinhard;

/// Stain normalisation inside the graph, or nothing. All scoring through burn begins with it, so that thresholds and
/// figures are those of the exported graph.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Preprocessing {
    target: Option<ColourStatistics>,
}

impl Preprocessing {
    /// The preprocessing of a run with this normalisation. Methods that the runtime applies leave nothing for the graph.
    #[must_use]
    pub fn new(stain: Option<&StainNormaliser>) -> Self {
        let target = match stain {
            Some(StainNormaliser::Reinhard(target)) => Some(*target),
            Some(StainNormaliser::Macenko(_) | StainNormaliser::Vahadane(_)) | None => None,
        };
        Self { target }
    }

    /// The model's input, from the graph's input (u8, `[batch, 256, 256, 3]`).
    #[must_use]
    pub fn apply(&self, tile: Tensor<4, Int>) -> PixelValues {
        match &self.target {
            Some(target) => reinhard(tile, target),
            None => tile.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use burn::tensor::Device;
    use kiln_tile::stain::StainMethod;
    use kiln_tile::{TILE_BYTES, Tile};

    use super::*;
    use crate::model::tensors::{read, tile_tensor};

    /// Purple specks in pink, with glass beside; `pale` from 0 to 1.
    fn tile(pale: f64, glass: usize) -> Tile {
        let pixel = |at: usize| {
            let (x, y) = (at % 256, at / 256);
            let colour = match () {
                () if x >= 256 - glass => [255.0, 254.0, 255.0],
                () if (x / 9 + y / 7).is_multiple_of(4) => [95.0, 60.0, 140.0],
                () => [215.0, 150.0, 195.0],
            };
            let grain = f64::from(((x * 31 + y * 17) % 23) as u8) - 11.0;
            colour.map(|value: f64| (value + pale * (245.0 - value) + grain).clamp(0.0, 255.0) as u8)
        };
        Tile::from_pixels((0..TILE_BYTES / 3).flat_map(pixel).collect()).unwrap()
    }

    #[test]
    fn the_graphs_pixel_values_are_those_of_training_but_for_rounding() {
        let target = StainNormaliser::fit(StainMethod::Reinhard, &[tile(0.0, 30)]).unwrap();
        let blank = Tile::from_pixels(vec![250; TILE_BYTES]).unwrap();
        let black = Tile::from_pixels(vec![0; TILE_BYTES]).unwrap();
        let tiles = [tile(0.0, 30), tile(0.4, 30), tile(0.3, 0), tile(0.2, 200), blank.clone(), black];
        let pixels: Vec<u8> = tiles.iter().flat_map(|tile| tile.pixels().to_vec()).collect();
        let levels = Preprocessing::new(Some(&target))
            .apply(tile_tensor(pixels, &Device::flex()))
            .into_values()
            .permute([0, 2, 3, 1]);
        let levels = read(levels.into_data()).unwrap();
        for (number, (tile, levels)) in tiles.iter().zip(levels.chunks_exact(TILE_BYTES)).enumerate() {
            let rounded = target.apply(tile.clone());
            let worst = levels.iter().zip(rounded.pixels()).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max);
            assert!(worst < 0.51, "tile {number}: {worst} levels apart");
        }
        assert_eq!(target.apply(blank.clone()), blank);
        assert_ne!(target.apply(tiles[1].clone()), tiles[1]);
    }

    #[test]
    fn methods_of_the_runtime_are_not_part_of_the_graph() {
        let target = StainNormaliser::fit(StainMethod::Macenko, &[tile(0.0, 30)]).unwrap();
        assert_eq!(Preprocessing::new(Some(&target)), Preprocessing::default());
        assert_eq!(Preprocessing::new(None), Preprocessing::default());
        let pixels = tile(0.5, 10).into_pixels();
        let levels = Preprocessing::default()
            .apply(tile_tensor(pixels.clone(), &Device::flex()))
            .into_values()
            .permute([0, 2, 3, 1]);
        let same = read(levels.into_data()).unwrap();
        assert!(same.iter().zip(&pixels).all(|(level, pixel)| *level == f64::from(*pixel)));
    }
}
