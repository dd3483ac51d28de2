//! Runs a study from its configuration to its report.

use std::fs::{self, File};

use super::config::Search;
use super::layout::StudyLayout;
use super::request::StudyRequest;
use super::results::{Measured, Results, Role, SearchResult, SearchTrial};
use super::search::{Proposer, best_so_far, should_continue};
use super::setup::Setup;
use super::times::Times;
use super::trial::{self, Tiles, TrialRecord, TrialSpec};
use super::variant::{Variant, check_all, search_name};
use super::{baselines, page};
use crate::config::config_error;
use crate::data::{self, LabelCount, Split};
use crate::picture::EpochRecord;
use crate::training::{Event, Observer};
use crate::{Error, Result, lock};

/// Progress of a study.
#[derive(Debug)]
#[non_exhaustive]
pub enum StudyEvent<'a> {
    /// The labels of the data set, normal or anomalous. Comes before the first training.
    Labels {
        /// Normal ones first.
        labels: &'a [LabelCount],
    },
    /// The tiles are read and split.
    Started {
        /// Number of tiles.
        tiles: usize,
        /// Number of folds.
        folds: usize,
        /// Largest number of trainings, with those of the search.
        trials: usize,
    },
    /// A trial starts, or was finished before.
    Trial {
        /// Name of the trial.
        id: &'a str,
        /// Number of the trial, from 1.
        number: usize,
        /// True if it was finished before and does not run again.
        done: bool,
    },
    /// Progress of a training.
    Training(&'a Event<'a>),
    /// A trial of the search was stopped early.
    Stopped {
        /// Name of the trial.
        id: &'a str,
        /// Number of finished epochs.
        epochs: usize,
    },
    /// The report is written.
    Reporting,
}

/// Receives the events of a study.
type Listener<'a> = dyn FnMut(&StudyEvent<'_>) + 'a;

/// Decides whether a trial with this history continues.
type Continue<'a> = dyn FnMut(&[EpochRecord]) -> bool + 'a;

/// Runs a study, or continues one, and writes its report.
///
/// # Errors
/// An invalid configuration, data set or folder, or a failed training. Finished trials are kept, and the same request
/// continues after them.
pub fn run(request: &StudyRequest, listener: &mut Listener<'_>) -> Result<Results> {
    // All configurations are checked before anything is written.
    let variants = Variant::all(&request.config, &request.folder)?;
    check_all(&request.config, &variants)?;
    let layout = StudyLayout::new(&request.out);
    let _lock = lock_folder(&layout)?;
    layout.sweep()?;
    let setup = Setup::new(request, layout, &variants)?;
    let labels = data::label_counts(&setup.dataset, setup.classes.normal_names());
    listener(&StudyEvent::Labels { labels: &labels });
    let mut work = Work { setup: &setup, listener, number: 0 };
    work.check_begun(&variants)?;
    setup.begin()?;
    work.started(variants.len());
    let mut measured = baselines::measure(&setup)?;
    for variant in &variants {
        measured.push(work.variant(variant, &[])?);
    }
    let found = setup.study.search.as_ref().map(|search| work.search(search, &variants)).transpose()?;
    let (tuned, search, search_s) = match found {
        Some(found) => (Some(found.tuned), Some(found.result), Some(found.seconds)),
        None => (None, None, None),
    };
    measured.extend(tuned);
    (work.listener)(&StudyEvent::Reporting);
    let results = setup.results(&measured, search)?;
    let times = Times::new(&measured, search_s);
    page::write(&setup.layout, &results, &times, &measured)?;
    Ok(results)
}

/// Locks the folder for this study; the lock ends with the process.
fn lock_folder(layout: &StudyLayout) -> Result<File> {
    let root = layout.root();
    // Names with a dot are our own: the lock, and the temporary file of a study that was killed.
    let own = |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(b".");
    let foreign = |entry: std::io::Result<fs::DirEntry>| entry.is_ok_and(|entry| !own(&entry));
    if !layout.config().is_file() && fs::read_dir(root).is_ok_and(|mut entries| entries.any(foreign)) {
        return Err(Error::NotAStudy { path: root.to_owned() });
    }
    fs::create_dir_all(root).map_err(Error::io(root))?;
    lock::exclusive(&root.join(".lock"), root, "study")
}

