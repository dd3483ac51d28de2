//! Checkpoints: a folder `step-N` with weights, optimiser and state, published atomically. Older checkpoints are removed only
//! after the newest is in place, so a kill at any moment leaves one that can be resumed.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use kiln_files::digest::{sha256_file, sha256_hex};
use kiln_files::publish::{self, Staged};

use super::state::TrainingState;
use crate::model::Zoo;
use crate::{Error, Result};

const WEIGHTS: &str = "weights.bpk";
/// The averaged weights, if the configuration asks for them.
const AVERAGE: &str = "average.bpk";
const OPTIMIZER: &str = "optimizer.bpk";
const STATE: &str = "state.json";
const PREFIX: &str = "step-";

/// Writes the checkpoint of `state` under `folder` and drops older ones. `averaged`: the model with averaged weights, if the
/// training has them.
pub(crate) fn write(
    folder: &Path,
    zoo: &Zoo,
    averaged: Option<&Zoo>,
    optimizer: &ModuleOptimizer,
    state: &TrainingState,
) -> Result<()> {
    let target = folder.join(format!("{PREFIX}{:08}-{:06}-{}", state.step, state.epoch, u8::from(state.finished)));
    if target.exists() {
        return Ok(());
    }
    let staged = Staged::beside(&target).map_err(Error::io(&target))?;
    let record =
        |error: burn::store::RecordError| Error::run(folder, format!("the checkpoint cannot be written: {error}"));
    // Batch normalisation applies its newest running figures only when they are read; a record does not read them, and
    // `valid` does.
    let _ = zoo.valid();
    let weights = zoo.clone().into_record().into_bytes().map_err(record)?;
    let optimizer = optimizer.into_bytes().map_err(record)?;
    let averaged = averaged.map(|zoo| zoo.clone().into_record().into_bytes()).transpose().map_err(record)?;
    let mut parts: Vec<(&str, &[u8])> = vec![(WEIGHTS, &weights), (OPTIMIZER, &optimizer)];
    parts.extend(averaged.as_ref().map(|bytes| (AVERAGE, &bytes[..])));
    let digests = parts.iter().map(|(name, bytes)| ((*name).to_owned(), sha256_hex(bytes)));
    let state = TrainingState { files_sha256: digests.collect(), ..state.clone() };
    let state_text = serde_json::to_vec_pretty(&state).map_err(|error| Error::run(folder, error.to_string()))?;
    parts.push((STATE, &state_text));
    for (name, bytes) in parts {
        let path = staged.path().join(name);
        fs::write(&path, bytes).map_err(Error::io(&path))?;
    }
    staged.publish(false).map_err(Error::io(&target))?;
    for older in all(folder)?.into_iter().filter(|path| *path != target) {
        fs::remove_dir_all(&older).map_err(Error::io(&older))?;
    }
    Ok(())
}

/// The newest checkpoint under `folder`, if there is one, loaded into `zoo` and `optimizer`.
pub(crate) fn read(
    folder: &Path,
    zoo: Zoo,
    optimizer: ModuleOptimizer,
) -> Result<(Zoo, ModuleOptimizer, Option<TrainingState>)> {
    let Some(newest) = all(folder)?.pop() else {
        return Ok((zoo, optimizer, None));
    };
    let state = state_of(&newest)?;
    for (name, known) in &state.files_sha256 {
        let path = newest.join(name);
        if sha256_file(&path).map_err(Error::io(&path))? != *known {
            return Err(broken(&newest, name, &"its SHA-256 is not that of state.json"));
        }
    }
    let zoo = load_weights(&newest.join(WEIGHTS), zoo)?;
    let bytes = fs::read(newest.join(OPTIMIZER)).map_err(Error::io(&newest))?;
    let optimizer =
        optimizer.from_bytes(Bytes::from_bytes_vec(bytes)).map_err(|error| broken(&newest, OPTIMIZER, &error))?;
    Ok((zoo, optimizer, Some(state)))
}

/// The averaged weights of the newest checkpoint under `folder`, loaded into `zoo`.
pub(crate) fn read_average(folder: &Path, zoo: Zoo) -> Result<Zoo> {
    match all(folder)?.pop() {
        Some(newest) => load_weights(&newest.join(AVERAGE), zoo),
        None => Ok(zoo),
    }
}

/// The state of the newest checkpoint under `folder`, if there is one.
pub(crate) fn state(folder: &Path) -> Result<Option<TrainingState>> {
    all(folder)?.pop().map(|newest| state_of(&newest)).transpose()
}

fn state_of(checkpoint: &Path) -> Result<TrainingState> {
    let text = fs::read(checkpoint.join(STATE)).map_err(Error::io(checkpoint))?;
    serde_json::from_slice(&text).map_err(|error| broken(checkpoint, STATE, &error))
}

fn broken(checkpoint: &Path, what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::run(checkpoint, format!("{what} cannot be read: {error}; remove this folder to start again"))
}

/// Writes weights atomically; returns the SHA-256 of the file.
pub(crate) fn save_weights(path: &Path, zoo: &Zoo) -> Result<String> {
    let bytes = zoo.clone().into_record().into_bytes().map_err(|error| Error::run(path, error.to_string()))?;
    publish::write_file(path, &bytes).map_err(Error::io(path))?;
    Ok(sha256_hex(&bytes))
}

/// Reads weights into a model of the same shape.
pub(crate) fn load_weights(path: &Path, zoo: Zoo) -> Result<Zoo> {
    let bytes = fs::read(path).map_err(Error::io(path))?;
    let wrong = |error: burn::store::RecordError| {
        Error::run(path, format!("these weights do not fit the configured model: {error}"))
    };
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(wrong)?;
    zoo.try_load_record(record).map_err(wrong)
}

/// Complete checkpoints, oldest first, without scratch folders, which begin with a dot.
fn all(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        entries => entries.map_err(Error::io(folder))?,
    };
    for entry in entries {
        let path = entry.map_err(Error::io(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(PREFIX) {
            found.push(path);
        } else if name.starts_with('.') {
            // The leftover of a kill; the run is locked, so no other process writes here.
            let _ = fs::remove_dir_all(&path);
        }
    }
    found.sort();
    Ok(found)
}
