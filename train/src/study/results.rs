//! The results of a study: the content of `report.json`. They do not depend on time, so a study that was killed and resumed
//! writes the same bytes as an uninterrupted one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::by_centre::ByCentre;
use super::config::{SearchMethod, StudyConfig};
use super::held_out::HeldOut;
use super::trial::TrialRecord;
use crate::data::LabelCount;
use crate::metrics::{Bootstrap, Comparison, Summary, Trial, auroc, compare, summarise, trial_cautions};
use crate::{Error, Result};

/// The kind of an entry of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A classical baseline.
    Baseline,
    /// A model of the configuration.
    Model,
    /// A model with a component removed or changed.
    Ablation,
    /// A model with the best values of the search.
    Tuned,
}

/// The content of `report.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Version of the format: 1.
    pub schema: u32,
    /// Name of the study.
    pub name: String,
    /// SHA-256 over the data set's paths, labels, groups and files.
    pub data_sha256: String,
    /// Number of tiles of the data set.
    pub tiles: usize,
    /// The labels with their numbers of tiles, normal or anomalous.
    #[serde(default)]
    pub labels: Vec<LabelCount>,
    /// Number of groups.
    pub groups: usize,
    /// Number of tiles in each split of each fold.
    pub folds: Vec<FoldSizes>,
    /// The centre that each fold holds out, if folds are centres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOut>,
    /// Seeds of the trainings of each model.
    pub seeds: Vec<u64>,
    /// The entry that all others are compared with.
    pub reference: String,
    /// Options of the intervals.
    pub bootstrap: Bootstrap,
    /// Baselines, models, ablations and the tuned model, in this order.
    pub entries: Vec<Entry>,
    /// The search over hyper-parameters.
    pub search: Option<SearchResult>,
}

/// Number of tiles in each split of a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldSizes {
    /// Training split.
    pub train: usize,
    /// Validation split.
    pub val: usize,
    /// Test split.
    pub test: usize,
}

/// An entry of the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Name.
    pub name: String,
    /// Kind.
    pub role: Role,
    /// The model that it is a variant of.
    pub of: Option<String>,
    /// Short description.
    pub description: String,
    /// Changed keys, `key=value`.
    pub changed: Vec<String>,
    /// Number of trained parameters.
    pub parameters: Option<u64>,
    /// Metrics over all trainings, on test tiles.
    pub summary: Summary,
    /// Warnings about trainings whose scores separate nothing, and about an AUROC at or below chance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cautions: Vec<String>,
    /// Metrics by held-out centre, if folds are centres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_centre: Option<ByCentre>,
    /// Comparison with the reference, on the same tiles.
    pub against_reference: Option<Comparison>,
    /// Comparison with the unchanged model, on the same tiles.
    pub against_base: Option<Comparison>,
    /// The trainings.
    pub trials: Vec<TrialMetrics>,
}

/// Metrics of one training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialMetrics {
    /// Seed of the training.
    pub seed: u64,
    /// Number of the fold.
    pub fold: usize,
    /// Area under the ROC curve on the test tiles.
    pub auroc: f64,
    /// Area under the ROC curve on the validation tiles at the kept epoch; none for a baseline.
    pub val_auroc: Option<f64>,
    /// Number of epochs.
    pub epochs: usize,
    /// The kept epoch, from 1.
    pub best_epoch: Option<u64>,
    /// The threshold.
    pub threshold: f64,
}

/// The result of a search over hyper-parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchResult {
    /// The model whose hyper-parameters were searched.
    pub of: String,
    /// Method of the search.
    pub method: SearchMethod,
    /// The trials.
    pub trials: Vec<SearchTrial>,
    /// Index of the trial whose kept weights have the best validation AUROC.
    pub best: usize,
}

/// A trial of the search. Its test tiles are not used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchTrial {
    /// The values, `key=value`.
    pub set: Vec<String>,
    /// The validation AUROC of the kept epoch; the best of any epoch if the trial was stopped.
    pub val_auroc: Option<f64>,
    /// Number of epochs.
    pub epochs: usize,
    /// True if it was stopped early.
    pub stopped: bool,
}

impl Results {
    /// The name of a fold: its number, and the centre that it holds out.
    #[must_use]
    pub fn fold_name(&self, fold: usize) -> String {
        let centre = self.held_out.as_ref().and_then(|held_out| held_out.centres.get(fold));
        centre.map_or_else(|| fold.to_string(), |centre| format!("{fold}, without {}", centre.name))
    }

