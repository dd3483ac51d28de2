//! The pictures and the report that a run leaves for people, and the same report again with what came later: parity
//! and latency of the bundle.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use kiln_tile::{SIDE, TILE_BYTES, Tile};

use super::evaluation::{ScoredTile, read, score_tiles, tile_tensor};
use super::prepared::learnt;
use super::run::{Run, training_loader};
use super::{finish, insights};
use crate::config::StoppingMetric;
use crate::data::{Dataset, Split};
use crate::metrics::{Metrics, Scored};
use crate::model::Zoo;
use crate::picture::{
    EpochRecord, Picture, Reconstruction, SheetTile, TrainingTile, choose_tiles, loss_curves, reconstruction_sheet,
    roc_and_pr, score_sheet, training_sheet,
};
use crate::report::{Figure, Latency, Parity, Report};
use crate::{Config, Error, Result};

/// Tiles on a sheet.
const SHEET_TILES: usize = 24;
/// Rows of the reconstruction sheet.
const RECONSTRUCTIONS: usize = 6;

/// What the pictures of a run show.
pub(crate) struct Gallery<'a> {
    pub(crate) run: &'a Run,
    pub(crate) dataset: &'a Arc<Dataset>,
    pub(crate) zoo: &'a Zoo,
    pub(crate) device: &'a Device,
    pub(crate) test: &'a [ScoredTile],
    /// Scores by colour, where the training tiles have both classes.
    pub(crate) baseline: Option<&'a [Scored]>,
    pub(crate) metrics: &'a Metrics,
    pub(crate) history: &'a [EpochRecord],
}

