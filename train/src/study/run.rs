//! The study from its configuration to its report.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::bench::Bench;
use super::config::{Search, StudyConfig};
use super::layout::StudyLayout;
use super::page;
use super::results::{Measured, Results, Role, SearchResult, SearchTrial};
use super::search::{Proposer, best_so_far, goes_on};
use super::times::Times;
use super::trial::{self, Tiles, TrialRecord, TrialSpec};
use super::variant::{Variant, slug};
use crate::config::config_error;
use crate::data::{self, LabelCount, Split};
use crate::picture::EpochRecord;
use crate::training::{Event, Observer};
use crate::{Error, Result};

/// What to study, on what, to where.
#[derive(Debug, Clone)]
pub struct StudyRequest {
    /// The configuration.
    pub config: StudyConfig,
    /// The folder that the models' files are relative to.
    pub folder: PathBuf,
    /// The data set; wins over the configuration's.
    pub data: Option<PathBuf>,
    /// The study's folder. One that holds the same study goes on where it was.
    pub out: PathBuf,
}

/// What a study says of itself while it runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum StudyEvent<'a> {
    /// The labels of the data set, and what each counts as. Comes before anything is learnt.
    Labels {
        /// Normal ones first.
        labels: &'a [LabelCount],
    },
    /// Tiles are read and split.
    Started {
        /// Tiles of the data set.
        tiles: usize,
        /// Folds.
        folds: usize,
        /// Trainings at most, the search included.
        trials: usize,
    },
    /// A trial begins, or is found to be over.
    Trial {
        /// Its name.
        id: &'a str,
        /// Which one it is, from 1.
        number: usize,
        /// It was finished before and does not run again.
        done: bool,
    },
    /// A trial's training says something.
    Training(&'a Event<'a>),
    /// A trial of the search ended early.
    Stopped {
        /// Its name.
        id: &'a str,
        /// Epochs done.
        epochs: usize,
    },
    /// Figures and pictures are made.
    Reporting,
}

/// Hears what a study says.
type Listener<'a> = dyn FnMut(&StudyEvent<'_>) + 'a;

/// Says whether a trial with this history goes on.
type Wanted<'a> = dyn FnMut(&[EpochRecord]) -> bool + 'a;

/// Runs a study, or what is left of one, and writes its report.
///
/// # Errors
/// What is wrong with the configuration, the data or the folder, or with a training. What is finished stays, and the
/// same study goes on from there.
pub fn study(request: &StudyRequest, listener: &mut Listener<'_>) -> Result<Results> {
    // Every configuration is checked before there is a folder that keeps to it.
    let variants = Variant::all(&request.config, &request.folder)?;
    for variant in &variants {
        variant.config(&request.config, 0)?;
    }
    let layout = StudyLayout::new(&request.out);
    let _lock = lock(&layout)?;
    layout.sweep()?;
    let bench = Bench::new(request, layout, &variants)?;
    let labels = data::label_counts(&bench.dataset, bench.classes.normal_names());
    listener(&StudyEvent::Labels { labels: &labels });
    let mut work = Work { bench: &bench, listener, number: 0 };
    work.started(variants.len());
    let mut measured = bench.baselines()?;
    for variant in &variants {
        measured.push(work.variant(variant, &[])?);
    }
    let found = bench.study.search.as_ref().map(|search| work.search(search, &variants)).transpose()?;
    let (tuned, search, search_s) = match found {
        Some(found) => (Some(found.tuned), Some(found.result), Some(found.seconds)),
        None => (None, None, None),
    };
    measured.extend(tuned);
    (work.listener)(&StudyEvent::Reporting);
    let results = bench.results(&measured, search)?;
    let times = Times::of(&measured, search_s);
    page::write(&bench.layout, &results, &times, &measured)?;
    Ok(results)
}

/// One study a folder at a time; the lock goes with the process, however it ends.
fn lock(layout: &StudyLayout) -> Result<File> {
    let root = layout.root();
    // Our own names that begin with a dot: the lock, and the first file in the making of a study that was killed there.
    let own = |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(b".");
    let foreign = |entry: std::io::Result<fs::DirEntry>| entry.is_ok_and(|entry| !own(&entry));
    if !layout.config().is_file() && fs::read_dir(root).is_ok_and(|mut entries| entries.any(foreign)) {
        return Err(Error::run(root, "exists already and holds no study; choose another folder with --out"));
    }
    fs::create_dir_all(root).map_err(Error::io(root))?;
    let path = root.join(".lock");
    let file = File::create(&path).map_err(Error::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::run(root, "another study is at work in this folder")),
        Err(TryLockError::Error(source)) => Err(Error::Io { path, source }),
    }
}

/// The trials under way.
struct Work<'a, 'b> {
    bench: &'a Bench,
    listener: &'a mut Listener<'b>,
    number: usize,
}

/// What a search came to.
struct Found {
    tuned: Measured,
    result: SearchResult,
    seconds: f64,
}

impl Work<'_, '_> {
    fn started(&mut self, variants: usize) {
        let bench = self.bench;
        let each = bench.study.seeds.len() * bench.plans.len();
        // What the search finds was trained once already.
        let search = bench.study.search.as_ref().map_or(0, |search| search.trials + each - 1);
        let (tiles, folds) = (bench.dataset.len(), bench.plans.len());
        (self.listener)(&StudyEvent::Started { tiles, folds, trials: variants * each + search });
    }

