//! Evaluates scores: metrics, pictures and a report, for scores by burn, by ONNX Runtime or by another program. Guarantees
//! that all are evaluated in the same way and with the same colour baseline. Scoring is left to the caller, except for
//! runs: [`score_run`]. Whole slides are evaluated by [`slides`].

mod patients;
pub mod slides;
mod subgroups;

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use kiln_tile::{Decoder, Tile};

use crate::baseline::{ColourFeatures, ColourNeighbours};
use crate::config::SubgroupKey;
use crate::data::{self, DataError, Dataset, LabelCount, LabelKind, look_alike, shown};
use crate::metrics::{
    Bootstrap, COLOUR_FEATURES, ColourBaseline, ColourClusters, MeasureOptions, Metrics, Scored, assign_folds,
    is_probability, measure_with,
};
use crate::picture::{SheetTile, choose_tiles, roc_and_pr, score_sheet};
use crate::report::Figure;
use crate::training::{Run, ScoredTile, score_tiles};
use crate::{Error, Result, parallel};

pub use patients::Patients;
pub use subgroups::require_columns;
pub(crate) use subgroups::{SubgroupTiles, column};

/// Number of tiles on the score sheet.
const SHEET_TILES: usize = 24;

/// Number of folds for the colour baseline, for tiles without a training split.
const FOLDS: usize = 5;

/// Scored tiles of a data set, with everything that their evaluation needs.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    /// The data set.
    pub dataset: &'a Dataset,
    /// Decoder for the colour baseline, without stain normalisation.
    pub decoder: Decoder,
    /// The model's classes; empty for a model of normal tiles, for which all other labels are anomalous.
    pub classes: &'a [String],
    /// The normal labels.
    pub normal_classes: &'a [String],
    /// Index and score of each entry.
    pub scores: &'a [(usize, f64)],
    /// Mean squared error of each tile's reconstruction, in the order of `scores`, if known.
    pub squared_errors: Option<&'a [f64]>,
    /// Entries that the colour baseline is fitted to. If empty, it is cross-validated on the scored tiles.
    pub train: &'a [usize],
    /// Tiles that score at or above this are anomalous.
    pub threshold: f64,
    /// Keys of the subgroups to measure apart.
    pub subgroups: &'a [SubgroupKey],
    /// The training's division by colour. If `None`, it is fitted to `train`, and if that is empty, to the scored tiles.
    pub clusters: Option<ColourClusters>,
    /// Options of the intervals.
    pub bootstrap: Bootstrap,
}

/// The result of an [`Evaluation`].
#[derive(Debug, Clone)]
pub struct Findings {
    /// The scores with their truth.
    pub scored: Vec<Scored>,
    /// Scores of the colour baseline for the same tiles.
    pub baseline: Vec<Scored>,
    /// All metrics.
    pub metrics: Metrics,
}

