//! The target of rows: a file that appears whole or not at all, or a stream that carries whole lines as they come.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use kiln_files::publish;
use tempfile::NamedTempFile;

use super::error::TargetError;
use crate::{Error, Result};

/// A file or a stream.
pub(super) enum Target {
    /// A scratch file beside `path`, which takes its place at the end.
    File { path: PathBuf, scratch: BufWriter<NamedTempFile> },
    /// A stream, for example stdout. Not buffered here: every write is a whole line.
    Stream(Box<dyn Write + Send>),
}

impl Target {
    /// A file that will replace `path`.
    pub(super) fn file(path: &Path) -> Result<Self> {
        // The file behind a link is replaced, not the link; a device or a folder must not be renamed away.
        let path = followed(path);
        can_be_file(&path)?;
        let scratch = publish::scratch_file(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
        Ok(Self::File { path, scratch: BufWriter::new(scratch) })
    }

    /// True if a reader sees every write at once, so that each must be whole lines.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// Makes the file appear, or flushes the stream.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::File { path, scratch } => {
                let scratch = scratch.into_inner().map_err(io::IntoInnerError::into_error)?;
                publish::publish_file(scratch, &path)
            }
            Self::Stream(mut stream) => stream.flush(),
        }
    }

    /// Its name in errors.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::File { path, .. } => path.clone(),
            Self::Stream(_) => PathBuf::from("the output stream"),
        }
    }
}

/// Most links in a row that are followed, as on Linux.
const MAX_LINKS: usize = 40;

/// The file that a path leads to: the path itself, or the target of a link, also if nothing is there yet.
pub(super) fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match path.read_link() {
            Ok(to) => path = path.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => break,
        }
    }
    path
}

/// Refuses a folder, a device or a write-protected file as the place of a result file, and a path that can be no file.
pub(super) fn can_be_file(path: &Path) -> Result<()> {
    if path.exists() && !path.is_file() {
        return Err(TargetError::NotAFile { path: path.to_owned() }.into());
    }
    let checked = publish::can_be_written(path).and_then(|()| publish::can_be_written(&followed(path)));
    checked.map_err(|error| TargetError::Unwritable { path: path.to_owned(), reason: error.to_string() }.into())
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File { scratch, .. } => scratch.write(bytes),
            Self::Stream(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File { scratch, .. } => scratch.flush(),
            Self::Stream(stream) => stream.flush(),
        }
    }
}
