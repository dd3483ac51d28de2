//! The tiles to score, and the model to score them with.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use kiln_files::FileDigest;
use kiln_runtime::score::{self, Columns, Format};
use kiln_runtime::{Bundle, DecisionRule, Scorer};
use kiln_tile::{TILE_BYTES, Tile, TileSource};

use super::args::{Args, BatchSize};
use crate::output::Output;
use crate::verbs::shard::Part;

/// Time for which each batch size is tried.
const PROBE: Duration = Duration::from_millis(300);

/// Tiles of a trial.
const PROBED_TILES: usize = 8;

/// Bad tiles that stderr names at most, and tiles for which no progress is shown.
pub(super) const FEW_TILES: usize = 20;

/// Tiles and model of one run.
pub(super) struct Work<'a> {
    pub(super) args: &'a Args,
    pub(super) bundle: &'a Bundle,
    pub(super) rule: &'a DecisionRule,
    /// The tiles of this run: all, or those of a shard.
    pub(super) source: &'a dyn TileSource,
    /// The settings that the pixels of a tile depend on, beside its bytes.
    pub(super) settings: Vec<String>,
    pub(super) precision: &'a str,
    /// The file of the rows; `None` for stdout.
    pub(super) out: Option<PathBuf>,
    pub(super) columns: Columns,
    pub(super) format: Format,
}

impl Work<'_> {
    /// The batch size to score with.
    pub(super) fn batch<S: Scorer + Send>(&self, scorers: &mut [S], out: &Output) -> anyhow::Result<usize> {
        if let BatchSize::Tiles(batch) = self.args.batch {
            return Ok(batch);
        }
        let source = self.source;
        let decoded = (0..source.len()).filter_map(|index| source.read(index).tile.ok());
        let mut some: Vec<Tile> = decoded.take(PROBED_TILES).collect();
        if some.is_empty() {
            some.push(Tile::from_pixels(vec![127; TILE_BYTES]).context("a grey tile")?);
        }
        // No batch is larger than the list.
        let sizes: Vec<_> =
            score::PROBED_BATCHES.into_iter().filter(|size| *size == 1 || *size <= source.len()).collect();
        let probe = score::probe(scorers, &some, &sizes, PROBE)?;
        let tried: Vec<_> = probe.tried.iter().map(|(size, speed)| format!("{size}: {speed:.0}")).collect();
        out.note(format_args!("--batch auto: {} (tiles/s tried: {})", probe.batch, tried.join(", ")));
        Ok(probe.batch)
    }

    /// Writes the record of a part beside it.
    pub(super) fn record(&self, part: Part<'_>, digests: Vec<Option<FileDigest>>) -> kiln_runtime::Result<()> {
        let settings: Vec<_> = self.settings.iter().map(String::as_str).collect();
        part.record(self.out.as_ref(), self.bundle, &self.columns, (self.precision, &settings), digests)
    }
}
