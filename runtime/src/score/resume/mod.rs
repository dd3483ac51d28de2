//! Result files that survive a stop. Rows go to `<file>.progress` as they come; the result file itself appears whole at
//! the end, made from them. A run that was killed leaves its progress, and the same run started again keeps every row
//! whose tile has the same bytes now: the file is read again and its digest compared with that of the bytes that were
//! scored, so that neither times nor names decide. Other tiles, and tiles without a score, are scored again.

mod journal;
mod lock;
mod progress;

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use kiln_files::FileDigest;
use kiln_files::digest::sha256_hex;
use kiln_tile::TileSource;

pub use self::journal::{Journal, JournalClaim};
pub use self::lock::TargetLock;
use self::progress::{Earlier, EarlierRow, FORMAT, Head, is_progress, line_of, whole_row};
use super::error::TargetError;
use super::target::followed;
use super::unchanged::{Compared, compare};
use super::{Columns, Format, RowWriter, ScoreRow};
use crate::bundle::Manifest;
use crate::{Error, Result};

/// All that a run's rows depend on beside the tiles' own bytes, as one digest: this release of Kiln, the bundle with the
/// digests of its files, `options`, and the names of the tiles; `None` for a key that holds for any tiles.
#[must_use]
pub fn run_key(manifest: &Manifest, options: &[&str], tiles: Option<&dyn TileSource>) -> String {
    let manifest = serde_json::to_string(manifest).unwrap_or_default();
    key(&[&[env!("CARGO_PKG_VERSION"), &manifest], options].concat(), tiles)
}

/// Names that are hashed at a time.
const PART: usize = 4_096;

fn key(facts: &[&str], tiles: Option<&dyn TileSource>) -> String {
    // Digests of parts: the list may be long, and is hashed as it is read. Bytes, because two names that are not UTF-8 may
    // look alike as text.
    let parts = tiles.into_iter().flat_map(|tiles| {
        (0..tiles.len()).step_by(PART).map(move |first| {
            let names: Vec<_> = (first..tiles.len().min(first + PART)).map(|index| tiles.identity(index)).collect();
            sha256_hex(&names.join(&b'\0'))
        })
    });
    let facts = facts.iter().map(|fact| sha256_hex(fact.as_bytes()));
    sha256_hex(facts.chain(parts).collect::<Vec<_>>().join("\n").as_bytes())
}

/// A result file that is not complete yet.
pub struct ResumableFile {
    target: PathBuf,
    progress: PathBuf,
    file: BufWriter<File>,
    /// Held until the result file is in place and its progress is removed.
    lock: TargetLock,
    format: Format,
    columns: Columns,
    /// The offset of each tile's row in the progress file; none for a tile that is not scored yet.
    rows: Vec<Option<u64>>,
    /// Places of the tiles to score.
    todo: Vec<usize>,
    /// Number of them that have their row.
    done: usize,
    /// Bytes of the progress file.
    end: u64,
}

/// State of the progress file when a result file was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing of an earlier run.
    Nothing,
    /// Rows of the same run.
    Rows(Kept),
    /// Progress of another run: other tiles, another bundle, other options or another release. It has been dropped.
    OtherRun,
    /// Progress in the form of another release of Kiln. It has been dropped.
    OtherFormat,
}

/// Counts of an earlier run's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// Rows that are kept.
    pub rows: usize,
    /// Tiles whose bytes are not those that were scored, or that cannot be read any more. They are scored again.
    pub changed: usize,
    /// Rows without a score. Their tiles are tried again.
    pub without_score: usize,
}

/// Options of reading an earlier run's progress.
pub struct Resume<'a> {
    /// Drop it unread.
    pub restart: bool,
    /// Threads that read tiles.
    pub workers: usize,
    /// Called for each tile that was compared.
    pub on_tile: &'a (dyn Fn() + Sync),
}

