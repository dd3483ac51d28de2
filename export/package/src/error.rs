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
    /// A new version that clients of the existing versions cannot use.
    #[error(
        "{}: `{field}`: {reason}; clients of the existing versions would break; nothing was written", path.display()
    )]
    Incompatible {
        /// The existing configuration.
        path: PathBuf,
        /// The field that differs.
        field: String,
        /// Both values.
        reason: String,
    },
    /// A field of the request that the server or the bundle cannot meet.
    #[error("{option}: {reason}")]
    Option {
        /// The field of [`PackageRequest`](crate::PackageRequest) or [`Deployment`](crate::Deployment).
        option: &'static str,
        /// The value, or the limits.
        reason: String,
    },
    /// A field of the request that has no meaning for the server or the provider.
    #[error("{option}: {reason}")]
    Unused {
        /// The field of [`PackageRequest`](crate::PackageRequest) or [`Deployment`](crate::Deployment).
        option: &'static str,
        /// The servers or providers that it is for.
        reason: String,
    },
    /// An unknown name of a server.
    #[error("unknown target `{name}`; known are: {known}")]
    UnknownTarget {
        /// The name.
        name: String,
        /// Every known name.
        known: String,
    },
    /// A version that exists already: versions are never overwritten.
    #[error("{}: this version exists already, and versions are never overwritten", path.display())]
    VersionExists {
        /// The version's folder.
        path: PathBuf,
    },
    /// A graph without its stain normalisation, for clients that do not normalise.
    #[error(
        "{}: its graph takes tiles after {method} stain normalisation, and a server runs the graph alone: tiles as decoded \
         would get wrong scores",
        bundle.display()
    )]
    StainNormalisation {
        /// The bundle.
        bundle: PathBuf,
        /// The method of stain normalisation.
        method: String,
    },
    /// A server package with a file that cannot be parsed, or without a version that Kiln packaged.
    #[error("{}: {reason}", path.display())]
    Repository {
        /// The file or folder.
        path: PathBuf,
        /// The fault.
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
            Self::Mismatch { .. } | Self::Incompatible { .. } => Fault::Check,
            Self::Option { .. }
            | Self::Unused { .. }
            | Self::UnknownTarget { .. }
            | Self::VersionExists { .. }
            | Self::StainNormalisation { .. }
            | Self::Repository { .. }
            | Self::Read { .. } => Fault::Input,
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

    pub(crate) fn option(option: &'static str, reason: impl Into<String>) -> Self {
        Self::Option { option, reason: reason.into() }
    }

    pub(crate) fn unused(option: &'static str, reason: impl Into<String>) -> Self {
        Self::Unused { option, reason: reason.into() }
    }

    pub(crate) fn repository(path: &Path, reason: impl Into<String>) -> Self {
        Self::Repository { path: path.to_owned(), reason: reason.into() }
    }

    pub(crate) fn mismatch(path: &Path, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Mismatch { path: path.to_owned(), field: field.into(), reason: reason.into() }
    }
}
