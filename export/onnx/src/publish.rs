//! Files that appear whole or not at all: written beside their target, synced and renamed; then their folder is synced.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Creates a scratch file beside `target`.
pub(crate) fn scratch_file(target: &Path) -> io::Result<NamedTempFile> {
    let folder = folder_of(target);
    fs::create_dir_all(folder)?;
    let prefix = format!(".{}.", target.file_name().unwrap_or_default().to_string_lossy());
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    // Scratch files are private by default; a model is as readable as any file of the user's, by the umask.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Replaces `target` with a complete scratch file.
pub(crate) fn publish_file(scratch: NamedTempFile, target: &Path) -> io::Result<()> {
    scratch.as_file().sync_all()?;
    scratch.persist(target).map_err(|error| error.error)?;
    sync_folder(folder_of(target))
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes a folder's entries durable. Windows cannot open a folder as a file, and keeps its entries in a journal.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}
