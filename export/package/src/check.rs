//! Checks a server package on disk: digests of every version, no extra file, no link, and a configuration that agrees with
//! graph and record. Reads only; may run beside a server and beside a packager.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::repository::{RECORD, Record, versions};
use crate::server;
use crate::target::Target;

/// The result of a check.
#[derive(Debug, Clone, Serialize)]
pub struct RepositoryReport {
    /// True if there is no problem.
    pub passed: bool,
    /// The models that Kiln packaged.
    pub models: Vec<CheckedModel>,
    /// Folders beside them without a version of Kiln's, which were not checked.
    pub not_checked: Vec<String>,
}

/// A model's folder.
#[derive(Debug, Clone, Serialize)]
pub struct CheckedModel {
    /// The model's name.
    pub model: String,
    /// Its versions, in rising order.
    pub versions: Vec<CheckedVersion>,
    /// Problems beside the versions: configuration, labels, warm-up samples.
    pub problems: Vec<String>,
}

/// A version's folder.
#[derive(Debug, Clone, Serialize)]
pub struct CheckedVersion {
    /// Its number.
    pub version: u64,
    /// Its precision; empty if its record is unreadable.
    pub precision: String,
    /// Files that were compared with their digests.
    pub files: usize,
    /// Its problems.
    pub problems: Vec<String>,
}

/// Checks every version that Kiln packaged below `repository`: a server package's folder, or a server's model repository.
///
/// # Errors
/// [`Error::Repository`] if there is no version of Kiln's; [`Error::Read`]. Problems of a server package are not errors: the
/// report lists them.
pub fn check(repository: &Path) -> Result<RepositoryReport> {
    let mut report = RepositoryReport { passed: true, models: Vec::new(), not_checked: Vec::new() };
    for folder in model_folders(repository)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match check_model(&folder, &name)? {
            Some(model) => report.models.push(model),
            None => report.not_checked.push(name),
        }
    }
    if report.models.is_empty() {
        let reason = format!("no version here has a {RECORD}, so Kiln packaged none of them");
        return Err(Error::repository(repository, reason));
    }
    let whole = |model: &CheckedModel| {
        model.problems.is_empty() && model.versions.iter().all(|version| version.problems.is_empty())
    };
    report.passed = report.models.iter().all(whole);
    Ok(report)
}

/// The models' folders of a server package: of the folders that servers read their models from, those with a model that
/// Kiln packaged. One folder may be the server package of several servers.
fn model_folders(repository: &Path) -> Result<Vec<PathBuf>> {
    let inner = Target::ALL.iter().map(|(_, target)| target.models_folder()).filter(|name| !name.is_empty());
    let inner: Vec<PathBuf> = inner.map(|name| repository.join(name)).collect();
    let mut all = Vec::new();
    for place in inner.iter().filter(|place| place.is_dir()).chain([&repository.to_owned()]) {
        let mut folders = visible_folders(place)?;
        folders.retain(|folder| !inner.contains(folder) || holds_records(folder));
        if folders.iter().any(|folder| holds_records(folder)) {
            all.extend(folders);
        }
    }
    Ok(all)
}

/// The folders in a folder whose names do not begin with a dot, by name.
pub(crate) fn visible_folders(place: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(place).map_err(Error::read(place))? {
        let entry = entry.map_err(Error::read(place))?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.path().is_dir() && !hidden {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

fn holds_records(folder: &Path) -> bool {
    let versions = versions(folder).unwrap_or_default();
    versions.iter().any(|version| folder.join(version.to_string()).join(RECORD).exists())
}

fn check_model(folder: &Path, name: &str) -> Result<Option<CheckedModel>> {
    if !holds_records(folder) {
        return Ok(None);
    }
    let mut model = CheckedModel { model: name.to_owned(), versions: Vec::new(), problems: Vec::new() };
    let mut newest = None;
    for version in versions(folder).map_err(Error::read(folder))? {
        let path = folder.join(version.to_string());
        let (checked, record) = check_version(&path, name, version);
        // A packager may have removed an old version since the folder was listed.
        if path.exists() {
            model.versions.push(checked);
            newest = record.or(newest);
        }
    }
    if let Some(record) = newest {
        model.problems = record.problems_beside(folder);
        model.problems.extend(server::for_target(record.target).check(folder, name, &record));
    }
    Ok(Some(model))
}

fn check_version(path: &Path, model: &str, version: u64) -> (CheckedVersion, Option<Record>) {
    let mut checked = CheckedVersion { version, precision: String::new(), files: 0, problems: Vec::new() };
    if path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
        checked.problems.push("a link; a version must be a folder".to_owned());
        return (checked, None);
    }
    let record = match Record::read(path) {
        Ok(record) => record,
        Err(problem) => {
            checked.problems.push(problem);
            return (checked, None);
        }
    };
    checked.precision.clone_from(&record.precision);
    checked.files = record.files.len();
    if (record.model.as_str(), record.version) != (model, version) {
        let problem = format!("{RECORD}: is of model {} version {}", record.model, record.version);
        checked.problems.push(problem);
    }
    checked.problems.extend(record.problems(path));
    (checked, Some(record))
}
