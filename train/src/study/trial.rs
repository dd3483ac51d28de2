//! One trial: a training, new or resumed, then the scores of the test tiles. `trial.json` is written last; a trial with
//! this file never runs again.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use kiln_files::digest::sha256_file;
use kiln_files::publish;
use serde::{Deserialize, Serialize};

use super::config::Stopping;
use super::layout::StudyLayout;
use super::search::curve;
use crate::config::Weights;
use crate::data::{Dataset, Split};
use crate::features::FeatureBackend;
use crate::metrics::{Scored, Trial, is_probability};
use crate::picture::EpochRecord;
use crate::training::{
    Layout, Observer, Outcome, Run, TrainRequest, read_history, run_state, same_configuration, score_tiles,
    train_unless_stopped,
};
use crate::{Config, Error, Result};

/// The specification of a trial.
#[derive(Debug, Clone)]
pub(super) struct TrialSpec {
    pub(super) id: String,
    pub(super) seed: u64,
    pub(super) fold: usize,
    pub(super) config: Config,
    /// True if a divergence ends only the trial and not the study, as in a search.
    pub(super) may_diverge: bool,
    /// The rule by which a search stops it.
    pub(super) stopping: Option<Stopping>,
}

/// The result of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TrialRecord {
    pub(super) id: String,
    pub(super) seed: u64,
    pub(super) fold: usize,
    /// Validation AUROC by epoch.
    pub(super) val_auroc: Vec<Option<f64>>,
    /// The test; none if the trial was stopped.
    pub(super) tested: Option<Tested>,
    /// The rule that stopped the trial; none if it diverged, and in a record of an older Kiln.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stopped_by: Option<Stopping>,
    pub(super) time: TrialTime,
}

/// Scores of the test tiles by a finished trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tested {
    pub(super) best_epoch: u64,
    pub(super) parameters: u64,
    pub(super) threshold: f64,
    pub(super) probabilities: bool,
    /// Scores in the order of the fold's test tiles.
    pub(super) scores: Vec<f64>,
}

/// Wall-clock times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct TrialTime {
    /// Total seconds of all epochs, validation included.
    pub(super) training_s: f64,
    /// Seconds that computing the features of a frozen backbone takes before the first epoch, cached or not.
    #[serde(default)]
    pub(super) features_s: Option<f64>,
    /// Milliseconds per test tile with burn on the training's device, decoding included.
    pub(super) inference_ms: Option<f64>,
}

/// The data set of a study, its path, the library for slides, and the backend for features.
pub(super) struct Tiles<'a> {
    pub(super) dataset: &'a Arc<Dataset>,
    pub(super) path: &'a Path,
    pub(super) openslide: Option<&'a Path>,
    pub(super) features: Option<&'a Arc<dyn FeatureBackend>>,
}

/// Runs or resumes a trial, or reads its result.
///
/// # Errors
/// [`Error::OfTrial`] if the training fails; [`Error::Run`] and [`Error::OtherTrials`] for a result that cannot be used.
pub(super) fn run(
    layout: &StudyLayout,
    tiles: &Tiles<'_>,
    spec: &TrialSpec,
    observer: &mut dyn Observer,
) -> Result<TrialRecord> {
    let path = layout.trial(&spec.id);
    if let Some(record) = finished_before(layout, spec)? {
        return Ok(record);
    }
    let request = TrainRequest {
        config: spec.config.clone(),
        data: Some(tiles.path.to_owned()),
        out: layout.run(&spec.id),
        resume: true,
        openslide: tiles.openslide.map(Path::to_owned),
        split: Some(layout.fold(spec.fold)),
        features: tiles.features.cloned(),
    };
    let in_trial = |cause: Error| Error::OfTrial { trial: spec.id.clone(), cause: Box::new(cause) };
    let record = match train_unless_stopped(&request, observer) {
        Ok(Outcome::Finished(run)) => finished(&run, tiles.dataset, spec).map_err(in_trial)?,
        Ok(Outcome::Stopped(history)) => {
            TrialRecord { stopped_by: spec.stopping, ..record(spec, &history, features_s(&request.out)?, None, None) }
        }
        Err(Error::Diverged { .. }) if spec.may_diverge => {
            let layout = Layout::new(&request.out);
            let history = if layout.history().is_file() { read_history(&layout)? } else { Vec::new() };
            record(spec, &history, features_s(&request.out)?, None, None)
        }
        Err(error) => return Err(in_trial(error)),
    };
    let text = serde_json::to_vec(&record).map_err(|error| Error::run(&path, error.to_string()))?;
    publish::write_file(&path, &text).map_err(Error::io(&path))?;
    Ok(record)
}

