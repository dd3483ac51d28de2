//! Result files that grow for as long as a process runs, for tiles that arrive one after the other. A row is first written to
//! the journal `<file>.watch`, then to the result file. A killed process leaves at most a cut line in either: opening the
//! journal again cuts it, and adds to the result file the rows that it lacks, so that each row is there once. The format is
//! one of lines; rows are kept in the order of scoring.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::progress::{line_of, whole_row};
use super::{TargetLock, beside, left_beside_link};
use crate::score::error::TargetError;
use crate::score::growing::GrowingFile;
use crate::score::target::can_be_file;
use crate::score::{Columns, Format, RowWriter, ScoreRow};
use crate::{Error, Result};

/// Version of the journal's form.
const FORMAT: u32 = 1;
/// The first bytes of a journal.
const BEGINNING: &[u8] = b"{\"watch\":";

/// The first line of a journal. Each further line is that of a progress file: `[number, row, digest of both]`.
#[derive(Serialize, Deserialize, PartialEq)]
struct Head {
    /// [`FORMAT`].
    watch: u32,
    /// SHA-256 of all that the rows depend on beside the tiles.
    run: String,
}

/// A result file that grows, and its journal.
pub struct Journal {
    path: PathBuf,
    file: File,
    result: File,
    target: PathBuf,
    rows: RowWriter,
    /// Rows of the journal.
    count: usize,
    /// Bytes of the journal.
    end: u64,
    _lock: TargetLock,
}

/// A result file that no other process writes, before its rows are read.
pub struct JournalClaim {
    path: PathBuf,
    file: File,
    target: PathBuf,
    format: Format,
    /// The first line of the journal; none for a new one.
    head: Option<Head>,
    lock: TargetLock,
}

impl Journal {
    /// Claims a result file for this process. What is wrong with it is found here, before a model is loaded.
    ///
    /// # Errors
    /// [`Error::Target`] if `target` is no regular file, has a format that cannot grow, is being written by another process,
    /// exists without a journal, or is a link with the journal of an earlier release of Kiln beside it; [`Error::Write`].
    pub fn claim(target: &Path, format: Format) -> Result<JournalClaim> {
        can_be_file(target)?;
        format.for_stream()?;
        let path = Self::path_of(target);
        if let Some(journal) = journal_beside_link(target) {
            return Err(TargetError::JournalBesideLink { path: target.to_owned(), journal, expected: path }.into());
        }
        let has_rows = target.metadata().is_ok_and(|there| there.len() > 0);
        let not_watched = || TargetError::NotWatched { path: target.to_owned(), journal: path.clone() };
        if has_rows && !path.exists() {
            return Err(not_watched().into());
        }
        let failed = |source| Error::Write { path: path.clone(), source };
        let lock = TargetLock::acquire(target)?;
        let file = open(&path).map_err(failed)?;
        let head = read_head(&file, &path).map_err(failed)??;
        if head.is_none() && has_rows {
            return Err(not_watched().into());
        }
        Ok(JournalClaim { file, target: target.to_owned(), format, head, path, lock })
    }

    /// Opens the journal of a claimed file, and passes every earlier row to `on_row`, with its place for
    /// [`Journal::row`]. `key` stands for all that rows depend on beside the tiles: see [`run_key`](super::run_key).
    ///
    /// # Errors
    /// [`Error::Target`] if the file has rows of another key; [`Error::Read`]; [`Error::Write`].
    pub fn open(
        claim: JournalClaim,
        columns: &Columns,
        key: &str,
        on_row: &mut dyn FnMut(ScoreRow, u64),
    ) -> Result<Self> {
        let JournalClaim { path, mut file, target, format, head: found, lock } = claim;
        let head = Head { watch: FORMAT, run: key.to_owned() };
        match found {
            Some(found) if found == head => {}
            Some(_) => return Err(TargetError::OtherWatch { path: target, journal: path }.into()),
            None => start(&mut file, &head).map_err(|source| Error::Write { path: path.clone(), source })?,
        }
        let unwritable = |source| Error::Write { path: target.clone(), source };
        let result = open(&target).map_err(unwritable)?;
        let growing = GrowingFile::new(result.try_clone().map_err(unwritable)?);
        let mut rows = RowWriter::to_stream(Box::new(growing), format, columns)?;
        let (count, end) = replay(&mut file, &path, &mut rows, on_row)?;
        let mut this = Self { path, file, result, target, rows, count, end, _lock: lock };
        this.cut_result().map_err(|source| Error::Write { path: this.target.clone(), source })?;
        Ok(this)
    }

    /// The journal of a result file: the same name and `.watch`. For a link, it is beside the file that the link leads to.
    #[must_use]
    pub fn path_of(target: &Path) -> PathBuf {
        beside(target, ".watch")
    }

