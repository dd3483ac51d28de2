//! A model's folder: its versions and the next free number. Versions are added and removed by renames, so a server that
//! polls the folder sees whole versions only. One process at a time writes; readers need no lock.
//!
//! Incomplete files and folders have names that begin with a dot, which no server reads as a version number. The lock is a
//! file beside the versions; the system releases it when its process ends, for any reason.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use kiln_files::publish::{self, Staged};

use crate::error::{Error, Result};

/// The file that a writing process locks.
const LOCK: &str = ".kiln.lock";

/// A model's folder, locked by this process.
#[derive(Debug)]
pub(crate) struct ModelFolder {
    pub(crate) path: PathBuf,
    _lock: File,
}

impl ModelFolder {
    /// Creates the folder if needed, waits until no other process writes to it, and removes what killed processes left.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = Error::write(path);
        fs::create_dir_all(path).map_err(&failed)?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(&failed)?;
        match lock.lock() {
            // A file system without locks: version numbers of two packagers at once may collide.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            other => other.map_err(Error::write(&lock_path))?,
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        folder.remove_leftovers().map_err(&failed)?;
        Ok(folder)
    }

    /// The number of the next version: `asked`, or one more than the highest.
    ///
    /// # Errors
    /// [`Error::VersionExists`] if `asked` exists: versions are never overwritten.
    pub(crate) fn next(&self, asked: Option<u64>) -> Result<u64> {
        let there = versions(&self.path).map_err(Error::read(&self.path))?;
        match asked {
            Some(version) => {
                let path = self.path.join(version.to_string());
                if path.symlink_metadata().is_ok() { Err(Error::VersionExists { path }) } else { Ok(version) }
            }
            None => Ok(there.last().map_or(1, |last| last + 1)),
        }
    }

    /// Writes a file into the folder in one step; does nothing if it exists with the same bytes.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        publish::write_file(&path, bytes).map_err(Error::write(&path))
    }

    /// A folder for the next version, under a name that no server reads until it is published.
    pub(crate) fn stage(&self, version: u64) -> Result<Staged> {
        let path = self.path.join(version.to_string());
        Staged::beside(&path).map_err(Error::write(&path))
    }

    /// Removes the lowest versions until `keep` are left, but never `new`. Returns the removed numbers. Each version
    /// disappears by one rename before its files are deleted.
    pub(crate) fn keep(&self, keep: usize, new: u64) -> Result<Vec<u64>> {
        let mut others = versions(&self.path).map_err(Error::read(&self.path))?;
        others.retain(|version| *version != new);
        let old = others[..others.len().saturating_sub(keep.saturating_sub(1))].to_vec();
        for version in &old {
            let path = self.path.join(version.to_string());
            let aside = self.path.join(format!(".{version}.old"));
            fs::rename(&path, &aside).map_err(Error::write(&path))?;
            fs::remove_dir_all(&aside).map_err(Error::write(&aside))?;
        }
        Ok(old)
    }

    fn remove_leftovers(&self) -> io::Result<()> {
        for folder in [self.path.clone(), self.path.join("warmup")] {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with('.') && (name.ends_with(".partial") || name.ends_with(".old")) {
                    let is_folder = entry.file_type()?.is_dir();
                    if is_folder { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
                }
            }
        }
        Ok(())
    }
}

/// The versions in a model's folder, in rising order: subfolders named by a number without leading zeros.
pub(crate) fn versions(folder: &Path) -> io::Result<Vec<u64>> {
    let mut versions = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number =
            name.to_str().and_then(|name| name.parse::<u64>().ok().filter(|number| number.to_string() == name));
        if entry.path().is_dir() {
            versions.extend(number);
        }
    }
    versions.sort_unstable();
    Ok(versions)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn published(folder: &ModelFolder, version: u64) {
        let staged = folder.stage(version).unwrap();
        fs::write(staged.path().join("model.onnx"), b"x").unwrap();
        staged.publish(false).unwrap();
    }

    #[test]
    fn the_next_version_is_above_the_highest_and_an_existing_one_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ModelFolder::open(&scratch.path().join("cnn")).unwrap();
        assert_eq!(folder.next(None).unwrap(), 1);
        published(&folder, 9);
        published(&folder, 10);
        fs::create_dir(folder.path.join("007")).unwrap();
        fs::create_dir(folder.path.join("warmup")).unwrap();
        assert_eq!(versions(&folder.path).unwrap(), [9, 10]);
        assert_eq!(folder.next(None).unwrap(), 11);
        assert_eq!(folder.next(Some(3)).unwrap(), 3);
        let error = folder.next(Some(9)).unwrap_err();
        assert_eq!(error.fault(), kiln_files::Fault::Input);
        assert!(error.to_string().contains("never overwritten"), "{error}");
    }

    #[test]
    fn old_versions_go_and_the_newest_stay() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ModelFolder::open(scratch.path()).unwrap();
        (1..=4).for_each(|version| published(&folder, version));
        assert_eq!(folder.keep(2, 4).unwrap(), [1, 2]);
        assert_eq!(versions(&folder.path).unwrap(), [3, 4]);
        assert_eq!(folder.keep(5, 4).unwrap(), [] as [u64; 0]);
        assert_eq!(folder.keep(1, 3).unwrap(), [4], "what was just published stays, whatever its number");
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("cnn");
        drop(ModelFolder::open(&path).unwrap());
        fs::create_dir_all(path.join(".1.Ab3.partial/model.onnx")).unwrap();
        fs::create_dir(path.join(".1.old")).unwrap();
        fs::create_dir(path.join("warmup")).unwrap();
        for name in ["warmup/.tile.raw.x.partial", ".config.pbtxt.x.partial", "notes.txt", ".hidden"] {
            fs::write(path.join(name), b"").unwrap();
        }
        drop(ModelFolder::open(&path).unwrap());
        let mut left: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".hidden", LOCK, "notes.txt", "warmup"]);
        assert_eq!(fs::read_dir(path.join("warmup")).unwrap().count(), 0);
    }
}
