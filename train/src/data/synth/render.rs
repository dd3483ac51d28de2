//! Renders a pair of tiles of one slide, one of each class, in the same colours.

use kiln_tile::Tile;

use super::slide::Slide;
use super::{TILES_PER_SLIDE, gland, palette, tumour};
use crate::data::random::{between, stream};
use crate::data::{DataError, Result};

/// The benign and the anomalous tile of pair `number`.
pub(super) fn pair(seed: u64, number: usize) -> Result<[Tile; 2]> {
    let slide = Slide::new(seed, 2 * number / TILES_PER_SLIDE);
    let mut shared = stream(seed, b"pair    ", number as u64, 0);
    let thickness = between(&mut shared, 0.85, 1.15);
    let images = [0, 1].map(|class: u64| {
        let mut rng = stream(seed, b"tissue  ", number as u64, class);
        let tissue = if class == 0 { gland::benign(&mut rng) } else { tumour::anomalous(&mut rng) };
        slide.scan(&tissue, thickness, &mut rng)
    });
    let [benign, anomalous] = palette::shared(&images);
    Ok([tile(benign)?, tile(anomalous)?])
}

fn tile(pixels: Vec<u8>) -> Result<Tile> {
    Tile::from_pixels(pixels).map_err(|reason| DataError::Tile { path: "synthetic".into(), reason })
}
