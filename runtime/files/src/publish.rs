//! Atomic writes of files and folders: written beside their target, synced and renamed, and the parent folder synced too.
//! A crash at any moment leaves the old version, or the new one, or a scratch file whose name begins with a dot.
//!
//! ```
//! use std::fs;
//! use kiln_files::publish::{Staged, write_file};
//!
//! let folder = tempfile::tempdir()?;
//! write_file(&folder.path().join("scores.csv"), b"path,score\n")?;
//!
//! let bundle = folder.path().join("bundle");
//! let staged = Staged::beside(&bundle)?;
//! fs::write(staged.path().join("manifest.json"), "{}")?;
//! assert!(!bundle.exists());
//! staged.publish(false)?;
//! assert_eq!(fs::read(bundle.join("manifest.json"))?, b"{}");
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempDir};

/// Suffix of the names of scratch files and folders.
const SCRATCH: &str = ".partial";

/// Writes a whole file, replacing an existing one.
///
/// # Errors
/// `InvalidInput` if the target is a folder, a device or a pipe, else the file system's error; the target is then
/// unchanged.
pub fn write_file(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut scratch = scratch_file(target)?;
    scratch.write_all(bytes)?;
    publish_file(scratch, target)
}

/// Creates a scratch file beside `target`, for a writer that streams. Pass it to [`publish_file`] when it is complete.
///
/// # Errors
/// `InvalidInput` if the target is a folder, a device or a pipe, else the file system's error.
pub fn scratch_file(target: &Path) -> io::Result<NamedTempFile> {
    if target.metadata().is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file, so it cannot be replaced by one"));
    }
    let folder = folder_of(target);
    fs::create_dir_all(folder)?;
    Builder::new().prefix(&prefix(target)).suffix(SCRATCH).tempfile_in(folder)
}

/// Renames a complete scratch file to `target`.
///
/// # Errors
/// The file system's error; the target is then unchanged.
pub fn publish_file(scratch: NamedTempFile, target: &Path) -> io::Result<()> {
    set_usual_permissions(scratch.as_file())?;
    scratch.as_file().sync_all()?;
    scratch.persist(target).map_err(|error| error.error)?;
    sync_dir(folder_of(target))
}

/// Removes the scratch files and folders that killed writers left in `folder`. The caller must hold a lock on the folder:
/// files that another process is writing there would be removed too. Does nothing if the folder does not exist.
///
/// # Errors
/// The file system's error.
pub fn sweep(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with('.') && name.ends_with(SCRATCH)) {
            continue;
        }
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    Ok(())
}

/// A scratch folder that will replace its target. Dropped without [`Staged::publish`], it is removed.
#[derive(Debug)]
pub struct Staged {
    scratch: TempDir,
    target: PathBuf,
}

impl Staged {
    /// Creates an empty scratch folder beside `target`.
    ///
    /// # Errors
    /// The file system's error.
    pub fn beside(target: &Path) -> io::Result<Self> {
        let folder = folder_of(target);
        fs::create_dir_all(folder)?;
        let scratch = Builder::new().prefix(&prefix(target)).suffix(SCRATCH).tempdir_in(folder)?;
        Ok(Self { scratch, target: target.to_owned() })
    }

    /// The scratch folder to write to.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// Syncs the folder and renames it to the target. With `replace`, it replaces an existing folder: on Linux the two are
    /// exchanged in one step; elsewhere the old one is renamed first and removed last, so that one of the two is always
    /// whole.
    ///
    /// # Errors
    /// `AlreadyExists` if the target exists and `replace` is false, else the file system's error.
    pub fn publish(self, replace: bool) -> io::Result<()> {
        sync_tree(self.scratch.path())?;
        set_usual_folder_permissions(self.scratch.path())?;
        let folder = folder_of(&self.target).to_owned();
        let old = match (self.target.symlink_metadata().is_ok(), replace) {
            (true, false) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "already exists")),
            (true, true) => Some(self.change_places()?),
            (false, _) => {
                fs::rename(self.scratch.path(), &self.target)?;
                None
            }
        };
        // The scratch folder has moved: its old path is now the old folder, or nothing.
        let _ = self.scratch.keep();
        sync_dir(&folder)?;
        old.map_or(Ok(()), fs::remove_dir_all)
    }

    /// Swaps scratch and target. Returns the new path of the old folder.
    fn change_places(&self) -> io::Result<PathBuf> {
        if exchange(self.scratch.path(), &self.target).is_ok() {
            return Ok(self.scratch.path().to_owned());
        }
        let old = set_aside(&self.target)?;
        if let Err(error) = fs::rename(self.scratch.path(), &self.target) {
            fs::rename(&old, &self.target)?;
            return Err(error);
        }
        Ok(old)
    }
}

/// Exchanges two folders in one step, if system and file system support it.
#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(target_os = "linux"))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes a folder's entries durable. Windows has no such call and refuses to open a folder as a file; NTFS writes renames to
/// its journal.
///
/// # Errors
/// The file system's error.
pub fn sync_dir(folder: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}

fn set_aside(target: &Path) -> io::Result<PathBuf> {
    let aside = Builder::new().prefix(&prefix(target)).suffix(".old").tempdir_in(folder_of(target))?.keep();
    // A rename may replace an empty folder; on Windows it may not, depending on its version.
    if cfg!(windows) {
        fs::remove_dir(&aside)?;
    }
    fs::rename(target, &aside)?;
    Ok(aside)
}

fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            // Windows flushes only files that are open for writing.
            File::options().read(true).write(cfg!(windows)).open(&path)?.sync_all()?;
        }
    }
    sync_dir(folder)
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn prefix(target: &Path) -> String {
    format!(".{}.", target.file_name().unwrap_or_default().to_string_lossy())
}

/// Gives a scratch file, which is private while it is written, the permissions of an ordinary file.
fn set_usual_permissions(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    let _ = file;
    Ok(())
}

fn set_usual_folder_permissions(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    let _ = folder;
    Ok(())
}
