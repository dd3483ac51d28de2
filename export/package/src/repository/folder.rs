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

/// The highest version number: servers read it as a signed number of 64 bits.
pub(crate) const LAST_VERSION: u64 = i64::MAX as u64;

/// A folder that this process alone writes to, until this value is dropped.
#[derive(Debug)]
pub(crate) struct Locked {
    _file: File,
}

impl Locked {
    /// Creates the folder if needed, and waits until no other process writes to it.
    pub(crate) fn wait(folder: &Path) -> Result<Self> {
        let failed = Error::write(folder);
        fs::create_dir_all(folder).map_err(&failed)?;
        let path = folder.join(LOCK);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(&failed)?;
        match file.lock() {
            // A file system without locks: the writes of two packagers at once may collide.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            other => other.map_err(Error::write(&path))?,
        }
        Ok(Self { _file: file })
    }
}

/// A model's folder, locked by this process.
#[derive(Debug)]
pub(crate) struct ModelFolder {
    pub(crate) path: PathBuf,
    _lock: Locked,
}

impl ModelFolder {
    /// Creates the folder if needed, waits until no other process writes to it, and removes what killed processes left.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let folder = Self { path: path.to_owned(), _lock: Locked::wait(path)? };
        folder.remove_leftovers().map_err(Error::write(path))?;
        Ok(folder)
    }

    /// The number of the next version; see [`next_version`].
    pub(crate) fn next(&self, asked: Option<u64>) -> Result<u64> {
        next_version(&self.path, asked)
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

/// The number of the next version in a model's folder, which need not exist: `asked`, or one more than the highest.
///
/// # Errors
/// [`Error::VersionExists`] if `asked` exists: versions are never overwritten. [`Error::Option`] if there is no number above
/// the highest.
pub(crate) fn next_version(folder: &Path, asked: Option<u64>) -> Result<u64> {
    if let Some(version) = asked {
        let path = folder.join(version.to_string());
        return if path.symlink_metadata().is_ok() { Err(Error::VersionExists { path }) } else { Ok(version) };
    }
    let there = match versions(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(Error::read(folder))?,
    };
    match there.last() {
        None => Ok(1),
        Some(last) if *last < LAST_VERSION => Ok(last + 1),
        Some(last) => {
            let reason = format!("{} has version {last}, and servers read no number above it", folder.display());
            Err(Error::option("version", reason))
        }
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
    fn no_version_follows_the_last_number() {
        let scratch = tempfile::tempdir().unwrap();
        assert_eq!(next_version(&scratch.path().join("absent"), None).unwrap(), 1);
        for last in [LAST_VERSION, u64::MAX] {
            fs::create_dir(scratch.path().join(last.to_string())).unwrap();
            let error = next_version(scratch.path(), None).unwrap_err();
            assert!(matches!(error, Error::Option { option: "version", .. }), "{error}");
        }
        assert_eq!(next_version(scratch.path(), Some(2)).unwrap(), 2);
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
