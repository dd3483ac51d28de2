//! The course of a training: preparation, epochs, completion.

use std::fs::{self, File};

use burn::module::Module;
use kiln_files::publish;

use super::prepared::{self, Prepared};
use super::request::{Outcome, TrainRequest};
use super::trainer::Trainer;
use super::{Event, Layout, Observer, Run, checkpoint, finish};
use crate::data;
use crate::{Error, Result, lock};

/// Trains to a complete run.
///
/// # Errors
/// A fault of the configuration, the data or the folder, or a loss that is not a number. The folder then holds a training
/// that can be resumed, or nothing if there was no checkpoint yet. Stopping by the observer is an error, too.
pub fn train(request: &TrainRequest, observer: &mut dyn Observer) -> Result<Run> {
    match train_unless_stopped(request, observer)? {
        Outcome::Finished(run) => Ok(*run),
        Outcome::Stopped(history) => Err(Error::RunStopped { path: request.out.clone(), epochs: history.len() }),
    }
}

/// Trains until done or until the observer stops it; it is asked before each epoch.
///
/// # Errors
/// As [`train`].
pub fn train_unless_stopped(request: &TrainRequest, observer: &mut dyn Observer) -> Result<Outcome> {
    let layout = Layout::new(&request.out);
    let _lock = lock_folder(&layout, request.resume)?;
    tidy(&layout)?;
    let outcome = course(request, &layout, observer);
    if outcome.is_err() && !request.resume {
        withdraw(&layout);
    }
    outcome
}

fn course(request: &TrainRequest, layout: &Layout, observer: &mut dyn Observer) -> Result<Outcome> {
    if layout.facts().is_file() {
        prepared::same_configuration(layout, &request.config)?;
        let run = Run::open(&request.out)?;
        prepared::same_data(request, &run)?;
        return Ok(Outcome::Finished(Box::new(run)));
    }
    let prepared = Prepared::new(request, layout)?;
    let labels = data::label_counts(&prepared.dataset, prepared.classes.normal_names());
    observer.event(&Event::Labels { labels: &labels });
    if prepared.dataset.unlabelled > 0 {
        observer.event(&Event::Unlabelled { tiles: prepared.dataset.unlabelled });
    }
    let unlearnt = prepared.unlearnt_labels();
    if !unlearnt.is_empty() {
        observer.event(&Event::UnlearntLabels { labels: &unlearnt });
    }
    let slides = data::divided_slides(&prepared.dataset, &prepared.plan);
    if slides > 0 {
        observer.event(&Event::DividedSlides { slides });
    }
    let (mut trainer, mut zoo) = Trainer::new(&prepared, layout, observer)?;
    observer.event(&trainer.started(&zoo));
    while !trainer.state.finished {
        // A resumed training asks again about its epochs, so a kill between epoch and answer changes nothing.
        if !observer.goes_on(&trainer.state.history) {
            return Ok(Outcome::Stopped(trainer.state.history.clone()));
        }
        zoo = trainer.epoch(zoo, observer)?;
    }
    observer.event(&Event::Evaluating);
    let zoo = checkpoint::load_weights(&layout.best(), zoo.valid())?;
    finish::finish(&prepared, layout, zoo, &trainer.state, &trainer.inference)?;
    tidy(layout)?;
    observer.event(&Event::Finished { run: layout.root() });
    Ok(Outcome::Finished(Box::new(Run::open(&request.out)?)))
}

/// Lock file of a training in a run's folder. Present before and after training, with or without a run.
const LOCK: &str = ".lock";

/// Locks the folder for one training. The lock ends with the process.
fn lock_folder(layout: &Layout, resume: bool) -> Result<File> {
    let root = layout.root();
    let own = |entry: &std::io::Result<fs::DirEntry>| entry.as_ref().is_ok_and(|entry| entry.file_name() == LOCK);
    let occupied = fs::read_dir(root).is_ok_and(|mut entries| entries.any(|entry| !own(&entry)));
    if occupied && !resume {
        return Err(Error::RunExists { path: root.to_owned() });
    }
    if occupied && !is_of_a_training(layout) {
        return Err(Error::NothingToResume { path: root.to_owned() });
    }
    fs::create_dir_all(root).map_err(Error::io(root))?;
    lock::exclusive(&root.join(LOCK), root, "training")
}

/// The folder has a training, complete or not: its lock, a run's facts or a checkpoint. A copy may lack the lock.
fn is_of_a_training(layout: &Layout) -> bool {
    let has_lock = layout.root().join(LOCK).is_file();
    has_lock || Run::open(layout.root()).is_ok() || matches!(checkpoint::state(&layout.checkpoints()), Ok(Some(_)))
}

/// Removes what a training wrote to its new folder before it failed without a checkpoint: the corrected command may then use
/// the same folder. Its own error is the one to report, so failures here are ignored.
fn withdraw(layout: &Layout) {
    if !matches!(checkpoint::state(&layout.checkpoints()), Ok(None)) {
        return;
    }
    for path in [layout.config(), layout.split(), layout.seen()] {
        let _ = fs::remove_file(path);
    }
    let _ = fs::remove_dir_all(layout.checkpoints());
}

/// Removes the leftovers of a killed training: unfinished files, and the checkpoints of a complete run.
fn tidy(layout: &Layout) -> Result<()> {
    for folder in [layout.root(), &layout.pictures()] {
        publish::sweep(folder).map_err(Error::io(folder))?;
    }
    let checkpoints = layout.checkpoints();
    if layout.facts().is_file() && checkpoints.is_dir() {
        fs::remove_dir_all(&checkpoints).map_err(Error::io(&checkpoints))?;
    }
    Ok(())
}
