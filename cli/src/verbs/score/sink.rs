//! The target of the rows of `kiln score`: a file that a stopped run can go on with, or standard output.

use std::io;

use kiln_files::FileDigest;
use kiln_runtime::score::{self, Found, Kept, ResumableFile, Resume, RowWriter, ScoreRow};

use super::work::{FEW_TILES, Work};
use crate::output::Output;

/// The target of rows.
pub(super) enum Sink {
    /// A file that appears at the end.
    File(ResumableFile),
    /// Standard output.
    Stream(RowWriter),
}

impl Sink {
    /// Opens the target. `settings` are those of the scorer that the rows depend on.
    pub(super) fn open(work: &Work<'_>, settings: &[&str], out: &Output) -> anyhow::Result<Self> {
        let args = work.args;
        let Some(target) = &work.out else {
            return Ok(Self::Stream(RowWriter::to_stream(Box::new(io::stdout()), work.format, &work.columns)?));
        };
        let read: Vec<_> = work.settings.iter().map(String::as_str).collect();
        let options = [&[work.precision], read.as_slice(), settings].concat();
        let key = score::run_key(&work.bundle.manifest, &options, Some(work.source));
        let bar = (work.source.len() > FEW_TILES).then(|| out.progress(None, "compare tiles with the earlier run"));
        let on_tile = || {
            if let Some(bar) = &bar {
                bar.inc(1);
            }
        };
        let resume = Resume { restart: args.restart, workers: args.threads(), on_tile: &on_tile };
        let left = ResumableFile::left_beside_link(target);
        let opened = ResumableFile::open(target, work.format, &work.columns, &key, work.source, &resume);
        if let Some(bar) = &bar {
            bar.finish_and_clear();
        }
        let (file, found) = opened?;
        let progress = file.progress().display();
        if let Some(left) = left {
            out.note(format_args!(
                "{} is progress beside the link, from an earlier release of Kiln, and is not resumed; remove it, or stop \
                 this run and move it to {progress}",
                left.display()
            ));
        }
        match found {
            Found::Nothing => {}
            Found::Rows(kept) => note_kept(kept, work.source.len(), out),
            Found::OtherRun => out.note(format_args!(
                "{progress} does not match this run (other tiles, bundle, options or release of Kiln); starting over"
            )),
            Found::OtherFormat => {
                out.note(format_args!("{progress} was written by another release of Kiln; starting over"));
            }
        }
        Ok(Self::File(file))
    }

    /// The places of the tiles that have no row yet; `None` if no tile has one.
    pub(super) fn todo(&self) -> Option<Vec<usize>> {
        match self {
            Self::File(file) => Some(file.todo().to_vec()),
            Self::Stream(_) => None,
        }
    }

    /// The file that holds the rows until the result file appears.
    #[cfg(feature = "endpoint")]
    pub(super) fn progress(&self) -> Option<std::path::PathBuf> {
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

    /// Makes the file appear. Gives the digest of each tile's bytes, for a file.
    pub(super) fn finish(self) -> kiln_runtime::Result<Vec<Option<FileDigest>>> {
        match self {
            Self::File(file) => file.finish(),
            Self::Stream(writer) => writer.finish().map(|()| Vec::new()),
        }
    }
}

fn note_kept(kept: Kept, tiles: usize, out: &Output) {
    let Kept { rows, changed, without_score } = kept;
    if rows > 0 {
        out.note(format_args!(
            "going on after {rows} of {tiles} tiles, which an earlier run has scored and which have not changed; \
             --restart scores them again"
        ));
    }
    if changed > 0 {
        out.note(format_args!("{changed} tiles have changed since an earlier run scored them; scoring them again"));
    }
    if without_score > 0 {
        out.note(format_args!("{without_score} tiles got no score from an earlier run; trying them again"));
    }
}
