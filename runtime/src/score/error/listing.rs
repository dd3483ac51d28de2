//! Errors of the list of tiles to score.

use std::path::PathBuf;

/// An input that lists no tiles, or cannot be a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListingError {
    /// No tile in any input.
    #[error("nothing to score: the inputs list no tile")]
    Empty,
    /// A folder without tile files.
    #[error("{}: the folder holds no PNG, JPEG, TIFF, BMP or WebP file{}", folder.display(), without(*left_out))]
    EmptyFolder {
        /// The folder.
        folder: PathBuf,
        /// Hidden or system files and folders that the search left out.
        left_out: usize,
    },
    /// A pattern that matches no tile file.
    #[error("{}: no tile file has such a name{}", pattern.display(), without(*left_out))]
    NoMatch {
        /// The pattern.
        pattern: PathBuf,
        /// Hidden or system files and folders that the search left out.
        left_out: usize,
    },
    /// A malformed pattern.
    #[error("{}: not a pattern: {reason}", pattern.display())]
    Pattern {
        /// The pattern.
        pattern: PathBuf,
        /// The fault and its place.
        reason: String,
    },
    /// A list in UTF-16.
    #[error("{}: the list is UTF-16; save it as UTF-8", list.display())]
    Utf16 {
        /// The list.
        list: PathBuf,
    },
    /// A list of lines with a NUL.
    #[error("{}: line {line} holds a NUL", list.display())]
    Nul {
        /// The list.
        list: PathBuf,
        /// The line, from 1 on.
        line: u64,
    },
    /// A list of lines with a carriage return inside a line.
    #[error("{}: line {line} holds a carriage return within it: is every line of the list ended by one?", list.display())]
    CarriageReturn {
        /// The list.
        list: PathBuf,
        /// The line, from 1 on.
        line: u64,
    },
    /// A list of NUL-terminated names that holds lines instead.
    #[error("{}: name {name} holds line breaks and does not end with NUL", list.display())]
    LineBreaks {
        /// The list.
        list: PathBuf,
        /// The name, from 1 on.
        name: u64,
    },
    /// A name that is longer than any path.
    #[error("{}: {place} is longer than a path can be: over {limit} bytes", list.display())]
    TooLong {
        /// The list.
        list: PathBuf,
        /// The line or name, such as `line 2`.
        place: String,
        /// The limit in bytes.
        limit: u64,
    },
}

fn without(left_out: usize) -> String {
    match left_out {
        0 => String::new(),
        _ => format!("; {left_out} hidden or system files and folders are left out: name a file to score it"),
    }
}