/// A picture's file name, and the picture with its words.
pub(super) type Named = (&'static str, Figure);

impl Gallery<'_> {
    /// Draws all pictures.
    pub(crate) fn figures(&self) -> Result<Vec<Named>> {
        let mut figures = Vec::new();
        if let Ok(picture) = loss_curves(self.history, self.run.facts.best_epoch) {
            figures.push(("loss.png", loss_figure(picture, &self.run.config)));
        }
        let shown = self.training_tiles()?;
        if !shown.is_empty() {
            figures.push(("training_tiles.png", training_figure(training_sheet(&shown)?, &self.run.config)));
        }
        let scored = self.scored();
        let ranking = roc_and_pr(&scored, self.baseline, self.metrics)?;
        figures.push(("roc_pr.png", ranking_figure(ranking)));
        figures.push(("scores.png", sheet_figure(score_sheet(&self.sheet(&scored)?, self.metrics.threshold)?)));
        let rows = self.reconstructions()?;
        if !rows.is_empty() {
            figures.push(("reconstructions.png", reconstruction_figure(reconstruction_sheet(&rows)?)));
        }
        figures.extend(insights::figures(self)?);
        Ok(figures)
    }

    /// The report over `figures`.
    pub(crate) fn report(&self, figures: Vec<Named>) -> Result<Report> {
        let (run, facts) = (self.run, &self.run.facts);
        let data = facts.data.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let fact = |name: &str, value: String| (name.to_owned(), value);
        let stain = facts.stain_normalisation.map(|stain| {
            fact(
                "Stain normalisation",
                format!("{}, fitted on training tiles; tiles are shown after it", stain.method()),
            )
        });
        Ok(Report {
            title: format!("{} on {data}", run.config.name),
            summary: format!(
                "A {} with {} weights, trained for {} epochs and measured on {} tiles that no decision was made on. For \
                 research; not for diagnosis.",
                run.config.model.kind(),
                facts.parameters,
                facts.epochs,
                self.metrics.n
            ),
            facts: [
                fact("Normal classes", facts.classes.normal_names().join(", ")),
                fact("Anomalous classes", facts.classes.names[facts.classes.normal..].join(", ")),
                fact("Kept epoch", facts.best_epoch.to_string()),
                fact(
                    "Threshold",
                    format!(
                        "{:.6}, by {} on the {}",
                        facts.threshold.value, facts.threshold.rule, facts.threshold.chosen_on
                    ),
                ),
                fact("Seed", run.config.training.seed.to_string()),
                fact("Data SHA-256", facts.data_sha256.clone()),
                fact("Weights SHA-256", facts.weights_sha256.clone()),
                fact("Versions", format!("Kiln {}, burn {}", facts.kiln, facts.burn)),
            ]
            .into_iter()
            .chain(stain)
            .collect(),
            metrics: Some(self.metrics.clone()),
            figures: figures.into_iter().map(|(_, figure)| figure).collect(),
            parity: None,
            latency: None,
            config: Some(run.config.to_yaml()?),
        })
    }

    pub(super) fn scored(&self) -> Vec<Scored> {
        finish::with_truth(self.dataset, &self.run.facts.classes, self.test)
    }

    /// The first tiles of the first epoch, as its steps got them. None of a model that learns from features of tiles.
    fn training_tiles(&self) -> Result<Vec<TrainingTile>> {
        let (run, zoo) = (self.run, self.zoo);
        if zoo.frozen().is_some() || matches!(zoo, Zoo::MemoryBank(_)) {
            return Ok(Vec::new());
        }
        let classes = &run.facts.classes;
        let tiles = run.indices(self.dataset, Split::Train)?;
        let tiles = learnt(self.dataset, tiles, classes, zoo.learns_from_normal_only());
        let loader = training_loader(&run.config, self.dataset, tiles, classes, run.intake())?;
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

    fn sheet(&self, scored: &[Scored]) -> Result<Vec<SheetTile>> {
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

    /// Normal and anomalous tiles in turn, where the model rebuilds them.
    fn reconstructions(&self) -> Result<Vec<Reconstruction>> {
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

    /// A tile as the model sees it, to be shown and to be looked into.
    pub(super) fn decode(&self, index: usize) -> Result<Tile> {
        let path = self.dataset.full_path(index);
        self.run
            .intake()
            .for_model()
            .decode_file(&path)
            .map_err(|error| Error::run(self.run.layout.root(), format!("tile {}: {error}", path.display())))
    }
}

/// The report of a complete run, drawn anew, with what is known of its bundle. `moved` is where the data set lies now,
/// if it is no longer where it was.
///
/// # Errors
/// If the run or its data cannot be read.
pub fn report(run: &Run, moved: Option<&Path>, parity: Option<Parity>, latency: Option<Latency>) -> Result<Report> {
    let device = Device::flex();
    let (zoo, dataset) = (run.model(&device)?, run.dataset(moved)?);
    let classes = &run.facts.classes;
    let batch = run.config.training.batch;
    let loader = |split| run.raw_loader(&dataset, run.indices(&dataset, split)?, batch);
    let tested = run.loader(&dataset, run.indices(&dataset, Split::Test)?, batch)?;
    let test = score_tiles(&zoo, run.front(), classes, &tested, &device)?;
    let (baseline, _) = finish::colour_scores(&dataset, classes, &loader(Split::Train)?, &loader(Split::Test)?, &test)?;
    let metrics: Metrics = serde_json::from_value(run.metrics()?)
        .map_err(|error| Error::run(run.layout.root(), format!("metrics.json: {error}")))?;
    let history = run.history()?;
    let gallery = Gallery {
        run,
        dataset: &dataset,
        zoo: &zoo,
        device: &device,
        test: &test,
        baseline: baseline.as_deref(),
        metrics: &metrics,
        history: &history,
    };
    let report = gallery.report(gallery.figures()?)?;
    Ok(Report { parity, latency, ..report })
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

fn training_figure(picture: Picture, config: &Config) -> Figure {
    let window = match config.training.crop {
        Some(side) => {
            let step = if config.model.classifier_epochs() > 0 { "A step of the first stage" } else { "A step" };
            format!(" {step} takes a random window of {side} x {side} pixels of each.")
        }
        None => String::new(),
    };
    Figure {
        title: "What the training saw".to_owned(),
        alternative: "The first tiles of the training after augmentation, each with its label".to_owned(),
        caption: format!(
            "The first {SHEET_TILES} tiles of the first epoch, after stain normalisation, synthesis and augmentation. If \
             you would not know their class yourself, the augmentation is too strong.{window}"
        ),
        picture,
    }
}

fn loss_figure(picture: Picture, config: &Config) -> Figure {
    let metric = match config.training.best {
        StoppingMetric::ValLoss => "the lowest validation loss",
        StoppingMetric::ValAuroc => "the highest validation AUROC",
    };
    let stage = match config.model.classifier_epochs() {
        0 => String::new(),
        alone => {
            format!(
                " The classifier learnt alone for up to {alone} epochs, then all together; the losses do not compare."
            )
        }
    };
    Figure {
        title: "Training".to_owned(),
        alternative: "Loss of the training and validation split, and AUROC of the validation split, by epoch"
            .to_owned(),
        caption: format!(
            "Kept is the epoch of {metric}{}.{stage}",
            if stage.is_empty() { "" } else { " of the second stage" }
        ),
        picture,
    }
}

fn ranking_figure(picture: Picture) -> Figure {
    Figure {
        title: "Ranking and threshold".to_owned(),
        alternative: "ROC and precision-recall curves of the test split, with the threshold marked".to_owned(),
        caption: "The curve of colour statistics alone shows how far staining gives the answer away.".to_owned(),
        picture,
    }
}

fn sheet_figure(picture: Picture) -> Figure {
    Figure {
        title: "Tiles and their scores".to_owned(),
        alternative: "A sheet of test tiles with their scores, wrong decisions first".to_owned(),
        caption: "Broken frames mark wrong decisions; of the rest, tiles are spread over the range of scores."
            .to_owned(),
        picture,
    }
}

fn reconstruction_figure(picture: Picture) -> Figure {
    Figure {
        title: "Reconstructions".to_owned(),
        alternative: "Test tiles, what the decoder made of them, and the squared error of each pixel".to_owned(),
        caption: "The autoencoder learnt from normal tiles alone: what it rebuilds badly is unusual.".to_owned(),
        picture,
    }
}
