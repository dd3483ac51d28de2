//! The end of a training: the threshold from the validation split, the figures from the test split, pictures, the report,
//! and last `run.json`.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use kiln_files::publish;
use kiln_tile::ScoreRule;

use super::Layout;
use super::checkpoint::save_weights;
use super::colour::{ColourScores, colour_scores};
use super::evaluation::{ScoredTile, score_tiles};
use super::facts::{RunFacts, ThresholdFacts};
use super::gallery::Gallery;
use super::latent_use::latent_use;
use super::prepared::Prepared;
use super::run::Run;
use super::seeds::Purpose;
use super::seen;
use super::state::TrainingState;
use super::truth::{gives_probabilities, squared_errors, with_truth};
use crate::config::SubgroupKey;
use crate::data::{Loader, Split};
use crate::evaluation::SubgroupTiles;
use crate::metrics::{Bootstrap, ColourClusters, MeasureOptions, Metrics, measure_with};
use crate::model::{FitTiles, Zoo};
use crate::{Error, Result, report};

/// Completes the run of trained weights.
pub(crate) fn finish(
    prepared: &Prepared,
    layout: &Layout,
    zoo: Zoo,
    state: &TrainingState,
    device: &Device,
) -> Result<()> {
    let (dataset, classes) = (&prepared.dataset, &prepared.classes);
    let (val, tested) = (prepared.loader(Split::Val)?, prepared.loader(Split::Test)?);
    let preprocessing = prepared.tile_pipeline().in_graph();
    let fit_tiles = FitTiles { normal: &|| prepared.normal_loader(), val: &val, preprocessing, classes, device };
    let (zoo, score_rule) = zoo.with_fitted_score(&fit_tiles)?;
    let zoo = &zoo;
    let score = |loader: &Loader| score_tiles(zoo, preprocessing, classes, loader, device);
    let (val, test) = (score(&val)?, score(&tested)?);
    let rule = prepared.config.threshold;
    let value = rule.choose(&with_truth(dataset, classes, &val))?;
    let (train, raw) = (prepared.raw_loader(Split::Train)?, prepared.raw_loader(Split::Test)?);
    let colour = colour_scores(dataset, classes, &train, &raw, &test)?;
    let (metrics, clusters) = measured(prepared, zoo, &test, &colour, value)?;
    write_json(layout, &layout.metrics(), &metrics)?;
    let chosen_on = format!("validation split, {} tiles", val.len());
    let threshold = ThresholdFacts { value, rule: rule.to_string(), chosen_on };
    let seen_sha256 = seen::digest(prepared, layout)?;
    let weights_sha256 = save_weights(&layout.weights(), zoo)?;
    let facts = RunFacts {
        colour_clusters: clusters,
        ..facts(prepared, state, threshold, score_rule, zoo, weights_sha256, seen_sha256)
    };
    let run = Run { layout: layout.clone(), config: prepared.config.clone(), facts, openslide: None };
    let history = &state.history;
    let baseline = colour.supervised.as_deref();
    let gallery = Gallery { run: &run, dataset, zoo, device, test: &test, baseline, metrics: &metrics, history };
    let figures = gallery.figures()?;
    for (name, figure) in &figures {
        figure.picture.save(&layout.picture(name))?;
    }
    report::write(&layout.report(), &gallery.report(figures)?)?;
    write_json(layout, &layout.facts(), &run.facts)
}

/// The figures of the test tiles, and the division by colour of the training tiles, if subgroups by colour are measured.
fn measured(
    prepared: &Prepared,
    zoo: &Zoo,
    test: &[ScoredTile],
    colour: &ColourScores,
    threshold: f64,
) -> Result<(Metrics, Option<ColourClusters>)> {
    let (dataset, classes) = (&prepared.dataset, &prepared.classes);
    let bootstrap =
        Bootstrap { resamples: prepared.config.bootstrap_resamples, seed: prepared.seed(Purpose::Bootstrap, 0) };
    let scored = with_truth(dataset, classes, test);
    let labels: Vec<&str> = test.iter().map(|tile| dataset.entries[tile.index].label.as_str()).collect();
    let errors = squared_errors(test);
    let options = MeasureOptions {
        probabilities: gives_probabilities(zoo, &scored),
        colour: colour.supervised.as_deref(),
        neighbours: Some(&colour.neighbours),
        squared_errors: errors.as_deref(),
        labels: Some(&labels),
        ..MeasureOptions::new(threshold, bootstrap)
    };
    let keys = &prepared.config.subgroups;
    let clusters = if keys.contains(&SubgroupKey::Colour) { ColourClusters::fit(&colour.learnt) } else { None };
    let indices: Vec<usize> = test.iter().map(|tile| tile.index).collect();
    let tiles = SubgroupTiles { dataset, indices: &indices, statistics: &colour.statistics, clusters };
    let subgroups = tiles.measure(keys, &scored, &options)?;
    let metrics = Metrics { latent: latent_use(test, classes), subgroups, ..measure_with(&scored, &options)? };
    Ok((metrics, clusters))
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
        features: state.features.clone(),
        features_s: state.features_s,
        score,
        stain_normalisation: prepared.stain,
        colour_clusters: None,
        parameters: zoo.num_params() as u64,
        epochs: state.epoch,
        best_epoch: state.best_epoch,
        git_revision: git_revision(Path::new(".")),
        kiln: env!("CARGO_PKG_VERSION").to_owned(),
        burn: crate::BURN_VERSION.to_owned(),
    }
}

fn write_json(layout: &Layout, path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| Error::run(layout.root(), error.to_string()))?;
    publish::write_file(path, &text).map_err(Error::io(path))
}

/// Git revision of the working folder, for provenance.
fn git_revision(folder: &Path) -> Option<String> {
    let output = std::process::Command::new("git").args(["rev-parse", "HEAD"]).current_dir(folder).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
}
