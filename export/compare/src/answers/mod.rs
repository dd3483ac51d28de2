//! Answers that were saved, so that two machines can be compared: an `.npz` file with one f32 array for each output and
//! `answers.json`, the names and digests of the tiles and the facts of the side. NumPy reads it; an `.npz` of another
//! program, with arrays alone, is read too.

mod read;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;

use kiln_files::FileDigest;
use kiln_runtime::Outputs;
use ndarray::{ArrayD, Axis};
use serde::{Deserialize, Serialize};

use crate::facts::SideFacts;
use crate::tiles::{TileInfo, TileSet};
use crate::{CompareError, Result};

pub(crate) use write::AnswersWriter;

/// The name of the entry beside the arrays.
const RECORD: &str = "answers.json";

/// Version of the record.
const SCHEMA: u32 = 1;

/// Names of tiles that an error lists at most.
const NAMED: usize = 3;

/// One tile of saved answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTile {
    /// Name, label and group.
    #[serde(flatten)]
    pub info: TileInfo,
    /// The first 16 bytes of the BLAKE3 digest of the pixels that the model was given, `[256, 256, 3]`.
    pub digest: FileDigest,
}

/// The record beside the arrays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    schema: u32,
    side: SideFacts,
    source: String,
    tiles: Vec<SavedTile>,
}

/// Answers read from a file.
#[derive(Debug, Clone)]
pub struct SavedAnswers {
    /// The file.
    pub path: PathBuf,
    /// The side that gave them; `None` in a file of another program.
    pub facts: Option<SideFacts>,
    /// The origin of the tiles, in words.
    pub source: String,
    /// The tiles; empty in a file of another program, whose rows are then in the order of the tiles.
    pub tiles: Vec<SavedTile>,
    /// Every output, `[tiles, ...]`.
    pub outputs: Outputs,
    /// The row of each tile of a comparison.
    rows: Vec<usize>,
}

impl SavedAnswers {
    /// The tiles as a set without pixels; numbered if they have no names.
    #[must_use]
    pub fn tile_set(&self) -> TileSet {
        let named = self.tiles.iter().map(|tile| tile.info.clone());
        let numbered = (self.tiles.len()..self.outputs.batch).map(|row| TileInfo {
            path: format!("row {row}"),
            label: None,
            group: None,
        });
        TileSet::answered(self.source.clone(), named.chain(numbered).collect())
    }

    /// Assigns its rows to the tiles of a comparison, by name.
    ///
    /// # Errors
    /// [`CompareError::OtherTiles`] with the first names, if a tile is missing on either side.
    pub(crate) fn align(&mut self, tiles: &[TileInfo]) -> Result<()> {
        let other = |reason: String| CompareError::OtherTiles { path: self.path.clone(), reason };
        if self.tiles.is_empty() {
            if self.outputs.batch != tiles.len() {
                return Err(other(format!(
                    "it has {} rows without names, and there are {} tiles",
                    self.outputs.batch,
                    tiles.len()
                )));
            }
            self.rows = (0..tiles.len()).collect();
            return Ok(());
        }
        let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
        for (row, tile) in self.tiles.iter().enumerate() {
            if rows.insert(&tile.info.path, row).is_some() {
                return Err(other(format!("it has the tile {} twice", tile.info.path)));
            }
        }
        let missing: Vec<&str> =
            tiles.iter().map(|tile| tile.path.as_str()).filter(|path| !rows.contains_key(path)).collect();
        if !missing.is_empty() {
            return Err(other(format!("it has no answer for {}", listed(&missing))));
        }
        let here: std::collections::BTreeSet<&str> = tiles.iter().map(|tile| tile.path.as_str()).collect();
        let more: Vec<&str> = rows.keys().copied().filter(|path| !here.contains(path)).collect();
        if !more.is_empty() {
            return Err(other(format!("it also has answers for {}", listed(&more))));
        }
        let rows = tiles.iter().filter_map(|tile| rows.get(tile.path.as_str()).copied()).collect();
        self.rows = rows;
        Ok(())
    }

    /// Refuses pixels that the answers were not given for. `digest` is that of tile `index` of the comparison.
    pub(crate) fn check_digest(&self, index: usize, digest: FileDigest) -> Result<()> {
        let saved = self.rows.get(index).and_then(|row| self.tiles.get(*row));
        match saved {
            Some(tile) if tile.digest != digest => Err(CompareError::OtherTiles {
                path: self.path.clone(),
                reason: format!(
                    "the tile {} had pixels with the digest {} there and has {digest} here",
                    tile.info.path, tile.digest
                ),
            }),
            _ => Ok(()),
        }
    }

    /// The answers to these tiles of the comparison.
    pub(crate) fn rows(&self, tiles: &[usize]) -> Outputs {
        let rows: Vec<usize> = tiles.iter().filter_map(|tile| self.rows.get(*tile).copied()).collect();
        let take = |array: &ArrayD<f32>| array.select(Axis(0), &rows);
        let arrays = self.outputs.arrays.iter().map(|(name, array)| (name.clone(), take(array))).collect();
        Outputs { batch: rows.len(), arrays }
    }
}

/// The first names, and the number of all.
fn listed(names: &[&str]) -> String {
    let first = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len() {
        n if n > NAMED => format!("{first} and {} more tiles", n - NAMED),
        _ => first,
    }
}

#[cfg(test)]
mod tests;