/// The state of a running study.
struct Work<'a, 'b> {
    setup: &'a Setup,
    listener: &'a mut Listener<'b>,
    number: usize,
}

/// The result of a search.
struct Found {
    tuned: Measured,
    result: SearchResult,
    seconds: f64,
}

impl Work<'_, '_> {
    fn started(&mut self, variants: usize) {
        let setup = self.setup;
        let each = setup.study.seeds.len() * setup.plans.len();
        // One training of the tuned model is a trial of the search.
        let search = setup.study.search.as_ref().map_or(0, |search| search.trials + each - 1);
        let (tiles, folds) = (setup.dataset.len(), setup.plans.len());
        (self.listener)(&StudyEvent::Started { tiles, folds, trials: variants * each + search });
    }

    /// Trains a model with every seed on every fold. `known` are trials of the search that need not be repeated.
    fn variant(&mut self, variant: &Variant, known: &[TrialRecord]) -> Result<Measured> {
        let setup = self.setup;
        let mut measured = Measured {
            name: variant.name.clone(),
            role: variant.role,
            of: variant.of.clone(),
            description: variant.config(&setup.study, 0)?.model.kind().to_owned(),
            changed: variant.changed.clone(),
            trials: Vec::new(),
            records: Vec::new(),
        };
        for &seed in &setup.study.seeds {
            for fold in 0..setup.plans.len() {
                let same = |record: &&TrialRecord| record.seed == seed && record.fold == fold;
                let record = match known.iter().find(same) {
                    Some(record) => record.clone(),
                    None => self.trial(variant, seed, fold, None)?,
                };
                let truth = setup.truth(&setup.plans[fold].indices(Split::Test));
                let trial =
                    record.scored(&truth).map_err(|reason| Error::run(&setup.layout.trial(&record.id), reason))?;
                measured.trials.push(trial);
                measured.records.push(record);
            }
        }
        Ok(measured)
    }

    fn spec(&self, variant: &Variant, seed: u64, fold: usize) -> Result<TrialSpec> {
        let id = variant.trial(seed, fold);
        Ok(TrialSpec {
            id,
            seed,
            fold,
            config: variant.config(&self.setup.study, seed)?,
            may_diverge: false,
            stopping: None,
        })
    }

    /// Checks trials that were begun before: a configuration or a split may have changed since.
    fn check_begun(&self, variants: &[Variant]) -> Result<()> {
        let setup = self.setup;
        let mut specs = Vec::new();
        for variant in variants {
            for &seed in &setup.study.seeds {
                for fold in 0..setup.plans.len() {
                    specs.push(self.spec(variant, seed, fold)?);
                }
            }
        }
        if let Some(search) = &setup.study.search {
            specs.extend(self.begun_by(search, variants)?);
        }
        specs.iter().try_for_each(|spec| setup.check_same_split(&spec.id, spec.fold))?;
        trial::refuse_stale(&setup.layout, &specs)
    }

    /// The finished trials of a search and the one after them, proposed again from their results.
    fn begun_by(&self, search: &Search, variants: &[Variant]) -> Result<Vec<TrialSpec>> {
        let Some(base) = variants.iter().find(|variant| variant.name == search.of) else { return Ok(Vec::new()) };
        let (mut proposer, mut specs) = (Proposer::new(search)?, Vec::new());
        for number in 0..search.trials {
            let proposal = proposer.propose()?;
            let variant = base.changed(search_name(&base.name, number), Role::Tuned, &proposal.sets);
            let spec = self.spec(&variant, self.setup.study.seeds[0], 0)?;
            specs.push(TrialSpec { stopping: search.stopping, ..spec });
            let Some(record) = specs.last().map_or(Ok(None), |spec| trial::read(&self.setup.layout.trial(&spec.id)))?
            else {
                break;
            };
            proposer.observe(&proposal, record.searched_val_auroc().unwrap_or(0.5))?;
        }
        Ok(specs)
    }