impl Evaluation<'_> {
    /// Computes all metrics. Decodes tiles on all cores for the colour baseline.
    ///
    /// # Errors
    /// A label that is not a class of the model, a tile that cannot be decoded, a column of subgroups that the list does
    /// not have, or scores without defined metrics.
    pub fn measure(&self) -> Result<Findings> {
        require_columns(self.dataset, self.subgroups)?;
        let scored = self.scored()?;
        let indices: Vec<usize> = self.scores.iter().map(|&(index, _)| index).collect();
        let (colours, learnt) = (self.colours(&indices)?, self.colours(self.train)?);
        let [baseline, neighbours] = self.baselines(&scored, &colours, &learnt)?;
        let labels: Vec<&str> =
            self.scores.iter().map(|(index, _)| self.dataset.entries[*index].label.as_str()).collect();
        let options = MeasureOptions {
            probabilities: !self.classes.is_empty() && scored.iter().all(|tile| is_probability(tile.score)),
            colour: Some(&baseline),
            neighbours: Some(&neighbours),
            squared_errors: self.squared_errors,
            labels: Some(&labels),
            ..MeasureOptions::new(self.threshold, self.bootstrap)
        };
        let statistics = statistics(&colours);
        let clusters = self.clusters.or_else(|| {
            let learnt: Vec<_> = learnt.iter().map(|colour| colour.statistics).collect();
            ColourClusters::fit(if learnt.is_empty() { &statistics } else { &learnt })
        });
        let tiles = SubgroupTiles { dataset: self.dataset, indices: &indices, statistics: &statistics, clusters };
        let subgroups = tiles.measure(self.subgroups, &scored, &options)?;
        let metrics = Metrics { subgroups, ..measure_with(&scored, &options)? };
        Ok(Findings { scored, baseline, metrics })
    }

    /// Pictures with their file names: the curves, and a sheet of tiles.
    ///
    /// # Errors
    /// A tile that cannot be decoded, or a picture that cannot be drawn.
    pub fn figures(&self, findings: &Findings) -> Result<Vec<(&'static str, Figure)>> {
        let ranking = Figure {
            title: "Ranking and threshold".to_owned(),
            alternative: "ROC and precision-recall curves, with the threshold marked; the values are in the table"
                .to_owned(),
            caption: "The curve of colour alone shows how much of the task staining solves.".to_owned(),
            picture: roc_and_pr(&findings.scored, Some(&findings.baseline), &findings.metrics)?,
        };
        let sheet = Figure {
            title: "Tiles and their scores".to_owned(),
            alternative: "A sheet of tiles by ascending score, each with the model's decision".to_owned(),
            caption:
                "Dashed frames mark wrong decisions: missed anomalies and false alarms; the other tiles are spread \
                      over the range of scores."
                    .to_owned(),
            picture: score_sheet(&self.sheet(&findings.scored)?, self.threshold)?,
        };
        Ok(vec![("roc_pr.png", ranking), ("scores.png", sheet)])
    }

    fn scored(&self) -> Result<Vec<Scored>> {
        let scored = self.scores.iter().map(|&(index, score)| {
            let anomalous = self.is_anomalous(index)?;
            Ok(Scored { score, anomalous, group: self.dataset.group_name(index) })
        });
        scored.collect()
    }

    fn is_anomalous(&self, index: usize) -> Result<bool> {
        let entry = &self.dataset.entries[index];
        if self.normal_classes.contains(&entry.label) {
            return Ok(false);
        }
        if self.classes.is_empty() || self.classes.contains(&entry.label) {
            return Ok(true);
        }
        Err(DataError::UnknownLabel {
            path: self.dataset.root.clone(),
            label: entry.label.clone(),
            tile: entry.path.clone(),
            classes: self.classes.to_vec(),
        }
        .into())
    }

    /// Scores of the colour baselines that are fitted with and without anomalous tiles.
    fn baselines(
        &self,
        scored: &[Scored],
        colours: &[ColourFeatures],
        learnt: &[ColourFeatures],
    ) -> Result<[Vec<Scored>; 2]> {
        let [colour, neighbours] = if self.train.is_empty() {
            let labels: Vec<bool> = scored.iter().map(|tile| tile.anomalous).collect();
            let groups: Vec<String> = scored.iter().map(|tile| tile.group.clone()).collect();
            let colour = ColourBaseline::out_of_fold(&statistics(colours), &labels, &groups, FOLDS)?;
            [colour, neighbours_out_of_fold(colours, &labels, &groups)?]
        } else {
            let labels = self.train.iter().map(|&index| self.is_anomalous(index)).collect::<Result<Vec<bool>>>()?;
            let baseline = ColourBaseline::fit(&statistics(learnt), &labels)?;
            let normal = learnt.iter().zip(&labels).filter(|(_, anomalous)| !**anomalous);
            let normal: Vec<&[f64]> = normal.map(|(colour, _)| colour.histogram.as_slice()).collect();
            let rows: Vec<&[f64]> = colours.iter().map(|colour| colour.histogram.as_slice()).collect();
            let supervised = colours.iter().map(|colour| baseline.score(&colour.statistics)).collect();
            [supervised, ColourNeighbours::fit(&normal)?.score(&rows)?]
        };
        let with = |scores: Vec<f64>| {
            let pairs = scored.iter().zip(scores);
            pairs.map(|(tile, score)| Scored { score, ..tile.clone() }).collect()
        };
        Ok([with(colour), with(neighbours)])
    }

    fn colours(&self, indices: &[usize]) -> Result<Vec<ColourFeatures>> {
        parallel::try_map(indices.len(), |at| Ok(ColourFeatures::new(&self.decode(indices[at])?)))
    }

    fn sheet(&self, scored: &[Scored]) -> Result<Vec<SheetTile>> {
        let shown = choose_tiles(scored, self.threshold, SHEET_TILES).into_iter().map(|at| {
            let (index, score) = self.scores[at];
            let name = self.dataset.entries[index].path.display().to_string();
            Ok(SheetTile { tile: self.decode(index)?, name, score, anomalous: scored[at].anomalous })
        });
        shown.collect()
    }

    fn decode(&self, index: usize) -> Result<Tile> {
        Ok(self.dataset.tile(index, &self.decoder)?)
    }
}

