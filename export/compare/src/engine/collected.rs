//! Everything that is collected from the batches, in the order of the tiles.

use std::collections::BTreeMap;

use super::SideRows;
use super::worker::{BatchResult, OutputBatch, Shared};
use crate::Result;
use crate::answers::{AnswersWriter, SavedTile};
use crate::difference::OutputTally;

/// Everything that was collected from the batches.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) answered: Vec<usize>,
    pub(super) failed: Vec<(usize, String)>,
    pub(super) rows: Vec<SideRows>,
    /// By pair and output, in the order of their names.
    pub(super) tallies: Vec<BTreeMap<String, OutputTally>>,
}

impl Collected {
    /// Adds the next batch.
    pub(super) fn add(
        &mut self,
        batch: BatchResult,
        shared: &Shared<'_>,
        writers: &mut [Option<AnswersWriter>],
    ) -> Result<()> {
        let BatchResult { tiles, digests, failed, rows, saved, pairs, .. } = batch;
        for (all, rows) in self.rows.iter_mut().zip(rows) {
            if let Some(rows) = rows {
                all.append(rows);
            }
        }
        for (pair, (all, outputs)) in self.tallies.iter_mut().zip(pairs).enumerate() {
            for OutputBatch { name, shape, tiles: found, maps, problem } in outputs.into_iter().flatten() {
                let tally =
                    all.entry(name).or_insert_with_key(|name| OutputTally::new(name, shared.limits(pair, name)));
                if tally.problem.is_none() {
                    tally.problem = problem;
                }
                if !found.is_empty() {
                    tally.shape = shape;
                }
                tally.tiles.extend(tiles.iter().copied().zip(found));
                tally.maps.extend(tiles.iter().copied().zip(maps));
            }
        }
        for (writer, outputs) in writers.iter_mut().zip(saved) {
            if let (Some(writer), Some(outputs)) = (writer, outputs)
                && !tiles.is_empty()
            {
                let saved = tiles.iter().zip(&digests);
                let tile = |(tile, digest): (&usize, &kiln_files::FileDigest)| SavedTile {
                    info: shared.tiles.tiles[*tile].clone(),
                    digest: *digest,
                };
                writer.add(saved.map(tile).collect(), &outputs)?;
            }
        }
        self.answered.extend(tiles);
        self.failed.extend(failed);
        Ok(())
    }
}
