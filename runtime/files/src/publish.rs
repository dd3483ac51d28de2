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

use std::fs::{self, File, Metadata};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf, is_separator};

use tempfile::{Builder, NamedTempFile, TempDir};

/// Suffix of the names of scratch files and folders.
const SCRATCH: &str = ".partial";

/// Most bytes of a name: file systems allow 255, and a scratch file has a dot before the name, and a dot, six random
/// characters and the suffix behind it.
const MAX_NAME: usize = 255 - 1 - 1 - 6 - SCRATCH.len();

/// Writes a whole file, replacing an existing one, whose permissions it keeps.
///
/// # Errors
/// As [`can_be_written`], else the file system's error; the target is then unchanged.
pub fn write_file(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut scratch = scratch_file(target)?;
    scratch.write_all(bytes)?;
    publish_file(scratch, target)
}

/// Creates a scratch file beside `target`, for a writer that streams. Pass it to [`publish_file`] when it is complete.
///
/// # Errors
/// As [`can_be_written`], else the file system's error.
pub fn scratch_file(target: &Path) -> io::Result<NamedTempFile> {
    can_be_written(target)?;
    let folder = folder_of(target);
    fs::create_dir_all(folder)?;
    let prefix = prefix(target);
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(SCRATCH);
    // As of a file that is created in the usual way: the system takes from it what the user's umask withholds.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Checks that a file can be written to a path, as far as that is known before it is written.
///
/// # Errors
/// `InvalidInput` with the reason: the target is a folder, a device, a pipe or a write-protected file, its path names a
/// folder or leads through a file, or its name is too long.
pub fn can_be_written(target: &Path) -> io::Result<()> {
    if let Ok(there) = target.metadata() {
        if !there.is_file() {
            return Err(invalid("not a regular file, so it cannot be replaced by one"));
        }
        if is_write_protected(&there) {
            return Err(invalid("the file is write-protected, so it is not replaced"));
        }
    }
    let ends_with_separator =
        target.as_os_str().as_encoded_bytes().last().is_some_and(|last| is_separator(*last as char));
    if ends_with_separator || target.file_name().is_none() {
        return Err(invalid("the path names a folder, and a file is expected"));
    }
    can_be_made(target)
}

/// Refuses a path through a file, and a name without room for the ends of the scratch file's name.
fn can_be_made(target: &Path) -> io::Result<()> {
    let length = target.file_name().unwrap_or_default().len();
    if length > MAX_NAME {
        return Err(invalid(&format!("the name has {length} bytes, and at most {MAX_NAME} are possible")));
    }
    let above = target.ancestors().skip(1).find_map(|above| Some((above, above.metadata().ok()?)));
    match above {
        Some((above, there)) if !there.is_dir() => Err(invalid(&format!("{} is not a folder", above.display()))),
        _ => Ok(()),
    }
}

/// Checks that a folder can be replaced, if one is there: the old one is removed at the end, which fails where it, or a
/// folder in it, is write-protected.
///
/// # Errors
/// `InvalidInput` with the write-protected folder, else the file system's error.
pub fn can_be_replaced(folder: &Path) -> io::Result<()> {
    match folder.symlink_metadata() {
        // Elsewhere the attribute of a folder has another meaning.
        Ok(there) if cfg!(unix) && there.is_dir() => refuse_protected(folder, &there),
        _ => Ok(()),
    }
}

fn refuse_protected(folder: &Path, metadata: &Metadata) -> io::Result<()> {
    if is_write_protected(metadata) {
        return Err(invalid(&format!("the folder {} is write-protected, so it is not replaced", folder.display())));
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            refuse_protected(&entry.path(), &entry.metadata()?)?;
        }
    }
    Ok(())
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

/// True if the owner of a file or folder may not write to it. A rename replaces such a file too, so it is checked.
fn is_write_protected(file: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.permissions().mode() & 0o200 == 0
    }
    #[cfg(not(unix))]
    file.permissions().readonly()
}

/// Renames a complete scratch file to `target`. It gets the permissions of a file that it replaces.
///
/// # Errors
/// The file system's error; the target is then unchanged.
pub fn publish_file(scratch: NamedTempFile, target: &Path) -> io::Result<()> {
    keep_permissions(scratch.path(), target)?;
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
    /// As [`can_be_replaced`]; `InvalidInput` if the path leads through a file or the name is too long, else the file
    /// system's error.
    pub fn beside(target: &Path) -> io::Result<Self> {
        can_be_made(target)?;
        can_be_replaced(target)?;
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

    /// Syncs the folder and renames it to the target. With `replace`, it replaces an existing folder, whose permissions it
    /// gets: on Linux the two are exchanged in one step; elsewhere the old one is renamed first and removed last, so that
    /// one of the two is always whole.
    ///
    /// # Errors
    /// `AlreadyExists` if the target exists and `replace` is false, else the file system's error.
    pub fn publish(self, replace: bool) -> io::Result<()> {
        sync_tree(self.scratch.path())?;
        keep_permissions(self.scratch.path(), &self.target)?;
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

/// Gives a scratch file or folder the permissions of what it will replace, if anything is there.
fn keep_permissions(scratch: &Path, target: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Ok(there) = target.metadata() {
        use std::os::unix::fs::PermissionsExt as _;
        // A file without the bits that run it as another user: its content is another one. A folder with those by which new
        // files get its group, and are removed by their owners alone.
        let kept = if there.is_dir() { 0o3777 } else { 0o777 };
        fs::set_permissions(scratch, fs::Permissions::from_mode(there.permissions().mode() & kept))?;
    }
    let _ = (scratch, target);
    Ok(())
}