fn statistics(colours: &[ColourFeatures]) -> Vec<[f64; COLOUR_FEATURES]> {
    colours.iter().map(|colour| colour.statistics).collect()
}

/// Distances of all tiles to the nearest normal tiles of the other folds.
fn neighbours_out_of_fold(colours: &[ColourFeatures], anomalous: &[bool], groups: &[String]) -> Result<Vec<f64>> {
    let fold_of = assign_folds(anomalous, groups, FOLDS);
    let row = |tile: usize| colours[tile].histogram.as_slice();
    let mut scores = vec![0.0; colours.len()];
    for fold in 0..FOLDS {
        let held_out: Vec<usize> = (0..colours.len()).filter(|tile| fold_of[*tile] == fold).collect();
        if held_out.is_empty() {
            continue;
        }
        let learnt = |tile: &usize| fold_of[*tile] != fold && !anomalous[*tile];
        let normal: Vec<&[f64]> = (0..colours.len()).filter(learnt).map(row).collect();
        let rows: Vec<&[f64]> = held_out.iter().map(|tile| row(*tile)).collect();
        let distances = ColourNeighbours::fit(&normal)?.score(&rows)?;
        held_out.into_iter().zip(distances).for_each(|(tile, distance)| scores[tile] = distance);
    }
    Ok(scores)
}

/// Checks before scoring that the labels of the tiles are those of the model, and that there are normal and anomalous
/// tiles. Returns the labels with their numbers of tiles. `classes` and `normal` are the model's; with empty `classes`
/// every other label is anomalous.
///
/// # Errors
/// [`DataError::UnknownLabel`]; a label that a reader would confuse with one of the model; [`DataError::OneKind`].
pub fn check_labels(
    dataset: &Dataset,
    indices: &[usize],
    classes: &[String],
    normal: &[String],
) -> Result<Vec<LabelCount>> {
    let part = dataset.select(indices);
    let rows = data::label_counts(&part, normal);
    let wrong = |reason: String| Error::from(DataError::Dataset { path: dataset.root.clone(), reason });
    let tile = |label: &str| {
        part.entries.iter().find(|entry| entry.label == label).map(|entry| entry.path.clone()).unwrap_or_default()
    };
    for row in rows.iter().filter(|row| row.counts_as == LabelKind::Anomalous) {
        let label = row.label.as_str();
        let known = if classes.is_empty() { normal } else { classes };
        if let Some(twin) = known.iter().find(|known| *known != label && look_alike(known, label)) {
            return Err(wrong(format!(
                "the label {} (tile {}) resembles {} of the model, and is not the same\nhint: use the label of the model",
                shown(label),
                shown(&tile(label).to_string_lossy()),
                shown(twin)
            )));
        }
        if !classes.is_empty() && !classes.iter().any(|class| class == label) {
            return Err(DataError::UnknownLabel {
                path: dataset.root.clone(),
                label: label.to_owned(),
                tile: tile(label),
                classes: classes.to_vec(),
            }
            .into());
        }
    }
    let of = |counts_as| rows.iter().any(|row| row.counts_as == counts_as);
    let missing = match (of(LabelKind::Normal), of(LabelKind::Anomalous)) {
        (true, true) => return Ok(rows),
        (false, _) => LabelKind::Normal,
        (true, false) => LabelKind::Anomalous,
    };
    Err(DataError::OneKind {
        path: dataset.root.clone(),
        tiles: indices.len(),
        missing,
        labels: rows.into_iter().map(|row| row.label).collect(),
        normal: normal.to_vec(),
    }
    .into())
}

/// Scores entries of a data set with a run's weights, with burn on the CPU, in order.
///
/// # Errors
/// Missing or damaged weights, or a tile that cannot be decoded.
pub fn score_run(run: &Run, dataset: &Arc<Dataset>, indices: Vec<usize>) -> Result<Vec<ScoredTile>> {
    let device = Device::flex();
    let loader = run.loader(dataset, indices, run.config.training.batch)?;
    score_tiles(&run.model(&device)?, run.preprocessing(), &run.facts.classes, &loader, &device)
}

/// Saves pictures in a folder by name, and returns the figures for the report.
///
/// # Errors
/// A file that cannot be written.
pub fn save(figures: Vec<(&'static str, Figure)>, folder: &Path) -> Result<Vec<Figure>> {
    let saved = figures.into_iter().map(|(name, figure)| {
        figure.picture.save(&folder.join(name))?;
        Ok(figure)
    });
    saved.collect()
}

#[cfg(test)]
mod tests;