    /// Warning if intervals and tests are unreliable; equal for all entries, which share the tiles.
    #[must_use]
    pub fn caution(&self) -> Option<&str> {
        self.entries.iter().find_map(|entry| entry.summary.caution.as_deref())
    }

    /// Warnings about scores that separate nothing, each with the name of its entry.
    #[must_use]
    pub fn score_cautions(&self) -> Vec<String> {
        let of_entry = |entry: &Entry| -> Vec<String> {
            entry.cautions.iter().map(|caution| format!("{}: {caution}", entry.name)).collect()
        };
        self.entries.iter().flat_map(of_entry).collect()
    }
}

/// A trained model or fitted baseline with its scores.
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) of: Option<String>,
    pub(super) description: String,
    pub(super) changed: Vec<String>,
    pub(super) trials: Vec<Trial>,
    /// Records of the trainings, in the order of the trials; empty for a baseline.
    pub(super) records: Vec<TrialRecord>,
}

/// Computes all entries.
pub(super) fn entries(
    study: &StudyConfig,
    measured: &[Measured],
    held_out: Option<&HeldOut>,
    bootstrap: Bootstrap,
) -> Result<Vec<Entry>> {
    let by_name: BTreeMap<&str, &Measured> = measured.iter().map(|one| (one.name.as_str(), one)).collect();
    let against = |one: &Measured, other: Option<&&Measured>| -> Result<Option<Comparison>> {
        let other = other.filter(|other| other.name != one.name);
        Ok(other.map(|other| compare(&one.trials, &other.trials, bootstrap)).transpose()?)
    };
    let entry = |one: &Measured| -> Result<Entry> {
        let summary = summarise(&one.trials, bootstrap)?;
        Ok(Entry {
            name: one.name.clone(),
            role: one.role,
            of: one.of.clone(),
            description: one.description.clone(),
            changed: one.changed.clone(),
            parameters: one.records.iter().find_map(|record| Some(record.tested.as_ref()?.parameters)),
            cautions: one.cautions(&summary)?,
            summary,
            by_centre: held_out.map(|held_out| ByCentre::new(held_out, &one.trials, bootstrap)).transpose()?,
            against_reference: against(one, by_name.get(study.reference.as_str()))?,
            against_base: against(one, one.of.as_ref().and_then(|name| by_name.get(name.as_str())))?,
            trials: one.trial_metrics()?,
        })
    };
    measured.iter().map(entry).collect()
}

impl Measured {
    /// A warning about the trainings whose scores separate nothing, with the reason of the first, and one about the AUROC.
    fn cautions(&self, summary: &Summary) -> Result<Vec<String>> {
        /// Trainings that a warning names.
        const NAMED: usize = 3;
        let found = trial_cautions(&self.trials, summary.auroc)?;
        let name = |(at, _): &(usize, String)| match &self.trials[*at] {
            trial if self.role == Role::Baseline => format!("fold {}", trial.fold),
            trial => format!("seed {}, fold {}", trial.seed, trial.fold),
        };
        let mut named: Vec<String> = found.trials.iter().take(NAMED).map(name).collect();
        if found.trials.len() > NAMED {
            named.push("…".to_owned());
        }
        let (count, all) = (found.trials.len(), self.trials.len());
        let of_trials = found.trials.into_iter().next().map(|(_, reason)| match all {
            1 => reason,
            _ => format!("in {count} of {all} trainings ({}): {reason}", named.join("; ")),
        });
        Ok(of_trials.into_iter().chain(found.ranking).collect())
    }

    fn trial_metrics(&self) -> Result<Vec<TrialMetrics>> {
        let metrics = |(at, trial): (usize, &Trial)| {
            let record = self.records.get(at);
            Ok(TrialMetrics {
                seed: trial.seed,
                fold: trial.fold,
                auroc: auroc(&trial.scored).map_err(Error::from)?,
                val_auroc: record.and_then(TrialRecord::kept_val_auroc),
                epochs: record.map_or(0, |record| record.val_auroc.len()),
                best_epoch: record.and_then(|record| Some(record.tested.as_ref()?.best_epoch)),
                threshold: trial.threshold,
            })
        };
        self.trials.iter().enumerate().map(metrics).collect()
    }
}
