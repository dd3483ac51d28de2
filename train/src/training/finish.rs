//! What follows the last epoch: the threshold from the validation split, the figures from the test split, pictures,
//! the report, and `run.json` last of all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use kiln_files::publish;
use kiln_tile::{ScoreRule, TILE_BYTES, Tile};

use super::Layout;
use super::calibrate::calibrated;
use super::checkpoint::save_weights;
use super::evaluation::{ScoredTile, score_tiles};
use super::pictures::Gallery;
use super::prepared::Prepared;
use super::run::{Run, RunFacts, ThresholdFacts};
use super::seeds::Purpose;
use super::seen;
use super::state::TrainingState;
use super::trainer::git_revision;
use crate::baseline::{ColourFeatures, ColourNeighbours};
use crate::data::{Dataset, Loader, Split};
use crate::metrics::{Bootstrap, ColourBaseline, MeasureOptions, Scored, measure_with};
use crate::model::{Classes, Zoo};
use crate::picture::EpochRecord;
use crate::{Error, Result, report};

/// Makes a run of trained weights.
pub(crate) fn finish(
    prepared: &Prepared,
    layout: &Layout,
    zoo: Zoo,
    state: &TrainingState,
    device: &Device,
) -> Result<()> {
    let (dataset, classes) = (&prepared.dataset, &prepared.classes);
    let (val, tested) = (prepared.loader(Split::Val)?, prepared.loader(Split::Test)?);
    let (zoo, combination) = calibrated(zoo, prepared, &val, device)?;
    let zoo = &zoo;
    let score = |loader: &Loader| score_tiles(zoo, prepared.intake().front(), classes, loader, device);
    let (val, test) = (score(&val)?, score(&tested)?);
    let rule = prepared.config.threshold;
    let value = rule.choose(&with_truth(dataset, classes, &val))?;
    let (train, raw) = (prepared.raw_loader(Split::Train)?, prepared.raw_loader(Split::Test)?);
    let (baseline, neighbours) = colour_scores(dataset, classes, &train, &raw, &test)?;
    let bootstrap =
        Bootstrap { resamples: prepared.config.bootstrap_resamples, seed: prepared.seed(Purpose::Bootstrap, 0) };
    let scored = with_truth(dataset, classes, &test);
    let labels: Vec<&str> = test.iter().map(|tile| dataset.entries[tile.index].label.as_str()).collect();
    let errors = squared_errors(&test);
    let options = MeasureOptions {
        probabilities: gives_probabilities(zoo, &scored),
        colour: baseline.as_deref(),
        neighbours: Some(&neighbours),
        squared_errors: errors.as_deref(),
        labels: Some(&labels),
        ..MeasureOptions::new(value, bootstrap)
    };
    let metrics = measure_with(&scored, &options)?;
    write_json(layout, &layout.metrics(), &metrics)?;
    let chosen_on = format!("validation split, {} tiles", val.len());
    let threshold = ThresholdFacts { value, rule: rule.to_string(), chosen_on };
    let seen_sha256 = seen::write(prepared, layout)?;
    let weights_sha256 = save_weights(&layout.weights(), zoo)?;
    let facts = facts(prepared, state, threshold, combination, zoo, weights_sha256, seen_sha256);
    let run = Run { layout: layout.clone(), config: prepared.config.clone(), facts };
    let history = &state.history;
    let baseline = baseline.as_deref();
    let gallery = Gallery { run: &run, dataset, zoo, device, test: &test, baseline, metrics: &metrics, history };
    let figures = gallery.figures()?;
    for (name, figure) in &figures {
        figure.picture.save(&layout.picture(name))?;
    }
    report::write(&layout.report(), &gallery.report(figures)?)?;
    write_json(layout, &layout.facts(), &run.facts)
}

fn facts(
    prepared: &Prepared,
    state: &TrainingState,
    threshold: ThresholdFacts,
    score: Option<ScoreRule>,
    zoo: &Zoo,
    weights_sha256: String,
    seen_sha256: String,
) -> RunFacts {
    RunFacts {
        schema: 1,
        classes: prepared.classes.clone(),
        threshold,
        data: prepared.data_path.clone(),
        data_sha256: prepared.data_sha256.clone(),
        split_sha256: state.split_sha256.clone(),
        seen_sha256: Some(seen_sha256),
        weights_sha256,
        backbone_sha256: state.backbone_sha256.clone(),
        score,
        stain_normalisation: prepared.stain,
        parameters: zoo.num_params() as u64,
        epochs: state.epoch,
        best_epoch: state.best_epoch,
        git_revision: git_revision(Path::new(".")),
        kiln: env!("CARGO_PKG_VERSION").to_owned(),
        burn: crate::BURN_VERSION.to_owned(),
    }
}

