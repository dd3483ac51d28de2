//! Why there is no package, or why one does not hold.

use std::io;
use std::path::{Path, PathBuf};

use kiln_files::Fault;

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bundle, or its golden tiles, cannot be read.
    #[error(transparent)]
    Bundle(#[from] kiln_runtime::Error),
    /// Two sides that must agree do not: the graph and the manifest, or the configuration and the graph.
    #[error("{}: `{field}`: {reason}; nothing was written", path.display())]
    Mismatch {
        /// The file that was read.
        path: PathBuf,
        /// The field that differs, as its file names it: `outputs[1].dtype`, `max_batch_size`.
        field: String,
        /// What each side says.
        reason: String,
    },
    /// An argument that cannot be met.
    #[error("{argument}: {reason}")]
    Argument {
        /// The argument as the caller knows it.
        argument: String,
        /// What was found, and what to do.
        reason: String,
    },
    /// A file or folder that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// A text that Kiln itself made cannot be made: a fault of Kiln.
    #[error("{what} cannot be written: {reason}")]
    Format {
        /// What was to be written.
        what: &'static str,
        /// What the library said.
        reason: String,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whose turn it is after this error.
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

    pub(crate) fn mismatch(path: &Path, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Mismatch { path: path.to_owned(), field: field.into(), reason: reason.into() }
    }
}