impl ResumableFile {
    /// Opens the progress of `target`. Rows of the same run are kept if their tiles have the bytes that were scored,
    /// unless the caller restarts: every such tile is read once.
    ///
    /// # Errors
    /// [`Error::Target`] if `target` is no regular file, another process is writing the same file, or a file that is
    /// no progress of Kiln's has the name of the progress file; [`Error::Write`].
    pub fn open(
        target: &Path,
        format: Format,
        columns: &Columns,
        key: &str,
        tiles: &dyn TileSource,
        resume: &Resume<'_>,
    ) -> Result<(Self, Found)> {
        // Finds what is wrong with the target before anything is scored.
        drop(RowWriter::to_file(target, format, columns)?);
        let progress = Self::progress_of(target);
        let failed = |source| Error::Write { path: progress.clone(), source };
        let lock = TargetLock::acquire(target)?;
        let mut file = lock.file().try_clone().map_err(failed)?;
        if !is_progress(&file).map_err(failed)? {
            return Err(TargetError::ForeignProgress { path: progress }.into());
        }
        let head = Head { progress: FORMAT, run: key.to_owned(), tiles: tiles.len() };
        let earlier = if resume.restart {
            Earlier::Nothing
        } else {
            Earlier::read(&file, &head, tiles, columns.classes().len()).map_err(failed)?
        };
        let (end, rows, found) = match earlier {
            Earlier::Rows { end, rows } => {
                let (rows, kept) = keep(rows, tiles, resume);
                (end, rows, Found::Rows(kept))
            }
            Earlier::Nothing => (0, vec![None; tiles.len()], Found::Nothing),
            Earlier::OtherRun => (0, vec![None; tiles.len()], Found::OtherRun),
            Earlier::OtherFormat => (0, vec![None; tiles.len()], Found::OtherFormat),
        };
        file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end))).map_err(failed)?;
        let todo = (0..tiles.len()).filter(|place| rows[*place].is_none()).collect();
        let (target, columns) = (target.to_owned(), columns.clone());
        let file = BufWriter::new(file);
        let mut this = Self { target, progress, file, lock, format, columns, rows, todo, done: 0, end };
        if end == 0 {
            let line = serde_json::to_vec(&head).map_err(|error| this.failed(error.into()))?;
            this.write_line(line)?;
            let flushed = this.file.flush();
            flushed.map_err(|source| this.failed(source))?;
        }
        Ok((this, found))
    }

    /// The progress file of a result file: the same name and `.progress`. For a link, it is beside the file that the link
    /// leads to.
    #[must_use]
    pub fn progress_of(target: &Path) -> PathBuf {
        beside(target, ".progress")
    }

    /// The progress beside a link to a result file, where earlier releases of Kiln kept it, if none is beside the file
    /// itself. It is not resumed.
    #[must_use]
    pub fn left_beside_link(target: &Path) -> Option<PathBuf> {
        left_beside_link(target, ".progress").filter(|left| {
            let found = File::open(left).and_then(|file| Ok(file.metadata()?.len() > 0 && is_progress(&file)?));
            found.unwrap_or(false)
        })
    }

    /// The tiles to score, by their places in the list, in rising order.
    #[must_use]
    pub fn todo(&self) -> &[usize] {
        &self.todo
    }

    /// The file of the rows until the result file appears.
    #[must_use]
    pub fn progress(&self) -> &Path {
        &self.progress
    }

    /// Takes the row of the next tile of [`ResumableFile::todo`].
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&mut self, row: &ScoreRow) -> Result<()> {
        let Some(&place) = self.todo.get(self.done) else {
            return Err(self.failed(std::io::Error::other("more rows than tiles")));
        };
        self.rows[place] = Some(self.end);
        self.done += 1;
        let line = line_of(place, row).map_err(|error| self.failed(error.into()))?;
        self.write_line(line)
    }

    fn write_line(&mut self, mut line: Vec<u8>) -> Result<()> {
        line.push(b'\n');
        self.file.write_all(&line).map_err(|source| self.failed(source))?;
        self.end += line.len() as u64;
        Ok(())
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::Write { path: self.progress.clone(), source }
    }

    /// Makes the result file from all rows in the order of the list, puts it in place, and removes the progress. Returns
    /// the digest of each tile's bytes; none if they could not be read.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Read`]; the progress is then still there.
    pub fn finish(mut self) -> Result<Vec<Option<FileDigest>>> {
        let flushed = self.file.flush();
        flushed.map_err(|source| self.failed(source))?;
        let unreadable = |source| Error::Read { path: self.progress.clone(), source };
        let mut writer = RowWriter::to_file(&self.target, self.format, &self.columns)?;
        // Not opened again: where locks are those of a handle, another one cannot read the file.
        let mut progress = self.lock.file().try_clone().map_err(unreadable)?;
        progress.rewind().map_err(unreadable)?;
        let mut reader = BufReader::new(progress);
        let mut digests = Vec::with_capacity(self.rows.len());
        let (mut at, mut line) = (0_u64, String::new());
        for (place, start) in self.rows.iter().enumerate() {
            let missing = || unreadable(std::io::Error::other(format!("tile {place} has no row")));
            let start = start.ok_or_else(missing)?;
            // Rows in a run of neighbours follow each other: within the buffer nothing is read twice.
            reader.seek_relative(start.cast_signed() - at.cast_signed()).map_err(unreadable)?;
            line.clear();
            at = start + reader.read_line(&mut line).map_err(unreadable)? as u64;
            let (_, row) = whole_row(line.as_bytes())
                .ok_or_else(|| unreadable(std::io::Error::other(format!("the row of tile {place} is damaged"))))?;
            writer.write(&row)?;
            digests.push(row.digest);
        }
        writer.finish()?;
        std::fs::remove_file(&self.progress).map_err(|source| self.failed(source))?;
        Ok(digests)
    }
}

/// The file beside a result file, or beside the one that a link leads to, with this ending of its name.
fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = followed(target).into_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// The regular file beside a link with this ending of the link's name, if there is none beside the file that it leads to.
fn left_beside_link(link: &Path, ending: &str) -> Option<PathBuf> {
    let mut name = link.as_os_str().to_owned();
    name.push(ending);
    let left = PathBuf::from(name);
    (link.is_symlink() && left.is_file() && !beside(link, ending).exists()).then_some(left)
}

/// Keeps the rows with a score whose tiles have the bytes that were scored.
fn keep(rows: Vec<Option<EarlierRow>>, tiles: &dyn TileSource, resume: &Resume<'_>) -> (Vec<Option<u64>>, Kept) {
    let mut kept = Kept::default();
    let scored: Vec<(usize, u64, FileDigest)> = rows
        .iter()
        .enumerate()
        .filter_map(|(place, row)| row.and_then(|row| Some((place, row.start, row.digest?))))
        .collect();
    kept.without_score = rows.iter().flatten().count() - scored.len();
    let asked: Vec<_> = scored.iter().map(|(place, _, digest)| (*place, *digest)).collect();
    let compared = compare(&asked, &|place| tiles.digest(place), resume.workers, resume.on_tile);
    let mut starts = vec![None; tiles.len()];
    for ((place, start, _), compared) in scored.iter().zip(compared) {
        if compared == Compared::Same {
            starts[*place] = Some(*start);
            kept.rows += 1;
        } else {
            kept.changed += 1;
        }
    }
    (starts, kept)
}

#[cfg(test)]
mod tests;
