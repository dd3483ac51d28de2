//! The figures of a study, as `report.json` holds them. Nothing in it depends on the clock, so a study that was killed
//! and resumed writes the same bytes as one that was not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::{SearchMethod, StudyConfig};
use super::trial::TrialRecord;
use crate::data::LabelCount;
use crate::metrics::{Bootstrap, Comparison, Summary, Trial, auroc, compare, summarise};
use crate::{Error, Result};

/// What a line of the report stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A classical baseline.
    Baseline,
    /// A model as the study names it.
    Model,
    /// A model with a component removed or changed.
    Ablation,
    /// A model with what the search found.
    Tuned,
}

/// `report.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Version of this file's form: 1.
    pub schema: u32,
    /// Name of the study.
    pub name: String,
    /// SHA-256 over the data set's paths, labels, groups and files.
    pub data_sha256: String,
    /// Tiles of the data set.
    pub tiles: usize,
    /// The labels with their tiles, and what each counts as.
    #[serde(default)]
    pub labels: Vec<LabelCount>,
    /// Groups that they come from.
    pub groups: usize,
    /// Tiles in each part of each fold.
    pub folds: Vec<FoldFacts>,
    /// Seeds that each model was trained with.
    pub seeds: Vec<u64>,
    /// What all others are compared with.
    pub reference: String,
    /// How intervals were drawn.
    pub bootstrap: Bootstrap,
    /// Baselines, models, ablations and what the search found, in this order.
    pub entries: Vec<Entry>,
    /// The search over hyper-parameters.
    pub search: Option<SearchResult>,
}

/// Tiles in each part of a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldFacts {
    /// For finding weights.
    pub train: usize,
    /// For stopping, thresholds and the search.
    pub val: usize,
    /// For the figures.
    pub test: usize,
}

/// A line of the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub role: Role,
    /// The model that it is a form of.
    pub of: Option<String>,
    /// What it is, in a few words.
    pub description: String,
    /// Keys that were changed, `key=value`.
    pub changed: Vec<String>,
    /// Trained weights.
    pub parameters: Option<u64>,
    /// Figures over all trainings, on test tiles.
    pub summary: Summary,
    /// Against the study's reference, on the same tiles.
    pub against_reference: Option<Comparison>,
    /// Against the model that it is a form of, on the same tiles.
    pub against_base: Option<Comparison>,
    /// Each training.
    pub trials: Vec<TrialFigures>,
}

/// One training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialFigures {
    /// Seed of the training.
    pub seed: u64,
    /// The fold whose test tiles it was measured on.
    pub fold: usize,
    /// Area under the ROC curve on them.
    pub auroc: f64,
    /// The kept epoch's on the validation tiles; nothing for a baseline.
    pub val_auroc: Option<f64>,
    /// Epochs done.
    pub epochs: usize,
    /// The epoch whose weights were kept, from 1.
    pub best_epoch: Option<u64>,
    /// Its threshold.
    pub threshold: f64,
}

/// A search over hyper-parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchResult {
    /// The model that was searched around.
    pub of: String,
    /// How values were drawn.
    pub method: SearchMethod,
    /// Each trial.
    pub trials: Vec<SearchTrial>,
    /// Number of the best one by validation AUROC.
    pub best: usize,
}

/// A trial of the search. Its test tiles are not looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchTrial {
    /// The values, `key=value`.
    pub set: Vec<String>,
    /// The best validation AUROC of any epoch.
    pub val_auroc: Option<f64>,
    /// Epochs done.
    pub epochs: usize,
    /// It was stopped before its end.
    pub stopped: bool,
}

impl Results {
    /// Why intervals and tests say less than they seem to, where they do: the same for all, who share the tiles.
    #[must_use]
    pub fn caution(&self) -> Option<&str> {
        self.entries.iter().find_map(|entry| entry.summary.caution.as_deref())
    }
}

/// Something that was trained or fitted, and its scores.
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) of: Option<String>,
    pub(super) description: String,
    pub(super) changed: Vec<String>,
    pub(super) trials: Vec<Trial>,
    /// What trainings came to, in the order of the trials; none for a baseline.
    pub(super) records: Vec<TrialRecord>,
}

/// Works out every entry.
pub(super) fn entries(study: &StudyConfig, measured: &[Measured], bootstrap: Bootstrap) -> Result<Vec<Entry>> {
    let by_name: BTreeMap<&str, &Measured> = measured.iter().map(|one| (one.name.as_str(), one)).collect();
    let against = |one: &Measured, other: Option<&&Measured>| -> Result<Option<Comparison>> {
        let other = other.filter(|other| other.name != one.name);
        Ok(other.map(|other| compare(&one.trials, &other.trials, bootstrap)).transpose()?)
    };
    let entry = |one: &Measured| -> Result<Entry> {
        Ok(Entry {
            name: one.name.clone(),
            role: one.role,
            of: one.of.clone(),
            description: one.description.clone(),
            changed: one.changed.clone(),
            parameters: one.records.iter().find_map(|record| Some(record.tested.as_ref()?.parameters)),
            summary: summarise(&one.trials, bootstrap)?,
            against_reference: against(one, by_name.get(study.reference.as_str()))?,
            against_base: against(one, one.of.as_ref().and_then(|name| by_name.get(name.as_str())))?,
            trials: one.figures()?,
        })
    };
    measured.iter().map(entry).collect()
}

impl Measured {
    fn figures(&self) -> Result<Vec<TrialFigures>> {
        let figures = |(at, trial): (usize, &Trial)| {
            let record = self.records.get(at);
            Ok(TrialFigures {
                seed: trial.seed,
                fold: trial.fold,
                auroc: auroc(&trial.scored).map_err(Error::from)?,
                val_auroc: record.and_then(TrialRecord::kept_val_auroc),
                epochs: record.map_or(0, |record| record.val_auroc.len()),
                best_epoch: record.and_then(|record| Some(record.tested.as_ref()?.best_epoch)),
                threshold: trial.threshold,
            })
        };
        self.trials.iter().enumerate().map(figures).collect()
    }
}
