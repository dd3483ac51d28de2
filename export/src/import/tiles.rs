//! Tiles on which a model is verified: the user's, or generated ones.

use std::path::{Path, PathBuf};

use kiln_tile::{Decoder, SizePolicy, Tile};
use kiln_train::data::{Dataset, dataset_digest, synth, tile_digests};

use crate::Result;

/// Tiles on which the graph is proven at every batch size: a multiple of 1, 3 and 8.
pub(super) const PROVEN: usize = 24;

/// Seed of generated tiles.
const SEED: u64 = 16;

/// Tiles in order.
#[derive(Debug, Clone)]
pub(super) struct TileSet {
    /// The tiles.
    pub(super) tiles: Vec<Tile>,
    /// Name of each.
    pub(super) names: Vec<String>,
    /// Origin in words, for the manifest.
    pub(super) origin: String,
}

/// A data set of the user's.
#[derive(Debug, Clone)]
pub(super) struct Data {
    /// Its tiles and labels.
    pub(super) dataset: Dataset,
    /// Decodes them.
    pub(super) decoder: Decoder,
}

impl Data {
    /// Opens a data set; reads names, not pixels.
    pub(super) fn open(path: &Path, policy: SizePolicy) -> Result<Self> {
        let dataset = Dataset::open(path).map_err(kiln_train::Error::from)?;
        Ok(Self { dataset, decoder: Decoder::new(policy) })
    }

    /// One tile.
    pub(super) fn tile(&self, index: usize) -> Result<Tile> {
        Ok(self.dataset.tile(index, &self.decoder).map_err(kiln_train::Error::from)?)
    }

    /// Digest of labels, groups and tiles.
    pub(super) fn sha256(&self) -> Result<String> {
        let digests = tile_digests(&self.dataset, &self.decoder).map_err(kiln_train::Error::from)?;
        Ok(dataset_digest(&self.dataset, &digests))
    }

    /// At most `count` tiles, evenly spaced.
    pub(super) fn some(&self, count: usize) -> Vec<usize> {
        let all = self.dataset.len();
        let stride = all.div_ceil(count.max(1)).max(1);
        (0..all).step_by(stride).take(count).collect()
    }
}

impl TileSet {
    /// Generated tissue, half of it anomalous.
    pub(super) fn generated() -> Result<Self> {
        let tiles: std::result::Result<Vec<Tile>, _> = (0..PROVEN).map(|number| synth::tile(SEED, number)).collect();
        let tiles = tiles.map_err(kiln_train::Error::from)?;
        let names = (0..PROVEN).map(|number| format!("generated tile {number}")).collect();
        Ok(Self { tiles, names, origin: format!("{PROVEN} generated tiles") })
    }

    /// Tiles of a data set.
    pub(super) fn from_data(data: &Data) -> Result<Self> {
        let chosen = data.some(PROVEN);
        let tiles = chosen.iter().map(|index| data.tile(*index)).collect::<Result<Vec<_>>>()?;
        let name = |index: &usize| data.dataset.entries[*index].path.display().to_string();
        let names = chosen.iter().map(name).collect();
        let origin = format!("{} tiles of the data set", tiles.len());
        Ok(Self { tiles, names, origin })
    }

    /// The same tiles and, if there are fewer than [`PROVEN`], generated ones after them: the largest batch of the proof
    /// needs eight.
    pub(super) fn filled(mut self) -> Result<Self> {
        let own = self.tiles.len();
        if own < PROVEN {
            let more = Self::generated()?;
            self.tiles.extend(more.tiles.into_iter().take(PROVEN - own));
            self.names.extend(more.names.into_iter().take(PROVEN - own));
            self.origin = format!("{} and {} generated ones", self.origin, PROVEN - own);
        }
        Ok(self)
    }

    /// The first tiles, at most `count`.
    pub(super) fn first(&self, count: usize) -> &[Tile] {
        &self.tiles[..count.min(self.tiles.len())]
    }
}

/// Reads tiles by path, relative to `root`.
pub(super) fn read_files(root: &Path, paths: &[String], policy: SizePolicy) -> Result<Vec<Tile>> {
    let decoder = Decoder::new(policy);
    let read = |path: &String| {
        let file: PathBuf = root.join(path);
        decoder.decode_file(&file).map_err(|reason| {
            kiln_train::Error::from(kiln_train::data::DataError::Tile { path: file.clone(), reason }).into()
        })
    };
    paths.iter().map(read).collect()
}
