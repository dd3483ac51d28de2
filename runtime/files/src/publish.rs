//! Files and folders that appear whole or not at all: written beside their target, synced, renamed, and the folder
//! above synced too, so that a crash at any moment leaves the old thing, or the new one, or a scratch file whose name
//! begins with a dot.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempDir};

/// How the names of scratch files and folders end.
const SCRATCH: &str = ".partial";

/// Writes a file whole, replacing what is there.
///
/// # Errors
/// What the file system said; the target is then as it was.
pub fn write_file(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut scratch = scratch_file(target)?;
    scratch.write_all(bytes)?;
    publish_file(scratch, target)
}

/// A scratch file beside `target`, for a writer that streams. Give it to [`publish_file`] when it is complete.
///
/// # Errors
/// `InvalidInput` if the target is a folder, a device or a pipe, else what the file system said.
pub fn scratch_file(target: &Path) -> io::Result<NamedTempFile> {
    if target.metadata().is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file, so it is not replaced by one",
        ));
    }
    let folder = folder_of(target);
    fs::create_dir_all(folder)?;
    Builder::new().prefix(&prefix(target)).suffix(SCRATCH).tempfile_in(folder)
}

/// Puts a complete scratch file in the place of `target`.
///
/// # Errors
/// What the file system said; the target is then as it was.
pub fn publish_file(scratch: NamedTempFile, target: &Path) -> io::Result<()> {
    set_usual_permissions(scratch.as_file())?;
    scratch.as_file().sync_all()?;
    scratch.persist(target).map_err(|error| error.error)?;
    sync_dir(folder_of(target))
}

/// Removes the scratch files and folders that killed writers left in `folder`. Only for a folder that the caller holds
/// a lock on: what another process is writing there would go, too. A folder that is not there holds none.
///
/// # Errors
/// What the file system said.
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

/// A folder in the making. Dropped without [`Staged::publish`], it is removed.
#[derive(Debug)]
pub struct Staged {
    scratch: TempDir,
    target: PathBuf,
}

impl Staged {
    /// Makes an empty scratch folder beside `target`.
    ///
    /// # Errors
    /// What the file system said.
    pub fn beside(target: &Path) -> io::Result<Self> {
        let folder = folder_of(target);
        fs::create_dir_all(folder)?;
        let scratch = Builder::new().prefix(&prefix(target)).suffix(SCRATCH).tempdir_in(folder)?;
        Ok(Self { scratch, target: target.to_owned() })
    }

    /// Where to write.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// Syncs all that was written and puts it in the place of the target. With `replace`, a folder that is there gives
    /// way: on Linux the two change places in one step; elsewhere the old one is set aside first and removed last, so
    /// that one of the two is always whole.
    ///
    /// # Errors
    /// `AlreadyExists` if the target is there and must not be replaced, else what the file system said.
    pub fn publish(self, replace: bool) -> io::Result<()> {
        sync_tree(self.scratch.path())?;
        set_usual_folder_permissions(self.scratch.path())?;
        let folder = folder_of(&self.target).to_owned();
        let old = match (self.target.symlink_metadata().is_ok(), replace) {
            (true, false) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists already")),
            (true, true) => Some(self.change_places()?),
            (false, _) => {
                fs::rename(self.scratch.path(), &self.target)?;
                None
            }
        };
        // The scratch folder has moved: what lies under its name now is the old folder, or nothing.
        let _ = self.scratch.keep();
        sync_dir(&folder)?;
        old.map_or(Ok(()), fs::remove_dir_all)
    }

    /// Swaps scratch and target; gives where the old folder lies now.
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

/// Two folders change places in one step, where system and file system can.
#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(target_os = "linux"))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes a folder's entries durable.
///
/// # Errors
/// What the file system said.
pub fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn set_aside(target: &Path) -> io::Result<PathBuf> {
    let aside = Builder::new().prefix(&prefix(target)).suffix(".old").tempdir_in(folder_of(target))?.keep();
    // An empty folder gives way to a folder in a rename.
    fs::rename(target, &aside)?;
    Ok(aside)
}

fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { sync_tree(&path)? } else { File::open(&path)?.sync_all()? }
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

/// Scratch files are private while they grow; what is published is as readable as any file of the user's.
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
