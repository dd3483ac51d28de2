//! The promises of the data module, one file each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod augmentation;
mod inspection;
mod leaks;
mod list;
mod loader;
mod split;
mod synth;
#[path = "../../../runtime/tile/tests/encode/tiff.rs"]
mod tiff;

use std::fs;
use std::path::Path;

use kiln_tile::{SIDE, TILE_BYTES, Tile};
use kiln_train::data::{Dataset, Entry};

/// A tile that `number` alone decides; neighbours differ everywhere.
pub(crate) fn tile(number: u32) -> Tile {
    let value = |at: usize| (at as u32).wrapping_mul(2_654_435_761).wrapping_add(number.wrapping_mul(40_503)) >> 16;
    Tile::from_pixels((0..TILE_BYTES).map(|at| value(at) as u8).collect()).unwrap()
}

/// Writes a tile in the format that the name ends in.
pub(crate) fn save(tile: &Tile, path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = image::RgbImage::from_raw(SIDE, SIDE, tile.pixels().to_vec()).unwrap();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("tiff") => fs::write(path, tiff::tiff(&image)).unwrap(),
        _ => image.save(path).unwrap(),
    }
}

/// A data set whose files need not be there.
pub(crate) fn imagined(tiles: &[(&str, &str, Option<&str>)]) -> Dataset {
    let entry = |(path, label, group): &(&str, &str, Option<&str>)| Entry {
        path: path.into(),
        label: (*label).to_owned(),
        group: group.map(str::to_owned),
        split: None,
    };
    Dataset::from_files("imagined".into(), tiles.iter().map(entry).collect(), None)
}
