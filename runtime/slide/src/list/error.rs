//! The error of tile lists.

use std::io;
use std::path::PathBuf;

use kiln_files::Fault;

/// A tile list that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// Reading or writing the file failed.
    #[error("{}: {error}", path.display())]
    Io {
        /// Path of the list.
        path: PathBuf,
        /// The file system's error.
        #[source]
        error: io::Error,
    },
    /// The list is over a limit.
    #[error("{}: more than {limit} {what}; split the list", path.display())]
    TooLarge {
        /// Path of the list.
        path: PathBuf,
        /// The unit of the limit: `bytes` or `tiles`.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The columns are wrong.
    #[error("{}: line 1: {reason}", path.display())]
    Header {
        /// Path of the list.
        path: PathBuf,
        /// The fault, with the names of the columns.
        reason: String,
    },
    /// A row is wrong.
    #[error("{}: line {line}{}: {reason}", path.display(), in_column(column.as_deref()))]
    Row {
        /// Path of the list.
        path: PathBuf,
        /// Line, from 1. For a list that is written, the line that it would have.
        line: u64,
        /// Name of the column; `None` if the whole row is wrong.
        column: Option<String>,
        /// The fault.
        reason: String,
    },
}

impl ListError {
    /// Returns the error category: wrong input, or a problem of the machine.
    #[must_use]
    pub fn fault(&self) -> Fault {
        use io::ErrorKind::{InvalidInput, NotFound};
        match self {
            Self::Io { error, .. } if !matches!(error.kind(), NotFound | InvalidInput) => Fault::Environment,
            _ => Fault::Input,
        }
    }
}

fn in_column(column: Option<&str>) -> String {
    column.map_or_else(String::new, |column| format!(", column `{column}`"))
}
