//! The files of a run.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The paths of a run's files.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout of a run in `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The run's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The resolved configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("config.yaml")
    }

    /// The split: `path,label,group,split`.
    #[must_use]
    pub fn split(&self) -> PathBuf {
        self.root.join("split.csv")
    }

    /// Digests of the training and validation tiles.
    #[must_use]
    pub fn seen(&self) -> PathBuf {
        self.root.join("seen.txt")
    }

    /// The best epoch's weights, in burn's format.
    #[must_use]
    pub fn weights(&self) -> PathBuf {
        self.root.join("model.bpk")
    }

    /// One JSON object per epoch.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.root.join("history.jsonl")
    }

    /// Figures on the test split.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.json")
    }

    /// Facts about the run; written last.
    #[must_use]
    pub fn facts(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// Checkpoints of an unfinished training.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// Weights of the best epoch so far.
    #[must_use]
    pub fn best(&self) -> PathBuf {
        self.root.join("checkpoints").join("best.bpk")
    }

    /// The HTML report.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }

    /// The pictures of the report.
    #[must_use]
    pub fn pictures(&self) -> PathBuf {
        self.root.join("pictures")
    }

    /// A picture by name.
    #[must_use]
    pub fn picture(&self, name: &str) -> PathBuf {
        self.pictures().join(name)
    }
}

/// Refuses a file of a run whose SHA-256 differs from the one that `keeper` holds. Runs of an older Kiln hold none.
pub(super) fn same_file(layout: &Layout, path: &Path, known: Option<&str>, keeper: &str) -> Result<()> {
    let Some(known) = known else { return Ok(()) };
    let found = kiln_files::digest::sha256_file(path).map_err(Error::io(path))?;
    if found == known {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let reason = format!(
        "{name} does not match {keeper}: it has SHA-256 {found} and had {known}; bring the file back, or train again \
         in another folder"
    );
    Err(Error::run(layout.root(), reason))
}
