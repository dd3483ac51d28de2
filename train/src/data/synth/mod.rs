//! Synthetic tissue tiles, for a first run and for tests. They look like H&E at 20x: pink stroma with fibres, glands,
//! nuclei. `benign` and `anomalous` differ only in structure (size, crowding, shape and order of nuclei and glands);
//! their colours are equal, so a model that separates them uses structure. They are not medical data: nothing learnt on
//! them applies to a patient.
//!
//! Tile `2k` is benign and tile `2k + 1` anomalous. The two are rendered as a pair, with one slide and one stain, and then
//! mapped to one palette: both have the same number of pixels of every colour. A tile depends only on the seed and its
//! number, so a larger set begins with the smaller one.
//!
//! # Structure
//! Benign tissue has the scale of its glands: crypts of 45 to 100 micrometres (at half a micrometre per pixel), each with
//! an open lumen and one even row of nuclei, with stroma between them. A poorly differentiated carcinoma has lost that
//! order. The same amounts of white, blue and pink are in pieces of the size of a cell: crowded, uneven nuclei in sheets,
//! slits and small holes instead of lumina. With equal colours the variance of a tile is equal too, and more of it is
//! fine-grained in an anomalous tile. An autoencoder that was trained on benign tiles reconstructs the coarse part and
//! not the fine part, so its error depends on the class. The separation is not perfect: slides differ in contrast, tumours
//! leave islands of stroma, and glands vary in size.

pub(super) mod field;
mod gland;
mod nucleus;
mod palette;
mod render;
mod slide;
mod tissue;
mod tumour;
mod whole_slide;

use std::fs;
use std::path::{Path, PathBuf};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use kiln_files::publish;
use kiln_tile::{SIDE, Tile, TileError};

pub use whole_slide::{Lesion, LesionKind, WholeSlide, WholeSlideOptions};

use super::columns::FurtherColumns;
use super::dataset::Entry;
use super::{DataError, Dataset, Result, list};
use crate::parallel;

/// Tiles of one synthetic slide; half of them are anomalous.
pub const TILES_PER_SLIDE: usize = 12;
/// The labels, benign first.
pub const LABELS: [&str; 2] = ["benign", "anomalous"];
/// Largest number of tiles: about 15 GB.
const MAX_TILES: usize = 100_000;

/// Options of [`write`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynthOptions {
    /// Number of tiles; half of them are anomalous.
    pub tiles: usize,
    /// Seed of the tissue.
    pub seed: u64,
}

impl Default for SynthOptions {
    /// 400 tiles of 34 slides: enough for a small model, and rendered in seconds.
    fn default() -> Self {
        Self { tiles: 400, seed: 7 }
    }
}

/// Renders the tiles into `folder`: `benign/`, `anomalous/` and `tiles.csv` with the slide as group. The folder appears
/// whole or not at all. `progress` is called once for each tile, from any thread.
///
/// # Errors
/// A number of tiles out of range, a folder that exists already, or an error of the file system.
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
    parallel::try_map(options.tiles.div_ceil(2), |pair| -> Result<()> {
        let tiles = render::pair(options.seed, pair)?;
        for (entry, tile) in entries[2 * pair..].iter().zip(&tiles) {
            let path = staged.path().join(&entry.path);
            fs::write(&path, png(tile, &path)?).map_err(DataError::io(&path))?;
            progress();
        }
        Ok(())
    })?;
    list::write(&staged.path().join("tiles.csv"), &entries, None, &FurtherColumns::default())?;
    staged.publish(false).map_err(DataError::io(folder))?;
    Dataset::open(folder)
}

/// Tile `number` of the endless sequence of `seed`.
///
/// # Errors
/// None in practice: a pixel buffer of the wrong length.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), kiln_train::data::DataError> {
/// use kiln_train::data::synth;
///
/// // Even numbers are benign, odd ones anomalous; both have the same colours in other places.
/// let (benign, anomalous) = (synth::tile(7, 0)?, synth::tile(7, 1)?);
/// let sorted = |tile: &kiln_tile::Tile| {
///     let mut colours: Vec<&[u8]> = tile.pixels().chunks_exact(3).collect();
///     colours.sort_unstable();
///     colours.concat()
/// };
/// assert_eq!(sorted(&benign), sorted(&anomalous));
/// # Ok(())
/// # }
/// ```
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
        return Err(DataError::Exists { path: folder.to_owned() });
    }
    Ok(())
}

/// Encodes as PNG with fixed settings: the same pixels give the same file.
fn png(tile: &Tile, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub);
    encoder
        .write_image(tile.pixels(), SIDE, SIDE, ExtendedColorType::Rgb8)
        .map_err(|error| DataError::Tile { path: path.to_owned(), reason: TileError::Damaged(error.to_string()) })?;
    Ok(bytes)
}
