//! Errors of this crate.

use std::io;
use std::path::{Path, PathBuf};

use kiln_files::Fault;

/// A comparison of values, or a bisection, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DebugError {
    /// A side that is neither a run, nor a bundle, nor an ONNX file, or one with a wrong suffix.
    #[error("{side}: {reason}")]
    Side {
        /// The side as it was written.
        side: String,
        /// The problem.
        reason: String,
    },
    /// The graph is not a graph that can be taken apart.
    #[error("{model}: {reason}")]
    Graph {
        /// The file, or the side.
        model: String,
        /// The problem.
        reason: String,
    },
    /// The recording cannot be executed.
    #[error("burn, operation {index} ({kind}): {reason}")]
    Recording {
        /// Position of the operation.
        index: usize,
        /// Kind of the operation, such as `Module::Conv2d`.
        kind: String,
        /// burn's message.
        reason: String,
    },
    /// The inputs do not fit the graphs.
    #[error("inputs: {reason}")]
    Inputs {
        /// The problem.
        reason: String,
    },
    /// No part of the graph shows a difference, so there is nothing to write.
    #[error("{reason}")]
    NoDifference {
        /// The compared sides or value.
        reason: String,
    },
    /// The target folder exists.
    #[error("{}: is there already", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A folder that exists and was not written by a bisection, and so is never replaced.
    #[error("{}: is there and is not the folder of a bisection, so it is not replaced", path.display())]
    NotABisection {
        /// The folder.
        path: PathBuf,
    },
    /// A run, or its graph, cannot be read.
    #[error(transparent)]
    Bundle(#[from] kiln_export::BundleError),
    /// Tiles or a run cannot be read.
    #[error(transparent)]
    Train(#[from] kiln_train::Error),
    /// The exporter failed.
    #[error(transparent)]
    Export(#[from] burn_onnx_export::Error),
    /// ONNX Runtime failed.
    #[error(transparent)]
    Runtime(#[from] kiln_runtime::Error),
    /// The picture cannot be drawn.
    #[error(transparent)]
    Picture(#[from] kiln_train::picture::PictureError),
    /// The file system failed.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
}

/// A result of this crate.
pub type Result<T, E = DebugError> = std::result::Result<T, E>;

impl DebugError {
    /// Category of the error; decides the exit status.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoDifference { .. } => Fault::Check,
            Self::Bundle(error) => error.fault(),
            Self::Train(error) => error.fault(),
            Self::Runtime(error) => error.fault(),
            Self::Picture(error) => error.fault(),
            Self::Io { .. } => Fault::Environment,
            _ => Fault::Input,
        }
    }

    pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path: path.clone(), source }
    }

    pub(crate) fn graph(model: &str, reason: impl Into<String>) -> Self {
        Self::Graph { model: model.to_owned(), reason: reason.into() }
    }
}
