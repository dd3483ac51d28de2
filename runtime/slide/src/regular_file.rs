//! Opening of regular files alone.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Opens a file for reading; `None` for a folder, pipe or device, which is not opened: reading it may never end.
pub(crate) fn open_regular(path: &Path) -> io::Result<Option<File>> {
    if fs::metadata(path)?.is_file() { File::open(path).map(Some) } else { Ok(None) }
}
