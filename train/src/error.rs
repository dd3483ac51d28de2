//! The one error type of this crate. Each message names the file, the key or the tile, and says what to do.

use std::io;
use std::path::{Path, PathBuf};

use kiln_files::Fault;

/// What can go wrong between a configuration and a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration file, or a `--set`, is wrong.
    #[error("{origin}: {reason}")]
    Config {
        /// The file, or the `--set` that was given.
        origin: String,
        /// What is wrong with which key.
        reason: String,
    },
    /// The data set is wrong.
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
    /// A figure cannot be computed.
    #[error(transparent)]
    Metrics(#[from] crate::metrics::MetricsError),
    /// A picture cannot be drawn or written.
    #[error(transparent)]
    Picture(#[from] crate::picture::PictureError),
    /// The run folder is not what was expected.
    #[error("run {}: {reason}", path.display())]
    Run {
        /// The run's folder.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Weights from elsewhere are not what was expected.
    #[error("weights {}: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// What is published cannot be had.
    #[error("{what} cannot be fetched: {reason}")]
    Fetch {
        /// What was asked for.
        what: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// Training went wrong in its numbers.
    #[error("training stopped at epoch {epoch}, step {step}: {reason}")]
    Diverged {
        /// Epoch, from 1.
        epoch: u64,
        /// Step over the whole training, from 1.
        step: u64,
        /// What was seen and what to do.
        reason: String,
    },
    /// The file system refused.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

impl Error {
    /// Whose turn it is after this error.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Config { .. } | Self::Run { .. } | Self::Weights { .. } => Fault::Input,
            Self::Fetch { .. } => Fault::Environment,
            Self::Data(error) => error.fault(),
            Self::Metrics(error) => error.fault(),
            Self::Picture(error) => error.fault(),
            Self::Diverged { .. } => Fault::Check,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Fault::Input,
            Self::Io { .. } => Fault::Environment,
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn run(path: &Path, reason: impl Into<String>) -> Self {
        Self::Run { path: path.to_owned(), reason: reason.into() }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
