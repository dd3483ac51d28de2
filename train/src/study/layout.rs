//! The paths of the files of a study.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kiln_files::publish;

use crate::{Error, Result};

/// Largest number of folds of a study.
pub(super) const MOST_FOLDS: usize = 100;

/// The pictures of a report.
pub(super) const PICTURES: [&str; 4] = ["curves.png", "auroc.png", "ablation.png", "time.png"];

/// Removes a file if it is there.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}

/// The folder of a study.
#[derive(Debug, Clone)]
pub struct StudyLayout {
    root: PathBuf,
}

impl StudyLayout {
    /// The layout of a study in `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The study's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration with all defaults.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("study.yaml")
    }

    /// The split of a fold: `path,label,group,split`.
    #[must_use]
    pub fn fold(&self, number: usize) -> PathBuf {
        self.root.join("folds").join(format!("fold-{number}.csv"))
    }

    /// The run of a trial.
    #[must_use]
    pub fn run(&self, id: &str) -> PathBuf {
        self.root.join("trials").join(id).join("run")
    }

    /// The result of a trial; written last.
    #[must_use]
    pub fn trial(&self, id: &str) -> PathBuf {
        self.root.join("trials").join(id).join("trial.json")
    }

    /// Returns true if a trial is finished, or can be resumed.
    pub(super) fn has_trials(&self) -> Result<bool> {
        let trials = self.root.join("trials");
        match fs::read_dir(&trials) {
            Ok(mut entries) => Ok(entries.any(|entry| {
                entry.is_ok_and(|entry| {
                    ["trial.json", "run/run.json", "run/checkpoints"]
                        .iter()
                        .any(|part| entry.path().join(part).exists())
                })
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io(&trials)(error)),
        }
    }

    /// The results, without times.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.root.join("report.json")
    }

    /// The times.
    #[must_use]
    pub fn times(&self) -> PathBuf {
        self.root.join("times.json")
    }

    /// The report as Markdown.
    #[must_use]
    pub fn markdown(&self) -> PathBuf {
        self.root.join("report.md")
    }

    /// The report as HTML, in one file.
    #[must_use]
    pub fn page(&self) -> PathBuf {
        self.root.join("report.html")
    }

    /// A picture by name.
    #[must_use]
    pub fn picture(&self, name: &str) -> PathBuf {
        self.root.join("pictures").join(name)
    }

    /// Removes the splits of further folds, from number `count` on, that an earlier study in this folder had.
    pub(super) fn remove_folds_from(&self, count: usize) -> Result<()> {
        (count..MOST_FOLDS).try_for_each(|number| remove(&self.fold(number)))
    }

    /// Removes the pictures of an earlier report that are not among `written`.
    pub(super) fn remove_other_pictures(&self, written: &[&str]) -> Result<()> {
        let others = PICTURES.into_iter().filter(|name| !written.contains(name));
        others.map(|name| self.picture(name)).try_for_each(|path| remove(&path))
    }

    /// Removes temporary files of a killed study; a training cleans its own folder.
    pub(super) fn sweep(&self) -> Result<()> {
        let trials = self.root.join("trials");
        let mut folders = vec![self.root.clone(), self.root.join("folds"), self.root.join("pictures")];
        if trials.is_dir() {
            for entry in fs::read_dir(&trials).map_err(Error::io(&trials))? {
                folders.push(entry.map_err(Error::io(&trials))?.path());
            }
        }
        folders.iter().try_for_each(|folder| publish::sweep(folder).map_err(Error::io(folder)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn files_of_an_earlier_report_are_removed_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let layout = StudyLayout::new(folder.path());
        let kept = [layout.fold(0), layout.fold(2), layout.picture("curves.png"), layout.picture("mine.png")];
        let stale = [layout.fold(3), layout.fold(4), layout.picture("ablation.png")];
        for path in kept.iter().chain(&stale) {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        layout.remove_folds_from(3).unwrap();
        layout.remove_other_pictures(&["curves.png", "auroc.png"]).unwrap();
        assert!(kept.iter().all(|path| path.exists()) && !stale.iter().any(|path| path.exists()));
    }
}
