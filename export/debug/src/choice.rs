//! Chooses the inputs of a comparison: named tiles, else a bundle's golden tiles, else the test split of a run, else
//! generated tiles.

use std::path::{Path, PathBuf};

use kiln_runtime::golden;
use kiln_tile::{Decoder, SizePolicy, Tile};
use kiln_train::data::{Dataset, Split, synth};

use crate::error::{DebugError, Result};
use crate::inputs::Inputs;
use crate::side::Opened;

/// The seed of generated tiles.
const SEED: u64 = 16;

/// The wished inputs.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Arrays by input name, in an `.npz` file.
    pub arrays: Option<PathBuf>,
    /// A data set; evenly spaced tiles of it are taken.
    pub data: Option<PathBuf>,
    /// Number of tiles.
    pub tiles: usize,
}

impl Choice {
    /// Reads the inputs for two opened sides.
    ///
    /// # Errors
    /// If a file cannot be read, or a data set has no tile.
    pub fn read(&self, opened: &Opened) -> Result<Inputs> {
        let most = self.tiles.max(1);
        if let Some(path) = &self.arrays {
            return Inputs::read(path);
        }
        if let Some(path) = &self.data {
            let dataset = Dataset::open(path).map_err(kiln_train::Error::from)?;
            let all: Vec<usize> = (0..dataset.len()).collect();
            return from_dataset(&dataset, &all, most, &decoder(opened), named(path));
        }
        if let Some(bundle) = &opened.bundle {
            return Inputs::from_golden(&golden::read(&bundle.golden_path()?)?, most);
        }
        if let Some(run) = &opened.run {
            let dataset = run.dataset(None)?;
            let test = run.indices(&dataset, Split::Test)?;
            return from_dataset(&dataset, &test, most, &run.decoder(), "test split".to_owned());
        }
        let tiles: Vec<Tile> = (0..most)
            .map(|number| synth::tile(SEED, number).map_err(kiln_train::Error::from))
            .collect::<std::result::Result<_, _>>()?;
        let pixels = tiles.iter().flat_map(Tile::pixels).copied().collect();
        let names = (0..most).map(|number| format!("generated {number}")).collect();
        Inputs::from_tiles(pixels, names, "generated tiles")
    }
}

/// The decoder of the graph's input.
fn decoder(opened: &Opened) -> Decoder {
    match (&opened.bundle, &opened.run) {
        (Some(bundle), _) => bundle.manifest.tile.decoder(),
        (None, Some(run)) => run.decoder(),
        (None, None) => Decoder::new(SizePolicy::Resize),
    }
}

/// Evenly spaced tiles of a list, by their paths.
fn from_dataset(dataset: &Dataset, from: &[usize], most: usize, decoder: &Decoder, origin: String) -> Result<Inputs> {
    if from.is_empty() {
        return Err(DebugError::Inputs { reason: format!("{origin}: there is no tile") });
    }
    let count = most.min(from.len());
    let chosen: Vec<usize> = (0..count).map(|at| from[at * from.len() / count]).collect();
    let mut pixels = Vec::new();
    let mut names = Vec::new();
    for index in chosen {
        let tile = dataset.tile(index, decoder).map_err(kiln_train::Error::from)?;
        pixels.extend_from_slice(tile.pixels());
        names.push(dataset.entries[index].path.to_string_lossy().into_owned());
    }
    Inputs::from_tiles(pixels, names, origin)
}

fn named(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
