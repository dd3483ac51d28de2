//! A watched folder: one search after the other, each with a run of the pipeline over the files that are finished.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use kiln_tile::{Decoder, TileError};

use super::arrivals::{Arrivals, Waiting};
use super::known::{Earlier, Known};
use super::source::{Finished, HAS_A_ROW, STOPPED};
use crate::decision::DecisionRule;
use crate::score::{self, Columns, Journal, JournalClaim, Listed, ListingError, PipelineOptions, ScoreRow, Separator};
use crate::scorer::Scorer;
use crate::{Error, Result};

/// A folder, the rows of its files, and the contents that have one.
pub struct FolderWatch {
    folder: PathBuf,
    decoder: Decoder,
    arrivals: Arrivals,
    known: Known,
    journal: Journal,
    scored: usize,
    failed: usize,
}

/// The result of a finished file.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// A new row: a score, or the reason why there is none and will be none until the file changes.
    Row(&'a ScoreRow),
    /// The content has a row under another path.
    Copy,
    /// No score yet: the file is tried again at the next search.
    Retry(&'a ScoreRow),
}

/// Counts of one search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Files that got a score.
    pub scored: usize,
    /// Files that got a row without a score.
    pub failed: usize,
    /// Files whose content has a row under another path.
    pub copies: usize,
    /// Files that are not finished, or are tried again.
    pub waiting: usize,
}

impl FolderWatch {
    /// Opens the growing result file, which was claimed before, and reads its earlier rows. `key` stands for all that rows
    /// depend on beside the files.
    ///
    /// # Errors
    /// [`Error::Read`] if the folder cannot be read; as [`Journal::open`].
    pub fn open(
        folder: &Path,
        target: JournalClaim,
        (columns, key): (&Columns, &str),
        decoder: Decoder,
        waiting: Waiting,
    ) -> Result<Self> {
        std::fs::read_dir(folder).map_err(|source| Error::Read { path: folder.to_owned(), source })?;
        let (mut known, mut scored, mut failed) = (Known::default(), 0, 0);
        let journal = Journal::open(target, columns, key, &mut |row| {
            *if row.is_ok() { &mut scored } else { &mut failed } += 1;
            known.add(&row);
        })?;
        let arrivals = Arrivals::new(waiting);
        Ok(Self { folder: folder.to_owned(), decoder, arrivals, known, journal, scored, failed })
    }

    /// Rows with a score, of all processes so far.
    #[must_use]
    pub fn scored(&self) -> usize {
        self.scored
    }

    /// Rows without a score, of all processes so far.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Searches the folder and its folders, and scores the finished files. When `stop` becomes true, the batches that are
    /// running get their rows, and no further file is read. `on_outcome` is called after a row is in the result file.
    ///
    /// # Errors
    /// [`Error::Read`] if the folder cannot be read now; as [`score::run`](crate::score::run). Rows so far are kept.
    pub fn search<S: Scorer + Send>(
        &mut self,
        scorers: &mut [S],
        rule: &DecisionRule,
        options: &PipelineOptions,
        stop: &AtomicBool,
        on_outcome: &mut dyn FnMut(&Outcome<'_>),
    ) -> Result<Round> {
        let files = self.arrivals.take(files_in(&self.folder)?, Instant::now());
        let mut round = Round::default();
        if !files.is_empty() {
            let Self { arrivals, known, journal, decoder, scored, failed, .. } = self;
            let mut taken = Taken { arrivals, journal, known, new: Known::default(), round: &mut round };
            let source = Finished { files: &files, decoder: *decoder, known: taken.known, stop };
            let mut paths = files.iter();
            let ran = score::run(scorers, rule, &source, options, &mut |row| {
                let path = paths.next().map_or(Path::new(""), |file| file.path.as_path());
                taken.row(path, &row, on_outcome)
            });
            let new = taken.new;
            known.extend(new);
            *scored += round.scored;
            *failed += round.failed;
            let synced = self.journal.sync();
            ran?;
            synced?;
        }
        round.waiting = self.arrivals.waiting();
        Ok(round)
    }
}

/// The rows of one search on their way into the journal.
struct Taken<'a> {
    arrivals: &'a mut Arrivals,
    journal: &'a mut Journal,
    known: &'a Known,
    /// Contents of this search.
    new: Known,
    round: &'a mut Round,
}

impl Taken<'_> {
    fn row(&mut self, path: &Path, row: &ScoreRow, on_outcome: &mut dyn FnMut(&Outcome<'_>)) -> Result<()> {
        // The file has gone since the search, or was not read.
        if row.status == STOPPED || row.status.starts_with(TileError::NotFound.code()) {
            return Ok(());
        }
        if row.status == HAS_A_ROW || self.new.has(row) || self.known.has(row) {
            self.arrivals.done(path);
            if self.is_copy(row) {
                self.round.copies += 1;
                on_outcome(&Outcome::Copy);
            }
            return Ok(());
        }
        if !row.is_ok() && !self.arrivals.is_given_up(path, Instant::now()) {
            on_outcome(&Outcome::Retry(row));
            return Ok(());
        }
        self.journal.write(row)?;
        self.new.add(row);
        self.arrivals.done(path);
        *if row.is_ok() { &mut self.round.scored } else { &mut self.round.failed } += 1;
        on_outcome(&Outcome::Row(row));
        Ok(())
    }

    fn is_copy(&self, row: &ScoreRow) -> bool {
        let Some(digest) = row.digest else { return false };
        let earlier = self.new.find(digest, &row.path).or_else(|| self.known.find(digest, &row.path));
        earlier == Some(Earlier::OtherPath)
    }
}

/// The tile files in a folder and the folders in it, in natural order; none is no error.
fn files_in(folder: &Path) -> Result<Vec<Listed>> {
    // A folder that has gone would be taken for a missing tile.
    std::fs::read_dir(folder).map_err(|source| Error::Read { path: folder.to_owned(), source })?;
    match score::search(&[folder.to_owned()], &mut io::empty(), Separator::Line) {
        Ok(listing) => Ok(listing.tiles),
        Err(Error::Listing(ListingError::EmptyFolder { .. } | ListingError::Empty)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
