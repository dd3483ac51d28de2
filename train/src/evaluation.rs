//! From scores to figures, pictures and a report, whoever made the scores: burn from a run, ONNX Runtime from a
//! bundle, or another program. Promises that both sides of such a comparison are measured alike, on the same tiles and
//! beside the same colour baseline. Scoring is the caller's, but for runs: [`score_run`].

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use kiln_tile::{Decoder, Tile};
use rayon::prelude::*;

use crate::baseline::{ColourNeighbours, TileColour};
use crate::data::{self, CountsAs, DataError, Dataset, LabelCount, look_alike, shown};
use crate::metrics::{Bootstrap, COLOUR_FEATURES, ColourBaseline, Judgement, Metrics, Scored, folds_of, measure_by};
use crate::model::nearest_of;
use crate::picture::{SheetTile, choose_tiles, roc_and_pr, score_sheet};
use crate::report::Figure;
use crate::training::{Run, ScoredTile, score_tiles};
use crate::{Error, Result};

/// Tiles on the score sheet.
const SHEET_TILES: usize = 24;

/// Parts that tiles without a training split of their own are dealt into, to fit the colour baseline on the others.
const FOLDS: usize = 5;

/// Scored tiles of a data set, and how to judge them.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    /// The data set.
    pub dataset: &'a Dataset,
    /// How its files become tiles. Without stain normalisation: what colour tells is told of tiles as they are.
    pub decoder: Decoder,
    /// Labels that the model knows; empty if it knows normal tiles only, and everything else is anomalous.
    pub classes: &'a [String],
    /// Labels that count as normal.
    pub normal_classes: &'a [String],
    /// Index of an entry, and its score.
    pub scores: &'a [(usize, f64)],
    /// Mean squared error of each tile's reconstruction, in the order of `scores`, where it is known.
    pub squared_errors: Option<&'a [f64]>,
    /// Entries that the colour baseline is fitted on. If there are none, each part of the scored tiles gets the
    /// baseline of the other parts.
    pub train: &'a [usize],
    /// `score >= threshold` is called anomalous.
    pub threshold: f64,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
}

/// What an [`Evaluation`] found.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The scores with their truth.
    pub scored: Vec<Scored>,
    /// What colour alone makes of the same tiles.
    pub baseline: Vec<Scored>,
    /// All figures.
    pub metrics: Metrics,
}

