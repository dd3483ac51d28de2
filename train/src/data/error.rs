//! What can be wrong with a data set, a list, a split or a tile. Every message names the file, the line or the tile.

use std::io;
use std::path::{Path, PathBuf};

use kiln_files::Fault;
use kiln_tile::TileError;

/// What can go wrong between files of tiles and batches.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The data set as a whole cannot be used.
    #[error("data set {}: {reason}", path.display())]
    Dataset {
        /// The folder or the list.
        path: PathBuf,
        /// What was found and what to do.
        reason: String,
    },
    /// A line of a CSV list is wrong.
    #[error("{}, line {line}: {reason}", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// The line, from 1; the header is line 1.
        line: u64,
        /// What was found and what to do.
        reason: String,
    },
    /// No split can be made, or a stored one does not fit the data set.
    #[error("split: {0}")]
    Split(String),
    /// Tiles that must stand together stand in two splits.
    #[error("the split leaks: {0}")]
    Leak(String),
    /// A tile cannot be used.
    #[error("tile {}: {reason}", path.display())]
    Tile {
        /// The tile's file.
        path: PathBuf,
        /// Why there is no tile. Said in the message, so it is not given as its source as well.
        reason: TileError,
    },
    /// An option is out of its range.
    #[error("{key} is {found}: {expected}")]
    Option {
        /// The option's name, as in a configuration.
        key: &'static str,
        /// What was given.
        found: String,
        /// What is accepted.
        expected: &'static str,
    },
    /// The file system refused.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said. Part of the message, so it is not given as its source as well.
        reason: io::Error,
    },
    /// A loader's thread ended before its work did.
    #[error("a loader thread ended early; this is a bug: please report it with the log of the run")]
    WorkerLost,
}

impl DataError {
    /// Whose turn it is after this error.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Dataset { .. } | Self::List { .. } | Self::Split(_) | Self::Option { .. } => Fault::Input,
            Self::Leak(_) => Fault::Check,
            Self::Tile { reason, .. } => reason.fault(),
            Self::Io { reason, .. } if reason.kind() == io::ErrorKind::NotFound => Fault::Input,
            Self::Io { .. } | Self::WorkerLost => Fault::Environment,
        }
    }

    pub(super) fn dataset(path: &Path, reason: impl Into<String>) -> Self {
        Self::Dataset { path: path.to_owned(), reason: reason.into() }
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |reason| Self::Io { path, reason }
    }
}
