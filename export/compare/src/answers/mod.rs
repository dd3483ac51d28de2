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
    /// Digests of the tiles that a file of another program holds; empty if it holds none.
    held: Vec<FileDigest>,
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

    /// Assigns its rows to the tiles of a comparison, by name; the first tile of a name to its first row, and so on.
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
        let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (row, tile) in self.tiles.iter().enumerate() {
            rows.entry(&tile.info.path).or_default().push(row);
        }
        let missing: Vec<&str> =
            tiles.iter().map(|tile| tile.path.as_str()).filter(|path| !rows.contains_key(path)).collect();
        if !missing.is_empty() {
            return Err(other(format!("it has no answer for {}", listed(&missing))));
        }
        let mut here: BTreeMap<&str, usize> = BTreeMap::new();
        let mut chosen = Vec::with_capacity(tiles.len());
        for tile in tiles {
            let repeat = here.entry(&tile.path).or_default();
            let all = rows.get(tile.path.as_str()).map_or(&[][..], Vec::as_slice);
            // A repeated tile has one answer.
            chosen.extend(all.get(*repeat).or(all.last()));
            *repeat += 1;
        }
        let more: Vec<&str> = rows.keys().copied().filter(|path| !here.contains_key(path)).collect();
        if !more.is_empty() {
            return Err(other(format!("it also has answers for {}", listed(&more))));
        }
        let differs = |(path, count): (&&str, &usize)| {
            let all = rows.get(*path).map_or(&[][..], Vec::as_slice);
            let digest = |row: &usize| self.tiles.get(*row).map(|tile| tile.digest);
            all.len() != *count && all.iter().any(|row| digest(row) != all.first().and_then(digest))
        };
        if let Some((path, count)) = here.iter().find(|(path, count)| differs((path, count))) {
            let saved = rows.get(*path).map_or(0, Vec::len);
            return Err(other(format!(
                "it has {saved} different tiles of the name {path}, and there are {count} here"
            )));
        }
        self.rows = chosen;
        Ok(())
    }

    /// True if the file itself holds the tiles.
    pub(crate) fn holds_tiles(&self) -> bool {
        !self.held.is_empty()
    }

    /// The digest of the pixels that tile `index` of the comparison had, if it is known.
    pub(crate) fn digest(&self, index: usize) -> Option<FileDigest> {
        let row = *self.rows.get(index)?;
        self.tiles.get(row).map(|tile| tile.digest).or_else(|| self.held.get(row).copied())
    }

    /// Refuses pixels that the answers were not given for. `digest` is that of tile `index` of the comparison.
    pub(crate) fn check_digest(&self, index: usize, digest: FileDigest) -> Result<()> {
        let Some(saved) = self.digest(index).filter(|saved| *saved != digest) else { return Ok(()) };
        let row = self.rows.get(index).copied().unwrap_or_default();
        let name = self.tiles.get(row).map_or_else(|| format!("in row {row}"), |tile| tile.info.path.clone());
        Err(CompareError::OtherTiles {
            path: self.path.clone(),
            reason: format!("the tile {name} had pixels with the digest {saved} there and has {digest} here"),
        })
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
