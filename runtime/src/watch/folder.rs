//! A watched folder: one search after the other, each with a run of the pipeline over the files that are finished.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use kiln_files::FileDigest;
use kiln_files::text::escaped;
use kiln_tile::{Decoder, TileError};

use super::arrivals::{Arrivals, Waiting};
use super::known::{Known, LastRow};
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
    /// The content has a row under another path, and this path has none.
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
    /// Files without a row whose content has one under another path.
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
        let journal = Journal::open(target, columns, key, &mut |row, place| {
            *if row.is_ok() { &mut scored } else { &mut failed } += 1;
            known.add(&row, place);
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
            let (new, unread) = (Known::default(), Vec::new());
            let mut taken = Taken { arrivals, journal, known, new, unread, round: &mut round };
            let source = Finished { files: &files, decoder: *decoder, known: taken.known, stop };
            let mut paths = files.iter();
            let ran = score::run(scorers, rule, &source, options, &mut |row| {
                let path = paths.next().map_or(Path::new(""), |file| file.path.as_path());
                taken.row(path, &row, on_outcome)
            });
            let Taken { new, unread, .. } = taken;
            unread.into_iter().for_each(|digest| known.forget(digest));
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
    /// Contents whose rows in the journal cannot be read.
    unread: Vec<FileDigest>,
    round: &'a mut Round,
}

impl Taken<'_> {
    /// Takes the state of a finished file: a row of its score or of the reason why there is none, or [`HAS_A_ROW`].
    fn row(&mut self, path: &Path, row: &ScoreRow, on_outcome: &mut dyn FnMut(&Outcome<'_>)) -> Result<()> {
        // The file has gone since the search, or was not read.
        if row.status == STOPPED || row.status.starts_with(TileError::NotFound.code()) {
            return Ok(());
        }
        let last = self.new.last(row).or_else(|| self.known.last(row));
        let is_copy = last.is_none() && row.digest.is_some_and(|digest| self.place(digest).is_some());
        if last == Some(LastRow::Same) || is_copy || self.is_another_file(row, last) {
            self.arrivals.done(path);
            if is_copy {
                self.round.copies += 1;
                on_outcome(&Outcome::Copy);
            }
            return Ok(());
        }
        let Some(known) = self.with_known_score(row) else {
            on_outcome(&Outcome::Retry(row));
            return Ok(());
        };
        let row = &*known;
        if !row.is_ok() && !self.arrivals.is_given_up(path, Instant::now()) {
            on_outcome(&Outcome::Retry(row));
            return Ok(());
        }
        let place = self.journal.write(row)?;
        self.new.add(row, place);
        self.arrivals.done(path);
        *if row.is_ok() { &mut self.round.scored } else { &mut self.round.failed } += 1;
        on_outcome(&Outcome::Row(row));
        Ok(())
    }

    /// The place of a content's row in the journal.
    fn place(&self, digest: FileDigest) -> Option<u64> {
        self.known.place(digest).or_else(|| self.new.place(digest))
    }

    /// True if the last row of this path may be of another file, whose name has other bytes that are not UTF-8: two such
    /// names look alike in rows. A known content then gets no row, or each start would add one for each file.
    fn is_another_file(&self, row: &ScoreRow, last: Option<LastRow>) -> bool {
        let is_known = || row.digest.is_some_and(|digest| self.place(digest).is_some());
        last == Some(LastRow::Other) && row.path.contains(char::REPLACEMENT_CHARACTER) && is_known()
    }

    /// The row of a tile that was not decoded because its content has a row: that row's score under this path. `None` if
    /// the row cannot be read: its content is then scored again at the next search.
    fn with_known_score<'r>(&mut self, row: &'r ScoreRow) -> Option<Cow<'r, ScoreRow>> {
        let known = row.digest.filter(|_| row.status == HAS_A_ROW);
        let Some((digest, place)) = known.and_then(|digest| Some((digest, self.place(digest)?))) else {
            return Some(Cow::Borrowed(row));
        };
        match self.journal.row(place) {
            Ok(found) => Some(Cow::Owned(ScoreRow { path: row.path.clone(), ..found })),
            Err(error) => {
                tracing::warn!("{}; {} is scored again", crate::chain(&error), escaped(&row.path));
                self.unread.push(digest);
                None
            }
        }
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
