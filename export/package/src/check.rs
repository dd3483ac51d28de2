//! A package as it lies: digests of every version, no file too many, no link, and a configuration that still agrees with
//! the graphs. Reads only; may run beside a server, and beside a packager.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::package::MODEL;
use crate::repository::{RECORD, Record, versions};
use crate::request::Target;
use crate::{ovms, triton};

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct RepositoryReport {
    /// Whether there is no problem anywhere.
    pub passed: bool,
    /// The models that Kiln packaged.
    pub models: Vec<CheckedModel>,
    /// Folders beside them that hold no version of Kiln's; they were not checked.
    pub not_checked: Vec<String>,
}

/// A model's folder.
#[derive(Debug, Clone, Serialize)]
pub struct CheckedModel {
    /// The model's name.
    pub model: String,
    /// Its versions, in rising order.
    pub versions: Vec<CheckedVersion>,
    /// What is wrong beside the versions: configuration, labels, warm-up samples.
    pub problems: Vec<String>,
}

/// A version's folder.
#[derive(Debug, Clone, Serialize)]
pub struct CheckedVersion {
    /// Its number.
    pub version: u64,
    /// Its precision; empty if its record cannot be read.
    pub precision: String,
    /// Files that were compared with their digests.
    pub files: usize,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

/// Checks every version that Kiln packaged below `repository`: a package's folder, or a server's model repository.
///
/// # Errors
/// If there is none, or a folder cannot be read. Problems of a package are no errors: they are in the report.
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
        let reason = format!("holds no version with a {RECORD}, so nothing that `kiln package` made");
        return Err(Error::argument(repository.display(), reason));
    }
    let whole = |model: &CheckedModel| {
        model.problems.is_empty() && model.versions.iter().all(|version| version.problems.is_empty())
    };
    report.passed = report.models.iter().all(whole);
    Ok(report)
}

/// The models' folders of a package, in order of their names.
fn model_folders(repository: &Path) -> Result<Vec<PathBuf>> {
    let inner = Target::ALL.iter().map(|(_, target)| target.models_folder()).filter(|name| !name.is_empty());
    let places = inner.map(|name| repository.join(name)).chain([repository.to_owned()]);
    let mut first = None;
    for place in places {
        let mut folders = Vec::new();
        for entry in fs::read_dir(&place).into_iter().flatten().flatten() {
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if entry.path().is_dir() && !hidden {
                folders.push(entry.path());
            }
        }
        folders.sort();
        if folders.iter().any(|folder| holds_records(folder)) {
            return Ok(folders);
        }
        first = first.or((!folders.is_empty()).then_some(folders));
    }
    fs::read_dir(repository).map_err(Error::read(repository))?;
    Ok(first.unwrap_or_default())
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
        // A packager may have taken an old version away since the folder was listed.
        if path.exists() {
            model.versions.push(checked);
            newest = record.or(newest);
        }
    }
    if let Some(record) = newest {
        model.problems = record.problems_beside(folder);
        model.problems.extend(match record.target {
            Target::Triton | Target::Kserve => check_triton(folder, name, &record),
            Target::Ovms => ovms::check(folder, name),
        });
    }
    Ok(Some(model))
}

fn check_version(path: &Path, model: &str, version: u64) -> (CheckedVersion, Option<Record>) {
    let mut checked = CheckedVersion { version, precision: String::new(), files: 0, problems: Vec::new() };
    if path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
        checked.problems.push("a link; a version is a folder of its own".to_owned());
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
        let problem = format!("{RECORD}: says model {} version {}", record.model, record.version);
        checked.problems.push(problem);
    }
    checked.problems.extend(record.problems(path));
    (checked, Some(record))
}

/// The configuration against the newest version's graph, and every sample of the warm-up.
fn check_triton(folder: &Path, name: &str, record: &Record) -> Vec<String> {
    let problem = |reason: String| vec![format!("{}: {reason}", triton::CONFIG)];
    let config = match triton::read(folder) {
        Ok(config) => config,
        Err(reason) => return problem(reason),
    };
    let graph = folder.join(record.version.to_string()).join(&record.graph);
    let graph = match Graph::read(&graph) {
        Ok(graph) => graph,
        Err(error) => return vec![error.to_string()],
    };
    let mut problems = Vec::new();
    if !record.graph.starts_with(MODEL) {
        problems.push(format!("{RECORD}: the graph is `{}`, and servers look for {MODEL}", record.graph));
    }
    if let Err((field, reason)) = triton::agrees(&config, name, &graph) {
        problems.extend(problem(format!("`{field}` {reason}")));
    }
    problems
}
