//! The errors of finding, installing and loading OpenSlide.

use std::path::PathBuf;

use kiln_files::Fault;

/// The reason why there is no usable OpenSlide.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// No library was found.
    #[error("no OpenSlide library, searched: {}; install the pinned one, or name a library", .searched.join(", "))]
    NotFound {
        /// Every place of the search.
        searched: Vec<String>,
    },
    /// The named or found file cannot be used.
    #[error("{}: not a usable OpenSlide library: {reason}", .path.display())]
    Unusable {
        /// The library file.
        path: PathBuf,
        /// The reason, or the loader's message.
        reason: String,
    },
    /// A version with known vulnerabilities.
    #[error(
        "{}: OpenSlide {version}, expected 4.0.1 or later: earlier versions are open to attack by slide files \
         (CVE-2026-48977, CVE-2026-54604); install the pinned library or update this one", .path.display()
    )]
    Vulnerable {
        /// The library file.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// An installed file differs from its pin.
    #[error("{}: {reason}; install OpenSlide again", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The difference.
        reason: String,
    },
    /// The pinned wheel could not be installed.
    #[error("OpenSlide cannot be installed: {reason}")]
    Install {
        /// The cause.
        reason: String,
    },
}

impl LibraryError {
    /// Returns the error category: always a problem of the machine.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Environment
    }
}
