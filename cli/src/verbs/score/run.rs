//! One run of scoring: rows into a sink, bad tiles on stderr.

use std::io;

use kiln_files::FileDigest;
use kiln_files::text::escaped;
use kiln_runtime::score::{self, PipelineOptions, ScoreRow, Summary};
use kiln_runtime::{Error, Scorer};
use kiln_tile::{TileSource, TileSubset};

use super::sink::Sink;
use super::work::{FEW_TILES, Work};
use crate::exit::Exit;
use crate::output::Output;

/// The end of a run.
pub(super) enum Scored {
    /// Every tile has its row; with the digest of each tile's bytes if rows go to a file.
    All(Summary, Vec<Option<FileDigest>>),
    /// The reader of stdout left early (`kiln score … | head`). Scoring ends there.
    ReaderLeft {
        /// Tiles without a score before that.
        failed: usize,
    },
}

impl Scored {
    /// Tiles without a score are an error of the input, even if a pipe reads the rows.
    pub(super) fn exit(&self) -> Exit {
        let (Self::All(Summary { failed, .. }, _) | Self::ReaderLeft { failed }) = self;
        if *failed == 0 { Exit::Done } else { Exit::Input }
    }

    fn reader_left(error: &Error, to_stdout: bool) -> bool {
        to_stdout && matches!(error, Error::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Scores the tiles that have no row yet; the summary counts all.
pub(super) fn score<S: Scorer + Send>(
    work: &Work<'_>,
    scorers: &mut [S],
    batch: usize,
    mut sink: Sink,
    out: &Output,
) -> kiln_runtime::Result<Scored> {
    let options = PipelineOptions { batch, workers: work.args.threads() };
    let (all, places) = (work.source, sink.todo());
    let rest = places.as_deref().map(|places| TileSubset::new(all, places));
    let source: &dyn TileSource = match &rest {
        Some(rest) => rest,
        None => all,
    };
    let kept = all.len() - source.len();
    let bar = (source.len() > FEW_TILES).then(|| out.progress(Some(source.len() as u64), "score"));
    let mut bad = 0;
    let summary = score::run(scorers, work.rule, source, &options, &mut |row| {
        if !row.is_ok() {
            bad += 1;
            name_bad_tile(&row, bad, out);
        }
        if let Some(bar) = &bar {
            bar.inc(1);
        }
        sink.write(&row)
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let (mut summary, digests) = match summary.and_then(|summary| sink.finish().map(|digests| (summary, digests))) {
        Err(error) if Scored::reader_left(&error, work.out.is_none()) => {
            return Ok(Scored::ReaderLeft { failed: bad });
        }
        scored => scored?,
    };
    // Rows that were kept have a score.
    summary.tiles += kept;
    summary.scored += kept;
    Ok(Scored::All(summary, digests))
}

fn name_bad_tile(row: &ScoreRow, bad: usize, out: &Output) {
    match bad {
        ..=FEW_TILES => out.note(format_args!("{}: {}", escaped(&row.path), row.status)),
        n if n == FEW_TILES + 1 => out.note("more tiles have no score; every one is in the rows, with its status"),
        _ => {}
    }
}
