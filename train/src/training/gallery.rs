//! The source of a run's pictures: its model and its scored test tiles.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use kiln_tile::{SIDE, TILE_BYTES, Tile};

use super::evaluation::ScoredTile;
use super::loaders::training_loader;
use super::prepared::learnt;
use super::run::Run;
use super::truth::with_truth;
use crate::data::{Dataset, Split};
use crate::metrics::{Metrics, Scored};
use crate::model::Zoo;
use crate::model::tensors::{read, tile_tensor};
use crate::picture::{EpochRecord, Reconstruction, SheetTile, TrainingTile, choose_tiles};
use crate::{Error, Result};

/// Tiles on a sheet.
pub(super) const SHEET_TILES: usize = 24;
/// Rows of the reconstruction sheet.
const RECONSTRUCTIONS: usize = 6;

/// A run with its scores: the source of its pictures.
pub(super) struct Gallery<'a> {
    pub(super) run: &'a Run,
    pub(super) dataset: &'a Arc<Dataset>,
    pub(super) zoo: &'a Zoo,
    pub(super) device: &'a Device,
    pub(super) test: &'a [ScoredTile],
    /// Scores by colour, if the training tiles are of both classes.
    pub(super) baseline: Option<&'a [Scored]>,
    pub(super) metrics: &'a Metrics,
    pub(super) history: &'a [EpochRecord],
}

impl Gallery<'_> {
    /// The scores of the test tiles with their truth.
    pub(super) fn scored(&self) -> Vec<Scored> {
        with_truth(self.dataset, &self.run.facts.classes, self.test)
    }

    /// The first tiles of the first epoch in the variations of its steps, at 256x256; none for a model that learns from features.
    pub(super) fn training_tiles(&self) -> Result<Vec<TrainingTile>> {
        let (run, zoo) = (self.run, self.zoo);
        if run.config.model.settings().learns_from_features() {
            return Ok(Vec::new());
        }
        let classes = &run.facts.classes;
        let tiles = run.indices(self.dataset, Split::Train)?;
        let tiles = learnt(self.dataset, tiles, classes, zoo.learns_from_normal_only());
        let side = SIDE as usize;
        let loader = training_loader(&run.config, self.dataset, tiles, classes, run.tile_pipeline(), side)?;
        let mut shown = Vec::new();
        for batch in loader.epoch(0, 0) {
            let batch = batch?;
            let pixels = batch.pixels.chunks_exact(TILE_BYTES);
            for ((index, class), pixels) in batch.indices.iter().zip(&batch.labels).zip(pixels) {
                let (entry, label) = (&self.dataset.entries[*index], classes.names[*class].clone());
                let (made_up, name) = (entry.label != label, entry.path.display().to_string());
                shown.push(TrainingTile { tile: tile_of(pixels.to_vec())?, label, made_up, name });
                if shown.len() == SHEET_TILES {
                    return Ok(shown);
                }
            }
        }
        Ok(shown)
    }

    /// Test tiles for the sheet of scores.
    pub(super) fn sheet(&self, scored: &[Scored]) -> Result<Vec<SheetTile>> {
        let chosen = choose_tiles(scored, self.metrics.threshold, SHEET_TILES);
        let shown = chosen.into_iter().map(|at| {
            let tile = &self.test[at];
            Ok(SheetTile {
                tile: self.decode(tile.index)?,
                name: self.dataset.entries[tile.index].path.display().to_string(),
                score: tile.score,
                anomalous: scored[at].anomalous,
            })
        });
        shown.collect()
    }

    /// Normal and anomalous tiles in turn with their reconstructions; none if the model does not rebuild tiles.
    pub(super) fn reconstructions(&self) -> Result<Vec<Reconstruction>> {
        let classes = &self.run.facts.classes;
        let of = |anomalous| self.test.iter().filter(move |tile| classes.is_anomalous(tile.class) == anomalous);
        let pairs = of(false).zip(of(true)).flat_map(|(normal, anomalous)| [normal, anomalous]);
        let mut rows = Vec::new();
        for scored in pairs.take(RECONSTRUCTIONS) {
            let tile = self.decode(scored.index)?;
            let input = tile_tensor(tile.pixels().to_vec(), self.device);
            let scores = self.zoo.score(input, classes.normal);
            let (Some(rebuilt), Some(errors)) = (scores.reconstruction, scores.error_map) else {
                return Ok(Vec::new());
            };
            rows.push(Reconstruction {
                reconstruction: to_tile(&read(rebuilt.into_data())?)?,
                error_map: read(errors.into_data())?.into_iter().map(|value| value as f32).collect(),
                caption: format!(
                    "{}, score {:.4}, {}",
                    self.dataset.entries[scored.index].path.display(),
                    scored.score,
                    if classes.is_anomalous(scored.class) { "anomalous" } else { "normal" }
                ),
                tile,
            });
        }
        Ok(rows)
    }

    /// A tile as input of the model.
    pub(super) fn decode(&self, index: usize) -> Result<Tile> {
        let tile = self.dataset.tile(index, &self.run.tile_pipeline().for_model());
        tile.map_err(|error| Error::run(self.run.layout.root(), error.to_string()))
    }
}

/// Values in 0..1, `[256, 256, 3]`, as pixels.
fn to_tile(values: &[f64]) -> Result<Tile> {
    debug_assert_eq!(values.len(), (SIDE * SIDE * 3) as usize);
    let pixels = values.iter().map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    tile_of(pixels)
}

fn tile_of(pixels: Vec<u8>) -> Result<Tile> {
    Tile::from_pixels(pixels).map_err(|error| Error::run(Path::new("picture of a tile"), error.to_string()))
}