/// Whether a model's scores say how likely a tile is to be anomalous.
pub(crate) fn gives_probabilities(zoo: &Zoo, scored: &[Scored]) -> bool {
    !zoo.learns_from_normal_only() && scored.iter().all(|tile| (0.0..=1.0).contains(&tile.score))
}

/// Errors of all reconstructions, where the model makes them.
pub(crate) fn squared_errors(scored: &[ScoredTile]) -> Option<Vec<f64>> {
    scored.iter().map(|tile| tile.squared_error).collect()
}

/// Scores with the truth and the group that intervals need.
pub(crate) fn with_truth(dataset: &Dataset, classes: &Classes, scored: &[ScoredTile]) -> Vec<Scored> {
    let truth = |tile: &ScoredTile| Scored {
        score: tile.score,
        anomalous: classes.is_anomalous(tile.class),
        group: dataset.group_name(tile.index),
    };
    scored.iter().map(truth).collect()
}

/// Scores of `test` by colour statistics, fitted on the tiles of `train`: a logistic regression on all of them, if they
/// have both classes, and the distance to the normal ones. Both loaders give tiles without stain normalisation.
pub(crate) fn colour_scores(
    dataset: &Dataset,
    classes: &Classes,
    train: &Loader,
    tested: &Loader,
    test: &[ScoredTile],
) -> Result<(Option<Vec<Scored>>, Vec<Scored>)> {
    let learnt = colours(train)?;
    let values: Vec<[f64; 6]> = learnt.values().map(|(_, colour)| colour.statistics).collect();
    let anomalous: Vec<bool> = learnt.values().map(|(class, _)| classes.is_anomalous(*class)).collect();
    let both = anomalous.contains(&true) && anomalous.contains(&false);
    let baseline = both.then(|| ColourBaseline::fit(&values, &anomalous)).transpose()?;
    let normal = learnt.values().filter(|(class, _)| !classes.is_anomalous(*class));
    let normal: Vec<&[f64]> = normal.map(|(_, colour)| colour.histogram.as_slice()).collect();
    let tested = colours(tested)?;
    let colour = |tile: &ScoredTile| {
        let missing = || Error::run(Path::new("tile"), format!("tile {} has no colour", tile.index));
        tested.get(&tile.index).map(|(_, colour)| colour).ok_or_else(missing)
    };
    let colours = test.iter().map(colour).collect::<Result<Vec<&ColourFeatures>>>()?;
    let supervised = baseline.map(|baseline| colours.iter().map(|colour| baseline.score(&colour.statistics)).collect());
    let histograms: Vec<&[f64]> = colours.iter().map(|colour| colour.histogram.as_slice()).collect();
    let distances = ColourNeighbours::fit(&normal)?.score(&histograms)?;
    let with = |scores: Vec<f64>| {
        let places = with_truth(dataset, classes, test).into_iter().zip(scores);
        places.map(|(tile, score)| Scored { score, ..tile }).collect()
    };
    Ok((supervised.map(with), with(distances)))
}

/// Class number and colours of each tile, by its entry.
fn colours(loader: &Loader) -> Result<BTreeMap<usize, (usize, ColourFeatures)>> {
    let mut features = BTreeMap::new();
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let tiles = batch.pixels.chunks_exact(TILE_BYTES).map(|pixels| Tile::from_pixels(pixels.to_vec()));
        for ((index, class), tile) in batch.indices.iter().zip(&batch.labels).zip(tiles) {
            let tile = tile.map_err(|error| Error::run(Path::new("tile"), error.to_string()))?;
            features.insert(*index, (*class, ColourFeatures::new(&tile)));
        }
    }
    Ok(features)
}

/// `history.jsonl`, whole.
pub(crate) fn write_history(layout: &Layout, history: &[EpochRecord]) -> Result<()> {
    let path = layout.history();
    let mut text = String::new();
    for record in history {
        let line = serde_json::to_string(record).map_err(|error| Error::run(layout.root(), error.to_string()))?;
        let _ = writeln!(text, "{line}");
    }
    publish::write_file(&path, text.as_bytes()).map_err(Error::io(&path))
}

fn write_json(layout: &Layout, path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| Error::run(layout.root(), error.to_string()))?;
    publish::write_file(path, &text).map_err(Error::io(path))
}