/// The result of a trial that is finished; `None` for one that is not.
///
/// # Errors
/// [`Error::Run`] if it is the result of another trial, [`Error::OtherTrials`] if it was begun with another configuration.
fn finished_before(layout: &StudyLayout, spec: &TrialSpec) -> Result<Option<TrialRecord>> {
    let path = layout.trial(&spec.id);
    refuse_stale(layout, std::slice::from_ref(spec))?;
    let Some(record) = read(&path)? else { return Ok(None) };
    if (record.id.as_str(), record.seed, record.fold) != (spec.id.as_str(), spec.seed, spec.fold) {
        return Err(Error::run(
            &path,
            format!("is the result of `{}`; remove this file to run the trial again", record.id),
        ));
    }
    Ok(Some(record))
}

/// Refuses trials, finished or not, that were begun with another configuration or with other weights, and those that another
/// rule stopped. A trial whose run has been removed cannot be checked for its configuration.
pub(super) fn refuse_stale(layout: &StudyLayout, specs: &[TrialSpec]) -> Result<()> {
    /// Trials that a message names.
    const NAMED: usize = 5;
    let mut stale = Vec::new();
    for spec in specs {
        let path = layout.trial(&spec.id);
        let changed = match changed_key(&Layout::new(&layout.run(&spec.id)), &spec.config, path.is_file())? {
            None => changed_rule(&path, spec.stopping)?,
            changed => changed,
        };
        if let Some(key) = changed {
            stale.push(format!("{} (another `{key}`)", spec.id));
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    let count = stale.len();
    if count > NAMED {
        stale.truncate(NAMED);
        stale.push("…".to_owned());
    }
    Err(Error::OtherTrials { path: layout.root().to_owned(), count, trials: stale.join(", ") })
}

/// The first key in which the configuration of a run differs from `config`, or that of the weights if their file has changed.
/// A run without a checkpoint begins again with whatever the configuration is now.
fn changed_key(run: &Layout, config: &Config, is_finished: bool) -> Result<Option<String>> {
    let begun_with = if run.facts().is_file() {
        Some(Run::open(run.root())?.facts.backbone_sha256)
    } else {
        run_state(&run.checkpoints())?.map(|state| state.backbone_sha256)
    };
    if !run.config().is_file() || (begun_with.is_none() && !is_finished) {
        return Ok(None);
    }
    match same_configuration(run, config) {
        Ok(()) => {}
        Err(Error::OtherConfiguration { key, .. }) => return Ok(Some(key)),
        Err(error) => return Err(error),
    }
    let Some(before) = begun_with.flatten() else { return Ok(None) };
    match config.model.settings().backbone().map(|backbone| &backbone.weights) {
        Some(Weights::File(weights)) if weights.is_file() => {
            let now = sha256_file(weights).map_err(Error::io(weights))?;
            Ok((before != now).then(|| "backbone.weights".to_owned()))
        }
        _ => Ok(None),
    }
}

/// The key of the rule that stopped a trial, if the rule has changed: by another rule the trial might have gone on.
fn changed_rule(path: &Path, stopping: Option<Stopping>) -> Result<Option<String>> {
    let stopped_by = read(path)?.and_then(|record| record.stopped_by);
    Ok((stopped_by.is_some() && stopped_by != stopping).then(|| "search.stopping".to_owned()))
}

/// Reads the result of a trial, if there is one.
pub(super) fn read(path: &Path) -> Result<Option<TrialRecord>> {
    match fs::read(path) {
        Ok(text) => {
            let damaged = |error| Error::damaged(path, "the file", &error, "remove it to run the trial again");
            serde_json::from_slice(&text).map(Some).map_err(damaged)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(path)(error)),
    }
}

fn finished(run: &Run, dataset: &Arc<Dataset>, spec: &TrialSpec) -> Result<TrialRecord> {
    // On flex a fine-tuned backbone with test-time augmentation would take as long for the test tiles as for some epochs.
    let device = run.config.training.device.open()?;
    let model = run.model(&device)?;
    let loader = run.loader(dataset, run.indices(dataset, Split::Test)?, run.config.training.batch)?;
    let started = Instant::now();
    let scored = score_tiles(&model, run.preprocessing(), &run.facts.classes, &loader, &device)?;
    let inference_ms = started.elapsed().as_secs_f64() * 1000.0 / scored.len().max(1) as f64;
    let scores: Vec<f64> = scored.iter().map(|tile| tile.score).collect();
    let tested = Tested {
        best_epoch: run.facts.best_epoch,
        parameters: run.facts.parameters,
        threshold: run.facts.threshold.value,
        probabilities: !model.learns_from_normal_only() && scores.iter().copied().all(is_probability),
        scores,
    };
    Ok(record(spec, &run.history()?, run.facts.features_s, Some(tested), Some(inference_ms)))
}

/// Seconds for the features of an unfinished training.
fn features_s(run: &Path) -> Result<Option<f64>> {
    Ok(run_state(&Layout::new(run).checkpoints())?.and_then(|state| state.features_s))
}

fn record(
    spec: &TrialSpec,
    history: &[EpochRecord],
    features_s: Option<f64>,
    tested: Option<Tested>,
    inference_ms: Option<f64>,
) -> TrialRecord {
    let training_s = history.iter().map(|record| record.seconds).sum();
    TrialRecord {
        id: spec.id.clone(),
        seed: spec.seed,
        fold: spec.fold,
        val_auroc: curve(history),
        tested,
        stopped_by: None,
        time: TrialTime { training_s, features_s, inference_ms },
    }
}

impl TrialTime {
    /// Seconds of the whole training, features included.
    pub(super) fn total_s(&self) -> f64 {
        self.training_s + self.features_s.unwrap_or(0.0)
    }
}

impl TrialRecord {
    /// The validation AUROC that a search compares: that of the kept epoch, and of a stopped trial, which keeps no epoch, the best
    /// of any.
    pub(super) fn searched_val_auroc(&self) -> Option<f64> {
        match self.tested {
            Some(_) => self.kept_val_auroc(),
            None => self.val_auroc.iter().flatten().copied().reduce(f64::max),
        }
    }

    /// The validation AUROC of the epoch whose weights were kept.
    pub(super) fn kept_val_auroc(&self) -> Option<f64> {
        let kept = usize::try_from(self.tested.as_ref()?.best_epoch).ok()?;
        self.val_auroc.get(kept.checked_sub(1)?).copied().flatten()
    }

    /// The scores with the truth of the fold's test tiles.
    ///
    /// # Errors
    /// The reason if there are none, or not as many.
    pub(super) fn scored(&self, truth: &[Scored]) -> Result<Trial, String> {
        let tested = self.tested.as_ref().ok_or("was stopped, which is allowed only in the search")?;
        if tested.scores.len() != truth.len() {
            let (scores, tiles) = (tested.scores.len(), truth.len());
            return Err(format!("has {scores} scores for {tiles} test tiles; remove this file to run the trial again"));
        }
        let scored = truth.iter().zip(&tested.scores).map(|(tile, score)| Scored { score: *score, ..tile.clone() });
        Ok(Trial {
            fold: self.fold,
            seed: self.seed,
            scored: scored.collect(),
            threshold: tested.threshold,
            probabilities: tested.probabilities,
        })
    }
}
