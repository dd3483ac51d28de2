//! Errors of packaging.

use std::io;
use std::path::{Path, PathBuf};

use kiln_files::Fault;

/// An error of packaging.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bundle, or its golden tiles, cannot be read.
    #[error(transparent)]
    Bundle(#[from] kiln_runtime::Error),
    /// A graph and its server's configuration, or an old and a new configuration, do not agree.
    #[error("{}: `{field}`: {reason}; nothing was written", path.display())]
    Mismatch {
        /// The file that was read.
        path: PathBuf,
        /// The field that differs, as its file names it: `outputs[1].dtype`, `max_batch_size`.
        field: String,
        /// Both values.
        reason: String,
    },
    /// An option that cannot be met.
    #[error("{argument}: {reason}")]
    Argument {
        /// The option, or the input that the caller named.
        argument: String,
        /// The fault and the remedy.
        reason: String,
    },
    /// A file or folder that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The file system's error.
        #[source]
        source: io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The file system's error.
        #[source]
        source: io::Error,
    },
    /// A file that Kiln cannot generate: a bug in Kiln.
    #[error("{what} cannot be written: {reason}")]
    Format {
        /// The file.
        what: &'static str,
        /// The library's error.
        reason: String,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The error's category, which decides the exit status.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Bundle(error) => error.fault(),
            Self::Mismatch { .. } => Fault::Check,
            Self::Argument { .. } | Self::Read { .. } => Fault::Input,
            Self::Write { .. } | Self::Format { .. } => Fault::Environment,
        }
    }

    pub(crate) fn read(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Read { path: path.clone(), source }
    }

    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Write { path: path.clone(), source }
    }

    pub(crate) fn argument(argument: impl ToString, reason: impl Into<String>) -> Self {
        Self::Argument { argument: argument.to_string(), reason: reason.into() }
    }

    pub(crate) fn version_exists(path: &Path) -> Self {
        let reason = "this version exists already, and versions are never overwritten; leave out --version to get the next \
                      free one";
        Self::argument(path.display(), reason)
    }

    pub(crate) fn mismatch(path: &Path, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Mismatch { path: path.to_owned(), field: field.into(), reason: reason.into() }
    }
}