    /// Rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// True if there is no row yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a row: to the journal, then to the result file. Returns its place for [`Journal::row`].
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&mut self, row: &ScoreRow) -> Result<u64> {
        let line = line_of(self.count, row).map_err(io::Error::from);
        let written = line.and_then(|mut line| {
            line.push(b'\n');
            // The cursor may be elsewhere, after a row that could not be read.
            self.file.seek(SeekFrom::Start(self.end))?;
            self.file.write_all(&line)?;
            Ok(line.len() as u64)
        });
        let place = self.end;
        self.end += written.map_err(|source| Error::Write { path: self.path.clone(), source })?;
        self.count += 1;
        self.rows.write(row).map_err(|error| match error {
            Error::Write { source, .. } => Error::Write { path: self.target.clone(), source },
            other => other,
        })?;
        Ok(place)
    }

    /// Reads a row again.
    ///
    /// # Errors
    /// [`Error::Read`], also if there is no row at this place.
    pub fn row(&mut self, place: u64) -> Result<ScoreRow> {
        let row = self.line_at(place).and_then(|line| {
            let row = whole_row(&line).map(|(_, row)| row);
            row.ok_or_else(|| io::Error::other(format!("there is no row at byte {place}")))
        });
        row.map_err(|source| Error::Read { path: self.path.clone(), source })
    }

    /// Reads the line at a place. Leaves the cursor anywhere.
    fn line_at(&mut self, place: u64) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.file.seek(SeekFrom::Start(place))?;
        BufReader::new(&self.file).read_until(b'\n', &mut line)?;
        Ok(line)
    }

    /// Makes the rows durable: they survive the end of the machine, not of the process alone.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|source| Error::Write { path: self.path.clone(), source })?;
        self.result.sync_data().map_err(|source| Error::Write { path: self.target.clone(), source })
    }

    /// Cuts what the result file has behind the rows of the journal: a part of a line, or rows that the end of the machine
    /// took from the journal.
    fn cut_result(&mut self) -> io::Result<()> {
        // The writer has the same cursor.
        let end = self.result.stream_position()?;
        if self.result.metadata()?.len() > end {
            self.result.set_len(end)?;
        }
        Ok(())
    }
}

/// Opens a file to read and write, and makes it and its folder if there is none.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// The journal beside a link to a result file, where earlier releases of Kiln kept it, if none is beside the file itself.
fn journal_beside_link(target: &Path) -> Option<PathBuf> {
    left_beside_link(target, ".watch").filter(|left| {
        let head = File::open(left).and_then(|file| read_head(&file, left));
        matches!(head, Ok(Ok(Some(_))))
    })
}

/// Reads the first line; none if there is no whole one.
fn read_head(mut file: &File, path: &Path) -> io::Result<Result<Option<Head>>> {
    let mut line = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    // A head has 64 digits and a few words.
    BufReader::new(file.take(4_096)).read_until(b'\n', &mut line)?;
    let both = line.len().min(BEGINNING.len());
    let is_ours = line[..both] == BEGINNING[..both] || line.iter().all(|byte| *byte == 0);
    if !is_ours {
        return Ok(Err(TargetError::ForeignProgress { path: path.to_owned() }.into()));
    }
    if !line.ends_with(b"\n") {
        return Ok(Ok(None));
    }
    // A head that another release wrote is another one.
    let other = Head { watch: 0, run: String::new() };
    Ok(Ok(Some(serde_json::from_slice(&line).unwrap_or(other))))
}

fn start(file: &mut File, head: &Head) -> io::Result<()> {
    let mut line = serde_json::to_vec(head)?;
    line.push(b'\n');
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&line)?;
    file.sync_all()
}

/// Writes every whole row of the journal to the result file, and cuts the journal after the last one. Returns the number of
/// rows and the bytes of the journal.
fn replay(
    file: &mut File,
    path: &Path,
    rows: &mut RowWriter,
    on_row: &mut dyn FnMut(ScoreRow, u64),
) -> Result<(usize, u64)> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut reader = BufReader::new(&*file);
    let mut line = Vec::new();
    let mut end = reader.read_until(b'\n', &mut line).map_err(unreadable)? as u64;
    let mut count = 0;
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line).map_err(unreadable)? as u64;
        let row = whole_row(&line).filter(|(number, _)| *number == count && line.ends_with(b"\n"));
        let Some((_, row)) = row else { break };
        rows.write(&row)?;
        on_row(row, end);
        end += length;
        count += 1;
    }
    let cut = file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end)));
    cut.map_err(|source| Error::Write { path: path.to_owned(), source })?;
    Ok((count, end))
}

#[cfg(test)]
mod tests;
