//! What follows the last epoch: the threshold from the validation split, the figures from the test split, pictures,
//! the report, and `run.json` last of all.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use burn::module::Module;
use burn::tensor::Device;
use kiln_tile::{Decoder, Tile, publish};

use super::checkpoint::save_weights;
use super::evaluation::{ScoredTile, score_tiles};
use super::run::{RunFacts, ThresholdFacts};
use super::seeds::Purpose;
use super::state::TrainingState;
use super::trainer::{Prepared, git_revision};
use super::{Layout, pictures};
use crate::data::Split;
use crate::metrics::{Bootstrap, ColourBaseline, Metrics, Scored, colour_features, measure};
use crate::model::Zoo;
use crate::picture::EpochRecord;
use crate::{Error, Result};

/// Makes a run of trained weights.
pub(crate) fn finish(
    prepared: &Prepared,
    layout: &Layout,
    zoo: &Zoo,
    state: &TrainingState,
    device: &Device,
) -> Result<()> {
    let score = |split| score_tiles(zoo, &prepared.classes, &prepared.loader(split)?, device);
    let (val, test) = (score(Split::Val)?, score(Split::Test)?);
    let rule = prepared.config.threshold;
    let threshold = rule.choose(&measurable(prepared, &val))?;
    let metrics = test_metrics(prepared, &test, threshold)?;
    write_json(layout, &layout.metrics(), &metrics)?;
    let weights_sha256 = save_weights(&layout.weights(), zoo)?;
    let facts = RunFacts {
        schema: 1,
        classes: prepared.classes.clone(),
        threshold: ThresholdFacts {
            value: threshold,
            rule: rule.to_string(),
            chosen_on: format!("validation split, {} tiles", val.len()),
        },
        data: prepared.data_path.clone(),
        data_sha256: prepared.data_sha256.clone(),
        weights_sha256,
        parameters: zoo.num_params() as u64,
        epochs: state.epoch,
        best_epoch: state.best_epoch,
        git_revision: git_revision(std::path::Path::new(".")),
        kiln: env!("CARGO_PKG_VERSION").to_owned(),
        burn: crate::BURN_VERSION.to_owned(),
    };
    pictures::write(prepared, layout, zoo, device, &pictures::Finished { state, test: &test, facts: &facts, metrics: &metrics })?;
    write_json(layout, &layout.facts(), &facts)
}

/// Scores with the truth and the group that intervals need.
pub(crate) fn measurable(prepared: &Prepared, scored: &[ScoredTile]) -> Vec<Scored> {
    scored
        .iter()
        .map(|tile| {
            let entry = &prepared.dataset.entries[tile.index];
            let group = entry.group.clone().unwrap_or_else(|| entry.path.display().to_string());
            Scored { score: tile.score, anomalous: prepared.classes.is_anomalous(tile.class), group }
        })
        .collect()
}

/// Figures on the test split beside those of colour alone.
fn test_metrics(prepared: &Prepared, test: &[ScoredTile], threshold: f64) -> Result<Metrics> {
    let baseline = colour_scores(prepared, test)?;
    let bootstrap = Bootstrap {
        resamples: prepared.config.bootstrap_resamples,
        seed: prepared.seed(Purpose::Bootstrap, 0),
    };
    Ok(measure(&measurable(prepared, test), threshold, Some(&baseline), bootstrap)?)
}

/// Scores of a logistic regression on colour statistics, fitted on the training split.
fn colour_scores(prepared: &Prepared, test: &[ScoredTile]) -> Result<Vec<Scored>> {
    let features = |split| -> Result<BTreeMap<usize, [f64; 6]>> {
        let mut features = BTreeMap::new();
        for batch in prepared.loader(split)?.epoch(0, 0) {
            let batch = batch?;
            for (index, pixels) in batch.indices.iter().zip(batch.pixels.chunks_exact(kiln_tile::TILE_BYTES)) {
                let tile = Tile::from_pixels(pixels.to_vec()).map_err(|error| Error::run(&prepared.data_path, error.to_string()))?;
                features.insert(*index, colour_features(&tile));
            }
        }
        Ok(features)
    };
    let (train, tested) = (features(Split::Train)?, features(Split::Test)?);
    let label = |index: &usize| {
        let label = &prepared.dataset.entries[*index].label;
        !prepared.classes.normal_names().contains(label)
    };
    let values: Vec<[f64; 6]> = train.values().copied().collect();
    let anomalous: Vec<bool> = train.keys().map(label).collect();
    let baseline = ColourBaseline::fit(&values, &anomalous)?;
    let mut scored = measurable(prepared, test);
    for (tile, place) in test.iter().zip(&mut scored) {
        if let Some(features) = tested.get(&tile.index) {
            place.score = baseline.score(features);
        }
    }
    Ok(scored)
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

fn write_json(layout: &Layout, path: &std::path::Path, value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| Error::run(layout.root(), error.to_string()))?;
    publish::write_file(path, &text).map_err(Error::io(path))
}

/// Decodes one tile of the data set by the run's policy.
pub(crate) fn decode(prepared: &Prepared, index: usize) -> Result<Tile> {
    let path = prepared.dataset.full_path(index);
    Decoder::new(prepared.config.data.size_policy)
        .decode_file(&path)
        .map_err(|error| Error::run(&prepared.data_path, format!("tile {}: {error}", path.display())))
}
