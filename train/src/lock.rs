//! Locks of folders and files that one process works on. A lock ends with the process, however that ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::{Error, Result};

/// Locks the file `lock`, which is made if it is missing, for the work of `process` on `path`.
///
/// # Errors
/// [`Error::InUse`] if another process has the lock; [`Error::Io`].
pub(crate) fn exclusive(lock: &Path, path: &Path, process: &'static str) -> Result<File> {
    let file = File::create(lock).map_err(Error::io(lock))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: path.to_owned(), process }),
        Err(TryLockError::Error(source)) => Err(Error::Io { path: lock.to_owned(), source }),
    }
}
