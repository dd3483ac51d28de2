//! The status file of a watching process: a JSON document that is replaced as a whole, so that a reader sees one state and
//! never half of two.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kiln_files::publish;
use kiln_files::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Version of the document.
const SCHEMA: u32 = 1;
/// A status has about a thousand bytes, and two paths.
const MAX_BYTES: u64 = 1 << 20;

/// State of a watching process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The model is being loaded, and earlier rows are being read.
    Starting,
    /// Files are being scored.
    Scoring,
    /// Waiting for the next search.
    Waiting,
    /// The process ended because it was asked to.
    Stopped,
    /// The process ended with an error.
    Failed,
}

/// An error that the process went on after, or ended with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The time of the error.
    pub at: Timestamp,
    /// The error, with the file or folder that it is about.
    pub message: String,
}

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the document, 1.
    pub schema: u32,
    /// Version of Kiln.
    pub kiln: String,
    /// Number of the process.
    pub pid: u32,
    /// State when the document was written.
    pub state: State,
    /// The watched folder.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub folder: PathBuf,
    /// The result file.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub out: PathBuf,
    /// The bundle.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub bundle: PathBuf,
    /// SHA-256 of the bundle's manifest, which has the digest of every other file.
    pub bundle_sha256: String,
    /// The start of the process.
    pub started: Timestamp,
    /// The time of writing. A process that works replaces the document every few seconds.
    pub updated: Timestamp,
    /// The end of the last search of the folder.
    pub last_scan: Option<Timestamp>,
    /// Rows with a score in the result file.
    pub scored: usize,
    /// Rows without a score in the result file.
    pub failed: usize,
    /// Files that are not finished, or not scored yet.
    pub waiting: usize,
    /// Files that this process found to be copies of others, which have a row.
    pub copies: usize,
    /// The last error of this process; none if there was none.
    pub last_error: Option<Failure>,
}

impl Status {
    /// The status of this process as it starts.
    #[must_use]
    pub fn starting(folder: &Path, out: &Path, bundle: &Path, bundle_sha256: String) -> Self {
        let now = Timestamp::now();
        Self {
            schema: SCHEMA,
            kiln: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            state: State::Starting,
            folder: folder.to_owned(),
            out: out.to_owned(),
            bundle: bundle.to_owned(),
            bundle_sha256,
            started: now,
            updated: now,
            last_scan: None,
            scored: 0,
            failed: 0,
            waiting: 0,
            copies: 0,
            last_error: None,
        }
    }

    /// Notes an error.
    pub fn fail(&mut self, message: String) {
        self.last_error = Some(Failure { at: Timestamp::now(), message });
    }

    /// Replaces the file by this status, as of now.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&mut self, path: &Path) -> Result<()> {
        self.updated = Timestamp::now();
        let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::from);
        let written = text.and_then(|text| publish::write_file(path, &text));
        written.map_err(|source| Error::Write { path: path.to_owned(), source })
    }

    /// Reads a status file.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Status`] if it is none, or of a later version.
    pub fn read(path: &Path) -> Result<Self> {
        let unreadable = |source| Error::Read { path: path.to_owned(), source };
        let malformed = |reason: String| Error::Status { path: path.to_owned(), reason };
        let found = path.metadata().map_err(unreadable)?;
        // A pipe would be waited for.
        if !found.is_file() {
            return Err(malformed("not a regular file".to_owned()));
        }
        let bytes = found.len();
        if bytes > MAX_BYTES {
            return Err(malformed(format!("{bytes} bytes, over the limit of {MAX_BYTES}")));
        }
        let text = std::fs::read(path).map_err(unreadable)?;
        let status: Self = serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
        if status.schema != SCHEMA {
            return Err(malformed(format!("schema {}, expected {SCHEMA}", status.schema)));
        }
        Ok(status)
    }

    /// True if the process was at work at most `age` ago: it has not ended, and replaced the document since.
    #[must_use]
    pub fn is_alive(&self, age: Duration) -> bool {
        !matches!(self.state, State::Stopped | State::Failed) && self.updated.age() <= age
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_back_and_ages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.csv.status.json");
        let mut status = Status::starting("in".as_ref(), "scores.csv".as_ref(), "bundle".as_ref(), "00".to_owned());
        status.fail("in: cannot be read".to_owned());
        status.write(&path).unwrap();
        let read = Status::read(&path).unwrap();
        assert_eq!(read, status);
        assert!(read.is_alive(Duration::from_secs(60)));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!read.is_alive(Duration::from_millis(1)));
        for state in [State::Stopped, State::Failed] {
            assert!(!Status { state, ..read.clone() }.is_alive(Duration::from_secs(60)));
        }
    }

    #[test]
    fn another_document_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");
        assert!(matches!(Status::read(&path), Err(Error::Read { .. })));
        for text in ["", "{}", "[]", "{\"schema\": 1}", "null"] {
            std::fs::write(&path, text).unwrap();
            let error = Status::read(&path).unwrap_err();
            assert!(matches!(error, Error::Status { .. }) && error.to_string().contains("status.json"), "{error}");
        }
        let error = Status::read(folder.path()).unwrap_err();
        assert!(error.to_string().ends_with("not a regular file"), "{error}");
        let mut status = Status::starting("in".as_ref(), "out".as_ref(), "bundle".as_ref(), String::new());
        status.schema = 2;
        status.write(&path).unwrap();
        assert!(Status::read(&path).unwrap_err().to_string().contains("schema 2, expected 1"));
    }
}
