//! Tissue tiles drawn by code, for a first run, for tests and for machines without data. They look like H&E at 20x:
//! pink stroma with fibres, glands, nuclei. `benign` and `anomalous` differ in structure alone (size, crowding, shape
//! and order of nuclei and glands); colour is made equal, so that a model which tells them apart has seen structure.
//! Nothing learnt on them says anything about a patient.
//!
//! Tile `2k` is benign and tile `2k + 1` anomalous. The two are rendered as a pair, of one slide and one stain, and then
//! given one palette: both have the same number of pixels of every colour. A tile depends on the seed and its number
//! alone, so a larger set begins with the smaller one.
//!
//! # What structure tells
//! Benign tissue is built at the scale of its glands: crypts of 45 to 100 micrometres if a pixel is half of one, each
//! with an open lumen and one even row of nuclei, and quiet stroma between. A poorly differentiated carcinoma has lost
//! that order. The same amounts of white, blue and pink lie in pieces of the size of a cell: crowded, uneven nuclei in
//! sheets, slits and small holes in the place of lumina. With equal colours the variance of a tile is equal too, and
//! more of it is then fine-grained in an anomalous tile. An autoencoder that learnt from benign tiles rebuilds the
//! coarse part and not the fine, so its error says something of the class. It does not say all: slides differ in
//! contrast, tumours leave islands of stroma, and glands vary in size.

pub(super) mod field;
mod gland;
mod nucleus;
mod palette;
mod render;
mod slide;
mod tissue;
mod tumour;

use std::fs;
use std::path::{Path, PathBuf};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use kiln_files::publish;
use kiln_tile::{SIDE, Tile, TileError};
use rayon::prelude::*;

use super::dataset::Entry;
use super::{DataError, Dataset, Result, list};

/// Tiles of one made-up slide; half of them are anomalous.
pub const TILES_PER_SLIDE: usize = 12;
/// The labels, benign first.
pub const LABELS: [&str; 2] = ["benign", "anomalous"];
/// More than this is surely a slip: about 15 GB.
const MAX_TILES: usize = 100_000;

/// What to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynthOptions {
    /// How many tiles, half of them anomalous.
    pub tiles: usize,
    /// Another seed draws other tissue.
    pub seed: u64,
}

impl Default for SynthOptions {
    /// 400 tiles of 34 slides: enough for a small model, and drawn in seconds.
    fn default() -> Self {
        Self { tiles: 400, seed: 7 }
    }
}

/// Draws the tiles into `folder`: `benign/`, `anomalous/` and `tiles.csv` with the slide as group. The folder appears
/// whole or not at all. `progress` is called once a tile, from any thread.
///
/// # Errors
/// A number of tiles out of range, a folder that is there already, or what the file system said.
pub fn write(folder: &Path, options: &SynthOptions, progress: &(dyn Fn() + Sync)) -> Result<Dataset> {
    if !(2..=MAX_TILES).contains(&options.tiles) {
        let found = options.tiles.to_string();
        return Err(DataError::Option { key: "tiles", found, expected: "from 2 to 100000 tiles" });
    }
    refuse_existing(folder)?;
    let staged = publish::Staged::beside(folder).map_err(DataError::io(folder))?;
    for label in LABELS {
        let path = staged.path().join(label);
        fs::create_dir(&path).map_err(DataError::io(&path))?;
    }
    let entries: Vec<Entry> = (0..options.tiles).map(entry).collect();
    (0..options.tiles.div_ceil(2)).into_par_iter().try_for_each(|pair| {
        let tiles = render::pair(options.seed, pair)?;
        for (entry, tile) in entries[2 * pair..].iter().zip(&tiles) {
            let path = staged.path().join(&entry.path);
            fs::write(&path, png(tile, &path)?).map_err(DataError::io(&path))?;
            progress();
        }
        Ok(())
    })?;
    list::write(&staged.path().join("tiles.csv"), &entries, None)?;
    staged.publish(false).map_err(DataError::io(folder))?;
    Dataset::open(folder)
}

/// Tile `number` of the endless row that `seed` begins.
///
/// # Errors
/// None in practice: a pixel buffer of the wrong length.
pub fn tile(seed: u64, number: usize) -> Result<Tile> {
    let [benign, anomalous] = render::pair(seed, number / 2)?;
    Ok(if number.is_multiple_of(2) { benign } else { anomalous })
}

fn entry(number: usize) -> Entry {
    let label = LABELS[number % 2];
    let slide = format!("slide-{:03}", number / TILES_PER_SLIDE + 1);
    let path = PathBuf::from(label).join(format!("{slide}_tile-{number:05}.png"));
    Entry { path, label: label.to_owned(), group: Some(slide), split: None }
}

fn refuse_existing(folder: &Path) -> Result<()> {
    if folder.symlink_metadata().is_ok() {
        return Err(DataError::dataset(folder, "exists already; choose another folder, or remove it"));
    }
    Ok(())
}

/// PNG with fixed settings: the same pixels give the same file.
fn png(tile: &Tile, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub);
    encoder
        .write_image(tile.pixels(), SIDE, SIDE, ExtendedColorType::Rgb8)
        .map_err(|error| DataError::Tile { path: path.to_owned(), reason: TileError::Damaged(error.to_string()) })?;
    Ok(bytes)
}
