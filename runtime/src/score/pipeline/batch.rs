//! Batches: neighbouring rows whose tiles are scored in one run.

use std::mem::take;

use kiln_files::FileDigest;
use kiln_tile::{SlideTile, TILE_BYTES, Tile, TileRead, TileSource};

use crate::decision::{DecisionRule, PROBABILITIES, SCORE};
use crate::score::ScoreRow;
use crate::scorer::{Scorer, run_padded};
use crate::session::Outputs;
use crate::{Error, Result};

/// Most rows of a batch: a million bad tiles behind one good one must not pile up.
const MAX_ROWS: usize = 1024;

/// A row without its score.
pub(super) struct Unscored {
    name: String,
    slide_tile: Option<SlideTile>,
    digest: Option<FileDigest>,
    /// The tile, or the status of a row without one.
    tile: Result<Tile, String>,
}

impl Unscored {
    /// Reads a tile and its name.
    pub(super) fn read(source: &(impl TileSource + ?Sized), index: usize) -> Self {
        let TileRead { digest, tile } = source.read(index);
        Self { name: source.name(index).into_owned(), slide_tile: source.slide_tile(index), digest, tile }
    }
}

/// Rows in order, some of them with tiles.
#[derive(Default)]
pub(super) struct Batch {
    rows: Vec<Unscored>,
    tiles: usize,
}

impl Batch {
    pub(super) fn push(&mut self, row: Unscored) {
        self.tiles += usize::from(row.tile.is_ok());
        self.rows.push(row);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// True if there is something to score.
    pub(super) fn has_tiles(&self) -> bool {
        self.tiles > 0
    }

    /// True if it takes no more rows: `size` tiles, or too many rows.
    pub(super) fn is_full(&self, size: usize) -> bool {
        self.tiles >= size || self.rows.len() >= MAX_ROWS
    }

    /// The rows of a batch without tiles.
    pub(super) fn into_failed(self) -> Vec<ScoreRow> {
        let row = |Unscored { name, slide_tile, digest, tile }| {
            let status = tile.err().unwrap_or_default();
            ScoreRow { tile: slide_tile, digest, ..ScoreRow::failed(name, &status) }
        };
        self.rows.into_iter().map(row).collect()
    }

    /// Scores the tiles. `pixels` is a buffer that is used again for each batch.
    pub(super) fn score(
        self,
        scorer: &mut impl Scorer,
        rule: &DecisionRule,
        pixels: &mut Vec<u8>,
    ) -> Result<Vec<ScoreRow>> {
        pixels.clear();
        pixels.reserve(self.tiles * TILE_BYTES);
        self.rows.iter().flat_map(|row| &row.tile).for_each(|tile| pixels.extend_from_slice(tile.pixels()));
        let outputs = run_padded(scorer, pixels, self.tiles).map_err(|error| self.named(error))?;
        let mut scores = Scores::new(&outputs, rule.classes().len())?;
        let row = |Unscored { name, slide_tile, digest, tile }| {
            let row = match tile {
                Ok(_) => {
                    let (score, probabilities) = scores.next();
                    ScoreRow::scored(name, score, probabilities, rule)
                }
                Err(status) => ScoreRow::failed(name, &status),
            };
            ScoreRow { tile: slide_tile, digest, ..row }
        };
        Ok(self.rows.into_iter().map(row).collect())
    }

    /// The error with the tiles that it is about.
    fn named(&self, error: Error) -> Error {
        let first = self.rows.iter().find(|row| row.tile.is_ok()).map(|row| row.name.clone()).unwrap_or_default();
        Error::Batch { first, tiles: self.tiles, source: Box::new(error) }
    }

    /// Leaves an empty batch.
    pub(super) fn take(&mut self) -> Self {
        take(self)
    }
}

/// The scores of a batch, one tile after another.
struct Scores {
    scores: std::vec::IntoIter<f32>,
    probabilities: std::vec::IntoIter<f32>,
    classes: usize,
}

impl Scores {
    fn new(outputs: &Outputs, classes: usize) -> Result<Self> {
        let values = |name: &str, shape: &[usize]| match outputs.arrays.get(name) {
            Some(array) if array.shape() == shape => Ok(array.iter().copied().collect::<Vec<f32>>()),
            found => {
                let found = found.map_or("missing".to_owned(), |array| format!("of shape {:?}", array.shape()));
                Err(Error::Graph {
                    model: "the graph".to_owned(),
                    reason: format!("output `{name}` is {found}, expected {shape:?}"),
                })
            }
        };
        let scores = values(SCORE, &[outputs.batch])?.into_iter();
        let probabilities =
            if classes > 0 { values(PROBABILITIES, &[outputs.batch, classes])? } else { Vec::new() }.into_iter();
        Ok(Self { scores, probabilities, classes })
    }

    fn next(&mut self) -> (f32, Vec<f32>) {
        let probabilities = self.probabilities.by_ref().take(self.classes).collect();
        (self.scores.next().unwrap_or(f32::NAN), probabilities)
    }
}
