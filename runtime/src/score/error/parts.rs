//! Errors of parts that do not join.

use std::path::PathBuf;

use kiln_files::text::escaped;

/// A part of a sharded scoring that is missing, or cannot be joined with the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// Parts that were not given.
    #[error("missing: part {parts}")]
    Missing {
        /// The parts, such as `1/4, 2/4`.
        parts: String,
    },
    /// A part whose record is missing or invalid.
    #[error("{}: {reason}", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A part that has changed since its record was written.
    #[error("{} is not the part that its record describes: SHA-256 {found}, recorded {recorded}", part.display())]
    Changed {
        /// The part.
        part: PathBuf,
        /// Its SHA-256.
        found: String,
        /// The SHA-256 in the record.
        recorded: String,
    },
    /// A tile that has changed since it was scored.
    #[error(
        "{} is not the tile that part {shard} ({}) was scored on: its file was replaced since",
        escaped(&tile.to_string_lossy()), part.display()
    )]
    TileReplaced {
        /// The tile.
        tile: PathBuf,
        /// The number of the part, such as `1/4`.
        shard: String,
        /// The part.
        part: PathBuf,
    },
    /// A slide that had other content in one part than in another.
    #[error(
        "{} was scored with two contents: that of {} and another one in {}; its copies on two machines differ, or it was \
         replaced in between",
        escaped(slide), one.display(), other.display()
    )]
    SlideDiffers {
        /// The slide.
        slide: String,
        /// The first part with tiles of the slide.
        one: PathBuf,
        /// The part with other content.
        other: PathBuf,
    },
    /// Parts of different lists, models or settings, or rows that differ from the records.
    #[error("{reason}")]
    Mismatch {
        /// The difference.
        reason: String,
    },
}