    fn trial(
        &mut self,
        variant: &Variant,
        seed: u64,
        fold: usize,
        goes_on: Option<&mut Continue<'_>>,
    ) -> Result<TrialRecord> {
        let search = goes_on.is_some();
        let stopping = self.setup.study.search.as_ref().filter(|_| search).and_then(|search| search.stopping);
        let mut always = |_: &[EpochRecord]| true;
        let goes_on = goes_on.unwrap_or(&mut always);
        let spec = TrialSpec { may_diverge: search, stopping, ..self.spec(variant, seed, fold)? };
        self.number += 1;
        let done = self.setup.layout.trial(&spec.id).is_file();
        (self.listener)(&StudyEvent::Trial { id: &spec.id, number: self.number, done });
        let setup = self.setup;
        let tiles = Tiles {
            dataset: &setup.dataset,
            path: &setup.data_path,
            openslide: setup.openslide.as_deref(),
            features: setup.features.as_ref(),
        };
        let record =
            trial::run(&self.setup.layout, &tiles, &spec, &mut Watch { listener: &mut *self.listener, goes_on })?;
        if record.tested.is_none() {
            (self.listener)(&StudyEvent::Stopped { id: &spec.id, epochs: record.val_auroc.len() });
        }
        Ok(record)
    }

    /// Searches on the first fold with the first seed, then trains the best model.
    fn search(&mut self, search: &Search, variants: &[Variant]) -> Result<Found> {
        let base = variants.iter().find(|variant| variant.name == search.of);
        let base = base.ok_or_else(|| config_error("search.of", format!("`{}` is no model", search.of)))?;
        let mut proposer = Proposer::new(search)?;
        let (mut records, mut proposed) = (Vec::<TrialRecord>::new(), Vec::new());
        for number in 0..search.trials {
            let proposal = proposer.propose()?;
            let variant = base.changed(search_name(&base.name, number), Role::Tuned, &proposal.sets);
            let before: Vec<Vec<f64>> = records.iter().map(|record| best_so_far(&record.val_auroc)).collect();
            let mut proceed = |history: &[EpochRecord]| should_continue(search.stopping, &before, history);
            let record = self.trial(&variant, self.setup.study.seeds[0], 0, Some(&mut proceed))?;
            proposer.observe(&proposal, record.searched_val_auroc().unwrap_or(0.5))?;
            records.push(record);
            proposed.push(proposal.sets);
        }
        let best = best_of(&records)
            .ok_or_else(|| config_error("search", "no trial finished; allow more epochs or other values".to_owned()))?;
        let tuned = base.tuned(&proposed[best]);
        let tuned = self.variant(&tuned, &records[best..=best])?;
        let seconds = records.iter().map(|record| record.time.total_s()).sum();
        let trials = records.iter().zip(proposed).map(|(record, set)| SearchTrial {
            set,
            val_auroc: record.searched_val_auroc(),
            epochs: record.val_auroc.len(),
            stopped: record.tested.is_none(),
        });
        let result = SearchResult { of: base.name.clone(), method: search.method, trials: trials.collect(), best };
        Ok(Found { tuned, result, seconds })
    }
}

/// The finished trial whose kept weights have the highest validation AUROC, the first of equals.
pub(super) fn best_of(records: &[TrialRecord]) -> Option<usize> {
    let complete = records.iter().enumerate().filter(|(_, record)| record.tested.is_some());
    let scored = complete.filter_map(|(at, record)| Some((at, record.kept_val_auroc()?)));
    scored.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(at, _)| at)
}

/// Forwards the events of a training, and decides whether it continues.
struct Watch<'a, 'b> {
    listener: &'a mut Listener<'b>,
    goes_on: &'a mut Continue<'a>,
}

impl Observer for Watch<'_, '_> {
    fn event(&mut self, event: &Event<'_>) {
        (self.listener)(&StudyEvent::Training(event));
    }

    fn goes_on(&mut self, history: &[EpochRecord]) -> bool {
        (self.goes_on)(history)
    }
}
