//! Errors of an export.

use std::io;
use std::path::{Path, PathBuf};

use kiln_files::Fault;
use kiln_runtime::parity::ParityReport;

/// An export failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The graph cannot be written.
    #[error(transparent)]
    Export(#[from] burn_onnx_export::Error),
    /// The run, or its data, cannot be read.
    #[error(transparent)]
    Train(#[from] kiln_train::Error),
    /// ONNX Runtime is missing, or cannot run the graph.
    #[error(transparent)]
    Runtime(#[from] kiln_runtime::Error),
    /// A model of another tool cannot become a bundle.
    #[error(transparent)]
    Import(#[from] crate::import::ImportError),
    /// The outputs of ONNX Runtime and burn disagree.
    #[error("{}", missed(.0))]
    Parity(Box<ParityReport>),
    /// A bundle that exists already and is not to be replaced.
    #[error("{}: is there already", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A folder that exists and is not a bundle, and so is never replaced.
    #[error("{}: is there and is not a bundle, so it is not replaced", path.display())]
    NotABundle {
        /// The folder.
        path: PathBuf,
    },
    /// The manifest cannot be written as JSON.
    #[error("manifest.json: {reason}")]
    Manifest {
        /// The serialiser's error.
        reason: String,
    },
    /// The bundle was not exported from the run.
    #[error("{}: {reason}", path.display())]
    Mismatch {
        /// The bundle's folder.
        path: PathBuf,
        /// The difference.
        reason: String,
    },
    /// The file system failed.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
}

/// A result of this module.
pub type Result<T, E = BundleError> = std::result::Result<T, E>;

impl BundleError {
    /// Category of the error; decides the exit status.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Export(burn_onnx_export::Error::Write { .. }) => Fault::Environment,
            Self::Export(_) => Fault::Input,
            Self::Train(error) => error.fault(),
            Self::Runtime(error) => error.fault(),
            Self::Import(error) => error.fault(),
            Self::Parity(_) => Fault::Check,
            Self::Exists { .. } | Self::NotABundle { .. } | Self::Manifest { .. } | Self::Mismatch { .. } => {
                Fault::Input
            }
            Self::Io { .. } => Fault::Environment,
        }
    }

    pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path: path.clone(), source }
    }
}

/// One line for each failed output, and one for the decisions.
fn missed(report: &ParityReport) -> String {
    let outputs = report.outputs.iter().filter(|output| !output.passed).map(|output| {
        let problem = output.problem.as_deref().unwrap_or("over its tolerance");
        format!(
            "\n  {}: {problem}; largest difference {:.3e}, tolerance {:?}",
            output.name, output.max_abs, output.tolerance
        )
    });
    let decisions = (report.decisions_changed > 0)
        .then(|| format!("\n  decisions changed on {} tiles: {:?}", report.decisions_changed, report.changed_tiles));
    let lines: String = outputs.chain(decisions).collect();
    format!("outputs of ONNX Runtime and burn disagree on {} tiles; no bundle was written:{lines}", report.tiles)
}
