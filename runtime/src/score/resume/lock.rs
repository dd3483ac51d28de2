//! The lock of a result file. Every writer of results takes it: a scoring, a watch and a merge. It is on the progress file,
//! which is beside the file itself, not beside a link to it, so that two names of one result file have one lock. A writer
//! without progress leaves the file empty, and removes it at its end, on Unix. A file system without locks is accepted with a
//! warning: there a second writer is not detected.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::ResumableFile;
use super::journal::open;
use crate::score::error::TargetError;
use crate::{Error, Result};

/// Most attempts to open the file of a lock. Each of the others failed because another process removed the file meanwhile.
const MAX_ATTEMPTS: usize = 100;

/// Error numbers of file systems without locks: those of `ENOLCK` and `ENOTSUP`, and of invalid and unsupported requests.
const NO_LOCKS: &[i32] = if cfg!(windows) {
    &[1, 50]
} else if cfg!(any(target_os = "linux", target_os = "android")) {
    &[37, 95]
} else {
    &[45, 77]
};

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
        for _ in 0..MAX_ATTEMPTS {
            let file = open(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(TargetError::InUse { path: target.to_owned() }.into()),
                Err(TryLockError::Error(source)) if has_no_locks(&source) => {
                    tracing::warn!(
                        "{}: the file system has no locks, so another process that writes {} is not detected: {source}",
                        path.display(),
                        target.display()
                    );
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            // Else the process that had the lock has removed the file meanwhile.
            if is_at(&file, &path) {
                return Ok(Self { path, file });
            }
        }
        Err(failed(io::Error::other("another file takes the place of this lock each time that it is opened")))
    }

    /// The locked file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for TargetLock {
    /// Removes the file, unless it has rows of a run that was stopped. Elsewhere than on Unix the file stays: another
    /// process may have it open, and would hold the lock of a file without a name beside that of its successor.
    fn drop(&mut self) {
        #[cfg(unix)]
        if self.file.metadata().is_ok_and(|found| found.len() == 0) && is_at(&self.file, &self.path) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// True if an open file is the one at the path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use kiln_files::FileIdentity;
    FileIdentity::from_file(file).ok() == FileIdentity::from_path(path).ok()
}

/// Elsewhere the identity of an open file is not known, and any file at the path is taken for it. Its name is removed only
/// when a result file is complete.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// True for the error of a file system that has no locks at all, such as Lustre without `flock` or NFS without `lockd`.
fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || error.raw_os_error().is_some_and(|number| NO_LOCKS.contains(&number))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

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
        #[cfg(unix)]
        assert!(!ResumableFile::progress_of(&target).exists(), "the file of the lock was left");
    }

    #[test]
    fn a_file_system_without_locks_is_told_from_other_faults() {
        assert!(has_no_locks(&io::ErrorKind::Unsupported.into()));
        assert!(NO_LOCKS.iter().all(|number| has_no_locks(&io::Error::from_raw_os_error(*number))));
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::StorageFull, io::ErrorKind::WouldBlock] {
            assert!(!has_no_locks(&kind.into()), "{kind}");
        }
        // No such file.
        assert!(!has_no_locks(&io::Error::from_raw_os_error(2)));
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