impl Evaluation<'_> {
    /// Measures. Tiles are decoded on all cores for the colour baseline.
    ///
    /// # Errors
    /// A label that the model does not know, a tile that cannot be decoded, or scores on which nothing can be measured.
    pub fn measure(&self) -> Result<Findings> {
        let scored = self.scored()?;
        let [baseline, neighbours] = self.baselines(&scored)?;
        let labels: Vec<&str> =
            self.scores.iter().map(|(index, _)| self.dataset.entries[*index].label.as_str()).collect();
        let judgement = Judgement {
            probabilities: !self.classes.is_empty() && scored.iter().all(|tile| (0.0..=1.0).contains(&tile.score)),
            colour: Some(&baseline),
            neighbours: Some(&neighbours),
            squared_errors: self.squared_errors,
            labels: Some(&labels),
            ..Judgement::at(self.threshold, self.bootstrap)
        };
        let metrics = measure_by(&scored, &judgement)?;
        Ok(Findings { scored, baseline, metrics })
    }

    /// Pictures of the findings with their file names: the curves, and a sheet of tiles.
    ///
    /// # Errors
    /// A tile that cannot be decoded, or a picture that cannot be drawn.
    pub fn figures(&self, findings: &Findings) -> Result<Vec<(&'static str, Figure)>> {
        let ranking = Figure {
            title: "Ranking and threshold".to_owned(),
            alternative: "ROC and precision-recall curves, with the threshold marked; the figures are in the table"
                .to_owned(),
            caption: "The curve of colour alone shows how far staining gives the answer away.".to_owned(),
            picture: roc_and_pr(&findings.scored, Some(&findings.baseline), &findings.metrics)?,
        };
        let sheet = Figure {
            title: "Tiles and their scores".to_owned(),
            alternative: "A sheet of tiles by ascending score, each with the model's call".to_owned(),
            caption: "Broken frames mark wrong calls, missed anomalies and false alarms in turn; the other tiles are \
                      spread over the range of scores."
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
        let reason = format!(
            "tile {} has the label {}, which the model does not know; {}",
            shown(&entry.path.to_string_lossy()),
            shown(&entry.label),
            nearest_of(&entry.label, self.classes)
        );
        Err(DataError::Dataset { path: self.dataset.root.clone(), reason }.into())
    }

    /// What colour tells with anomalous tiles to learn from, and without.
    fn baselines(&self, scored: &[Scored]) -> Result<[Vec<Scored>; 2]> {
        let indices: Vec<usize> = self.scores.iter().map(|&(index, _)| index).collect();
        let colours = self.colours(&indices)?;
        let [colour, neighbours] = if self.train.is_empty() {
            let labels: Vec<bool> = scored.iter().map(|tile| tile.anomalous).collect();
            let groups: Vec<String> = scored.iter().map(|tile| tile.group.clone()).collect();
            let colour = ColourBaseline::out_of_fold(&statistics(&colours), &labels, &groups, FOLDS)?;
            [colour, neighbours_out_of_fold(&colours, &labels, &groups)?]
        } else {
            let labels = self.train.iter().map(|&index| self.is_anomalous(index)).collect::<Result<Vec<bool>>>()?;
            let learnt = self.colours(self.train)?;
            let baseline = ColourBaseline::fit(&statistics(&learnt), &labels)?;
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

    fn colours(&self, indices: &[usize]) -> Result<Vec<TileColour>> {
        indices.par_iter().map(|&index| Ok(TileColour::of(&self.decode(index)?))).collect()
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
        let path = self.dataset.full_path(index);
        self.decoder.decode_file(&path).map_err(|reason| DataError::Tile { path, reason }.into())
    }
}

fn statistics(colours: &[TileColour]) -> Vec<[f64; COLOUR_FEATURES]> {
    colours.iter().map(|colour| colour.statistics).collect()
}

/// Distances of all tiles to the nearest normal tiles of the other folds.
fn neighbours_out_of_fold(colours: &[TileColour], anomalous: &[bool], groups: &[String]) -> Result<Vec<f64>> {
    let fold_of = folds_of(anomalous, groups, FOLDS);
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

/// Checks, before anything is scored, that the labels of the tiles to measure are the model's, and that normal and
/// anomalous tiles are among them. Gives the labels with their tiles. `classes` and `normal` are the model's; an empty
/// `classes` takes every other label for an anomaly.
///
/// # Errors
/// A label that the model does not know, or that a reader would take for one of its labels; no normal tile, or no
/// anomalous one.
pub fn check_labels(
    dataset: &Dataset,
    indices: &[usize],
    classes: &[String],
    normal: &[String],
) -> Result<Vec<LabelCount>> {
    let entries = indices.iter().map(|&index| dataset.entries[index].clone()).collect();
    let part = Dataset { root: dataset.root.clone(), entries, list: dataset.list.clone() };
    let rows = data::label_counts(&part, normal);
    let wrong = |reason: String| Error::from(DataError::Dataset { path: dataset.root.clone(), reason });
    let tile = |label: &str| {
        part.entries.iter().find(|entry| entry.label == label).map(|entry| shown(&entry.path.to_string_lossy()))
    };
    for row in rows.iter().filter(|row| row.counts_as == CountsAs::Anomalous) {
        let label = row.label.as_str();
        let known = if classes.is_empty() { normal } else { classes };
        let named = || format!("the label {} (tile {})", shown(label), tile(label).unwrap_or_default());
        if let Some(twin) = known.iter().find(|known| *known != label && look_alike(known, label)) {
            return Err(wrong(format!(
                "{} resembles {} of the model, and is not the same\nhint: give the tiles the model's label",
                named(),
                shown(twin)
            )));
        }
        if !classes.is_empty() && !classes.iter().any(|class| class == label) {
            return Err(wrong(format!("{} is none that the model knows; {}", named(), nearest_of(label, classes))));
        }
    }
    let of = |counts_as| rows.iter().any(|row| row.counts_as == counts_as);
    let lacking = match (of(CountsAs::Normal), of(CountsAs::Anomalous)) {
        (true, true) => return Ok(rows),
        (false, _) => CountsAs::Normal,
        (true, false) => CountsAs::Anomalous,
    };
    let labels: Vec<String> = rows.iter().map(|row| shown(&row.label)).collect();
    let normal: Vec<String> = normal.iter().map(|label| shown(label)).collect();
    Err(wrong(format!(
        "none of the {} tiles to measure is {}, and the AUROC needs both kinds; their labels are {}, and the model's normal \
         ones are {}\nhint: measure tiles of both kinds, or take the scores alone with `kiln score`",
        indices.len(),
        lacking.name(),
        labels.join(", "),
        normal.join(", ")
    )))
}

/// Scores entries of a data set with a run's weights, through burn on the processor, in order.
///
/// # Errors
/// If the weights are missing or damaged, or a tile cannot be decoded.
pub fn score_run(run: &Run, dataset: &Arc<Dataset>, indices: Vec<usize>) -> Result<Vec<ScoredTile>> {
    let device = Device::flex();
    let loader = run.loader(dataset, indices, run.config.training.batch)?;
    score_tiles(&run.model(&device)?, run.preprocessing(), &run.facts.classes, &loader, &device)
}

/// Saves pictures into a folder under their names, and gives the figures on for the report.
///
/// # Errors
/// If a file cannot be written.
pub fn save(figures: Vec<(&'static str, Figure)>, folder: &Path) -> Result<Vec<Figure>> {
    let saved = figures.into_iter().map(|(name, figure)| {
        figure.picture.save(&folder.join(name))?;
        Ok(figure)
    });
    saved.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use kiln_files::Fault;
    use kiln_tile::SizePolicy;

    use super::*;

    /// Forty tiles of one grey each: normal ones darker, in groups of two.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut list = "path,label,group\n".to_owned();
        for at in 0..40_u8 {
            let label = if at.is_multiple_of(2) { "benign" } else { "tumour" };
            let grey = 60 + at + if label == "benign" { 0 } else { 30 };
            let name = format!("{at}.png");
            image::RgbImage::from_pixel(256, 256, image::Rgb([grey; 3])).save(folder.path().join(&name)).unwrap();
            list.push_str(&format!("{name},{label},slide-{}\n", at / 4));
        }
        std::fs::write(folder.path().join("tiles.csv"), list).unwrap();
        folder
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn scores_become_figures_beside_what_colour_tells() {
        let folder = folder();
        let dataset = Dataset::open(folder.path()).unwrap();
        let (classes, normal) = (names(&["benign", "tumour"]), names(&["benign"]));
        let scores: Vec<(usize, f64)> =
            (20..40).map(|at| (at, if at % 2 == 1 && at != 25 { 0.9 } else { 0.1 })).collect();
        let train: Vec<usize> = (0..20).collect();
        let evaluation = Evaluation {
            dataset: &dataset,
            decoder: Decoder::new(SizePolicy::Error),
            classes: &classes,
            normal_classes: &normal,
            scores: &scores,
            squared_errors: None,
            train: &train,
            threshold: 0.5,
            bootstrap: Bootstrap { resamples: 100, seed: 0 },
        };
        let findings = evaluation.measure().unwrap();
        assert_eq!((findings.metrics.n, findings.metrics.anomalous, findings.metrics.groups), (20, 10, 5));
        assert_eq!(findings.metrics.confusion.false_negative, 1);
        let colour = findings.metrics.baseline.colour_auroc.unwrap();
        assert!(colour.value > 0.9, "{colour:?}");
        let neighbours = findings.metrics.baseline.neighbours_auroc.unwrap();
        // Tiles of one grey each: those of the test are all in bins that no training tile has, and so equally far.
        assert_eq!(neighbours.value, 0.5);
        let failures = findings.metrics.failures.as_ref().unwrap();
        assert_eq!((failures.groups_with_failures, failures.groups[0].false_negative), (1, 1));
        assert!(findings.metrics.calibration.is_some() && findings.metrics.reconstruction.is_none());
        let out_of_fold = Evaluation { train: &[], ..evaluation }.measure().unwrap();
        assert!(out_of_fold.metrics.baseline.colour_auroc.unwrap().value > 0.9);
        let figures = save(evaluation.figures(&findings).unwrap(), folder.path()).unwrap();
        assert_eq!(figures.len(), 2);
        assert!(folder.path().join("roc_pr.png").is_file() && folder.path().join("scores.png").is_file());

        let unknown = Evaluation { classes: &normal, ..evaluation }.measure().unwrap_err();
        assert!(unknown.to_string().contains("`tumour`"), "{unknown}");
        std::fs::write(folder.path().join("25.png"), b"no picture").unwrap();
        let damaged = evaluation.measure().unwrap_err();
        assert!(damaged.to_string().contains("25.png"), "{damaged}");
        assert_eq!(damaged.fault(), Fault::Input);
    }
}
