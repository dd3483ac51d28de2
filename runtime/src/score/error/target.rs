//! Errors of the target of rows.

use std::path::PathBuf;

/// A file, stream or format that rows cannot be written to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// A folder or a device.
    #[error("{}: not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A path that can be no file, or a file that must not be replaced.
    #[error("cannot write {}: {reason}", path.display())]
    Unwritable {
        /// The path, as it was named.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A result file that another process is writing.
    #[error("{}: another process is writing this file", path.display())]
    InUse {
        /// The result file.
        path: PathBuf,
    },
    /// A file with the name of the progress file that is not Kiln's.
    #[error("{}: this file is in the place of the progress file and was not written by Kiln", path.display())]
    ForeignProgress {
        /// The file.
        path: PathBuf,
    },
    /// A growing result file whose rows depend on something else than this run's.
    #[error(
        "{}: its rows are of another bundle, other options, another library or another release of Kiln (by {})",
        path.display(), journal.display()
    )]
    OtherWatch {
        /// The result file.
        path: PathBuf,
        /// Its journal.
        journal: PathBuf,
    },
    /// A file in the place of a growing result file, without the journal of one.
    #[error("{}: the file exists, and has no journal {} that rows could be added by", path.display(), journal.display())]
    NotWatched {
        /// The file.
        path: PathBuf,
        /// The journal that is missing.
        journal: PathBuf,
    },
    /// A link to a growing result file whose journal is beside the link, where earlier releases of Kiln kept it.
    #[error("{}: its journal {} is beside the link, and is now kept beside the file", path.display(), journal.display())]
    JournalBesideLink {
        /// The link.
        path: PathBuf,
        /// The journal.
        journal: PathBuf,
        /// The journal's path beside the file.
        expected: PathBuf,
    },
    /// A file name of one format and a request for another.
    #[error("{}: the name promises {named}, but {asked} is requested", path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The format of the name.
        named: &'static str,
        /// The requested format.
        asked: &'static str,
    },
    /// A file name without the extension of a format, and no requested format.
    #[error("{}: the name ends with none of {extensions}, so its format is unknown", path.display())]
    NoFormat {
        /// The file.
        path: PathBuf,
        /// The extensions of all formats.
        extensions: String,
    },
    /// A format that needs a file.
    #[error("{format} cannot be streamed: it needs a file")]
    NotAStream {
        /// The format.
        format: &'static str,
    },
    /// A format that this build lacks.
    #[error("this build has no {format} support (cargo feature `{feature}`)")]
    NotBuilt {
        /// The format.
        format: &'static str,
        /// The cargo feature.
        feature: &'static str,
    },
    /// An unknown name of a format.
    #[error("unknown format `{name}`; known are: {known}")]
    UnknownFormat {
        /// The name.
        name: String,
        /// Every name of a format in this build.
        known: String,
    },
}