    /// A model with every seed on every fold. `known` are trials that it shares with the search.
    fn variant(&mut self, variant: &Variant, known: &[TrialRecord]) -> Result<Measured> {
        let bench = self.bench;
        let mut measured = Measured {
            name: variant.name.clone(),
            role: variant.role,
            of: variant.of.clone(),
            description: variant.config(&bench.study, 0)?.model.kind().to_owned(),
            changed: variant.changed.clone(),
            trials: Vec::new(),
            records: Vec::new(),
        };
        for &seed in &bench.study.seeds {
            for fold in 0..bench.plans.len() {
                let same = |record: &&TrialRecord| record.seed == seed && record.fold == fold;
                let record = match known.iter().find(same) {
                    Some(record) => record.clone(),
                    None => self.trial(variant, seed, fold, None)?,
                };
                let truth = bench.truth(&bench.plans[fold].indices(Split::Test));
                let trial = record.scored(&truth).ok_or_else(|| {
                    Error::run(&bench.layout.trial(&record.id), "was stopped, and only trials of the search may be")
                })?;
                measured.trials.push(trial);
                measured.records.push(record);
            }
        }
        Ok(measured)
    }

    fn trial(
        &mut self,
        variant: &Variant,
        seed: u64,
        fold: usize,
        goes_on: Option<&mut Wanted<'_>>,
    ) -> Result<TrialRecord> {
        let search = goes_on.is_some();
        let mut always = |_: &[EpochRecord]| true;
        let goes_on = goes_on.unwrap_or(&mut always);
        let id = format!("{}-seed{seed}-fold{fold}", slug(&variant.name));
        let config = variant.config(&self.bench.study, seed)?;
        let spec = TrialSpec { id, seed, fold, config, may_diverge: search };
        self.number += 1;
        let done = self.bench.layout.trial(&spec.id).is_file();
        (self.listener)(&StudyEvent::Trial { id: &spec.id, number: self.number, done });
        let tiles = Tiles { dataset: &self.bench.dataset, path: &self.bench.data_path };
        let record =
            trial::run(&self.bench.layout, &tiles, &spec, &mut Watch { listener: &mut *self.listener, goes_on })?;
        if record.tested.is_none() {
            (self.listener)(&StudyEvent::Stopped { id: &spec.id, epochs: record.val_auroc.len() });
        }
        Ok(record)
    }

    /// The search on the first fold with the first seed, then the model that it found.
    fn search(&mut self, search: &Search, variants: &[Variant]) -> Result<Found> {
        let base = variants.iter().find(|variant| variant.name == search.of);
        let base = base.ok_or_else(|| config_error("search.of", format!("`{}` is no model", search.of)))?;
        let mut proposer = Proposer::new(search)?;
        let (mut records, mut proposed) = (Vec::<TrialRecord>::new(), Vec::new());
        for number in 0..search.trials {
            let proposal = proposer.propose()?;
            let variant = base.changed(format!("{}-search{number}", base.name), Role::Tuned, &proposal.sets);
            let before: Vec<Vec<f64>> = records.iter().map(|record| best_so_far(&record.val_auroc)).collect();
            let mut wanted = |history: &[EpochRecord]| goes_on(search.stopping, &before, history);
            let record = self.trial(&variant, self.bench.study.seeds[0], 0, Some(&mut wanted))?;
            proposer.learn(&proposal, record.best_val_auroc().unwrap_or(0.5))?;
            records.push(record);
            proposed.push(proposal.sets);
        }
        let best = best_of(&records).ok_or_else(|| {
            config_error("search", "no trial came to its end; allow more epochs or other values".to_owned())
        })?;
        let tuned = base.changed(format!("{}-tuned", base.name), Role::Tuned, &proposed[best]);
        let tuned = self.variant(&tuned, &records[best..=best])?;
        let seconds = records.iter().map(|record| record.time.training_s).sum();
        let trials = records.iter().zip(proposed).map(|(record, set)| SearchTrial {
            set,
            val_auroc: record.best_val_auroc(),
            epochs: record.val_auroc.len(),
            stopped: record.tested.is_none(),
        });
        let result = SearchResult { of: base.name.clone(), method: search.method, trials: trials.collect(), best };
        Ok(Found { tuned, result, seconds })
    }
}

/// The trial that came to its end with the highest validation AUROC, the first of equals.
fn best_of(records: &[TrialRecord]) -> Option<usize> {
    let complete = records.iter().enumerate().filter(|(_, record)| record.tested.is_some());
    let scored = complete.filter_map(|(at, record)| Some((at, record.best_val_auroc()?)));
    scored.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(at, _)| at)
}

/// Passes a training's words on, and asks whether it goes on.
struct Watch<'a, 'b> {
    listener: &'a mut Listener<'b>,
    goes_on: &'a mut Wanted<'a>,
}

impl Observer for Watch<'_, '_> {
    fn event(&mut self, event: &Event<'_>) {
        (self.listener)(&StudyEvent::Training(event));
    }

    fn goes_on(&mut self, history: &[EpochRecord]) -> bool {
        (self.goes_on)(history)
    }
}

/// The folder of a configuration file, which the files that it names are relative to.
#[must_use]
pub(super) fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

impl StudyRequest {
    /// A study from its file.
    ///
    /// # Errors
    /// As [`StudyConfig::read`].
    pub fn read(path: &Path, sets: &[String], data: Option<PathBuf>, out: Option<PathBuf>) -> Result<Self> {
        let config = StudyConfig::read(path, sets)?;
        let out = out.unwrap_or_else(|| PathBuf::from("studies").join(&config.name));
        Ok(Self { config, folder: folder_of(path), data, out })
    }
}
