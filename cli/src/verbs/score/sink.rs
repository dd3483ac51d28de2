//! Where the rows of `kiln score` go: a file that a stopped run can go on with, or standard output.

use std::io;
use std::path::PathBuf;

use kiln_runtime::score::{self, Found, ResumableFile, RowWriter, ScoreRow};

use super::{Work, default_format};
use crate::output::Output;

/// Where rows go.
pub(super) enum Sink {
    /// A file that appears at the end.
    File(ResumableFile),
    /// Standard output.
    Stream(RowWriter),
}

impl Sink {
    pub(super) fn open(work: &Work<'_>, engine: &str, out: &Output) -> anyhow::Result<Self> {
        let (args, classes) = (work.args, work.rule.classes());
        let format = args.format.unwrap_or_else(|| default_format(args, out));
        let Some(target) = &args.out else {
            return Ok(Self::Stream(RowWriter::to_stream(Box::new(io::stdout()), format, classes)?));
        };
        let policy = args.size_policy.unwrap_or(work.bundle.manifest.tile.size_policy).to_string();
        let key = score::run_key(&work.bundle.manifest, &[work.precision, engine, &policy], work.tiles);
        let (file, found) = ResumableFile::open(target, format, classes, &key, work.tiles, args.restart)?;
        match found {
            Found::Rows(rows) if rows > 0 => out.note(format_args!(
                "going on after {rows} of {} tiles, which an earlier run has scored; --restart scores them again",
                work.tiles.len()
            )),
            Found::Other => out.note(format_args!(
                "{} was of another run, or tiles have changed since; beginning anew",
                file.progress().display()
            )),
            _ => {}
        }
        Ok(Self::File(file))
    }

    /// Rows that were there, and how many of them have a score.
    pub(super) fn before(&self) -> (usize, usize) {
        match self {
            Self::File(file) => (file.rows(), file.scored()),
            Self::Stream(_) => (0, 0),
        }
    }

    /// Where the rows are until the file appears.
    pub(super) fn progress(&self) -> Option<PathBuf> {
        match self {
            Self::File(file) => Some(file.progress().to_owned()),
            Self::Stream(_) => None,
        }
    }

    pub(super) fn write(&mut self, row: &ScoreRow) -> kiln_runtime::Result<()> {
        match self {
            Self::File(file) => file.write(row),
            Self::Stream(writer) => writer.write(row),
        }
    }

    pub(super) fn finish(self) -> kiln_runtime::Result<()> {
        match self {
            Self::File(file) => file.finish(),
            Self::Stream(writer) => writer.finish(),
        }
    }
}
