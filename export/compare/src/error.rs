//! Errors of a comparison.

use std::io;
use std::path::{Path, PathBuf};

use kiln_files::Fault;

/// A result of this crate.
pub type Result<T, E = CompareError> = std::result::Result<T, E>;

/// A comparison could not be made. Answers that differ are no error but a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// A bundle, a library, a provider or a server.
    #[error(transparent)]
    Runtime(#[from] kiln_runtime::Error),
    /// A run, a data set or a metric.
    #[error(transparent)]
    Train(Box<kiln_train::Error>),
    /// The model in burn.
    #[error(transparent)]
    Burn(Box<kiln_export::BundleError>),
    /// The words that name a side.
    #[error("side `{text}`: {reason}")]
    Side {
        /// The words.
        text: String,
        /// The reason, and the accepted forms.
        reason: String,
    },
    /// The tiles cannot be compared on.
    #[error("{origin}: {reason}")]
    Tiles {
        /// The data set, list or file.
        origin: String,
        /// The reason.
        reason: String,
    },
    /// The pixels of the tiles are needed, and only their names are known.
    #[error("{origin}: {side} needs the pixels of these tiles, and only their names are known")]
    NoPixels {
        /// The origin of the names.
        origin: String,
        /// The side, or the step that failed.
        side: String,
    },
    /// A model server without the bundle that it serves.
    #[error("side `{text}`: the bundle that it serves is not known; inputs, outputs and threshold are in it")]
    NoBundle {
        /// The words of the side.
        text: String,
    },
    /// A file of saved answers that cannot be read.
    #[error("{}: {reason}", path.display())]
    Answers {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Saved answers to other tiles.
    #[error("{}: its answers are to other tiles: {reason}", path.display())]
    OtherTiles {
        /// The file of the answers.
        path: PathBuf,
        /// The first tiles that differ, by name.
        reason: String,
    },
    /// A file of tolerances with a wrong key or value.
    #[error("{origin}: {reason}")]
    Tolerances {
        /// The file.
        origin: String,
        /// The key, the value that was found, and the accepted values.
        reason: String,
    },
    /// An output that was asked for and that a side lacks.
    #[error("{side}: there is no output `{name}`; there are: {known}")]
    Output {
        /// The requested output.
        name: String,
        /// The side.
        side: String,
        /// Its outputs.
        known: String,
    },
    /// A comparison of no sides.
    #[error("there are no sides to compare; the reference is needed at least")]
    NoSide,
    /// No tile could be decoded.
    #[error("none of the {tiles} tiles of {origin} could be read; the first is {first}")]
    NoTile {
        /// The data set or list.
        origin: String,
        /// Number of tiles.
        tiles: usize,
        /// The first tile, with the reason.
        first: String,
    },
    /// A thread of the comparison panicked.
    #[error("a thread of the comparison ended early; this is a bug")]
    Ended,
    /// The file system failed.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// A report that cannot be written as JSON.
    #[error("the report cannot be written as JSON: {0}")]
    Json(String),
}

impl CompareError {
    /// Category of the error; decides the exit status.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Runtime(error) => error.fault(),
            Self::Train(error) => error.fault(),
            Self::Burn(error) => error.fault(),
            Self::Side { .. }
            | Self::Tiles { .. }
            | Self::NoPixels { .. }
            | Self::NoBundle { .. }
            | Self::Answers { .. }
            | Self::OtherTiles { .. }
            | Self::Tolerances { .. }
            | Self::Output { .. }
            | Self::NoSide
            | Self::NoTile { .. } => Fault::Input,
            Self::Ended | Self::Io { .. } | Self::Json(_) => Fault::Environment,
        }
    }

    pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path: path.clone(), source }
    }
}

impl From<kiln_train::Error> for CompareError {
    fn from(error: kiln_train::Error) -> Self {
        Self::Train(Box::new(error))
    }
}

impl From<kiln_export::BundleError> for CompareError {
    fn from(error: kiln_export::BundleError) -> Self {
        Self::Burn(Box::new(error))
    }
}

impl From<kiln_train::data::DataError> for CompareError {
    fn from(error: kiln_train::data::DataError) -> Self {
        kiln_train::Error::from(error).into()
    }
}
