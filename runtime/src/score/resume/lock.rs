//! The lock of a result file. Every writer of results takes it: a scoring, a watch and a merge. It is on the progress file,
//! which is beside the file itself, not beside a link to it, so that two names of one result file have one lock. A writer
//! without progress leaves the file empty, and removes it at its end.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::ResumableFile;
use super::journal::open;
use crate::score::error::TargetError;
use crate::{Error, Result};

/// Keeps other processes from writing a result file until it is dropped.
pub struct TargetLock {
    path: PathBuf,
    file: File,
}

impl TargetLock {
    /// Takes the lock of a result file.
    ///
    /// # Errors
    /// [`Error::Target`] if another process has it; [`Error::Write`].
    pub fn acquire(target: &Path) -> Result<Self> {
        let path = ResumableFile::progress_of(target);
        let failed = |source| Error::Write { path: path.clone(), source };
        loop {
            let file = open(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(TargetError::InUse { path: target.to_owned() }.into()),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            // Else the process that had the lock has removed the file meanwhile.
            if is_at(&file, &path) {
                return Ok(Self { path, file });
            }
        }
    }

    /// The locked file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for TargetLock {
    /// Removes the file, unless it has rows of a run that was stopped.
    fn drop(&mut self) {
        let is_empty = self.file.metadata().is_ok_and(|found| found.len() == 0);
        if is_empty && is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// True if an open file is the one at the path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use kiln_files::FileIdentity;
    FileIdentity::from_file(file).ok() == FileIdentity::from_path(path).ok()
}

/// Elsewhere a file that another process has open keeps its name.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn is_locked(target: &Path) -> bool {
        matches!(TargetLock::acquire(target), Err(Error::Target(TargetError::InUse { .. })))
    }

    #[test]
    fn a_result_file_has_one_lock_under_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let target = here.join("scores.csv");
        let lock = TargetLock::acquire(&target).unwrap();
        assert!(is_locked(&target) && is_locked(&here.join(".").join("scores.csv")));
        assert!(!is_locked(&here.join("other.csv")));
        #[cfg(unix)]
        {
            fs::create_dir(here.join("links")).unwrap();
            // To a link to a file that is not there yet.
            std::os::unix::fs::symlink("../near.csv", here.join("links/far.csv")).unwrap();
            std::os::unix::fs::symlink("scores.csv", here.join("near.csv")).unwrap();
            assert!(is_locked(&here.join("near.csv")) && is_locked(&here.join("links/far.csv")));
        }
        drop(lock);
        assert!(!is_locked(&target));
        assert!(!ResumableFile::progress_of(&target).exists(), "the file of the lock was left");
    }

    #[test]
    fn progress_of_a_stopped_run_outlives_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("scores.csv");
        fs::write(ResumableFile::progress_of(&target), "rows").unwrap();
        drop(TargetLock::acquire(&target).unwrap());
        assert_eq!(fs::read_to_string(ResumableFile::progress_of(&target)).unwrap(), "rows");
    }
}
