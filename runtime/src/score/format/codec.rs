//! The parts that make up a format.

use std::fs::File;
use std::io;

use crate::score::ScoreRow;
use crate::score::columns::Columns;
use crate::score::target::Target;

/// A format: its names, its writer and its reader.
pub(in crate::score) struct Codec {
    /// The name that users type, which is also the first extension of its files.
    pub(super) name: &'static str,
    /// The name in sentences.
    pub(super) title: &'static str,
    /// Extensions of its files, in lower case.
    pub(super) extensions: &'static [&'static str],
    /// True if a file that is cut off after any row is still readable, so that rows can go to a stream.
    pub(super) streams: bool,
    /// The cargo feature that this build lacks for the format.
    pub(super) lacks: Option<&'static str>,
    /// Begins a file or stream with these columns.
    pub(in crate::score) write: Begin,
    /// Reads a file that must have exactly these columns.
    pub(in crate::score) read: fn(File, Columns) -> Result<RowsRead, String>,
}

type Begin = fn(Target, &Columns) -> io::Result<Box<dyn WriteRows>>;

/// Writes rows of one file or stream.
pub(in crate::score) trait WriteRows {
    /// Writes one row.
    fn write(&mut self, row: &ScoreRow) -> io::Result<()>;
    /// Writes the remaining bytes and returns the target.
    fn finish(self: Box<Self>) -> io::Result<Target>;
}

/// Rows of a file. A row that cannot be read is the reason.
pub(in crate::score) type RowsRead = Box<dyn Iterator<Item = Result<ScoreRow, String>>>;
