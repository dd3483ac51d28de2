//! Result files that survive a stop. Rows go to `<file>.progress` as they come, one JSON object a line behind a line that
//! says what run they belong to; the result file itself appears whole at the end, made from them. A run that was killed
//! leaves its progress, and the same run started again goes on behind the last whole line: no tile is scored twice, and
//! none is lost.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kiln_tile::digest::sha256_hex;
use serde::{Deserialize, Serialize};

use super::{Format, Listed, RowWriter, ScoreRow};
use crate::bundle::Manifest;
use crate::{Error, Result};

/// The first line of a progress file.
#[derive(Serialize, Deserialize, PartialEq)]
struct Head {
    /// SHA-256 of all that the rows depend on.
    run: String,
    /// Tiles in all.
    tiles: usize,
}

/// All that a run's rows depend on beside the tiles' own bytes, as one digest.
#[must_use]
pub fn run_key(manifest: &Manifest, options: &[&str], tiles: &[Listed]) -> String {
    let mut text = serde_json::to_string(manifest).unwrap_or_default();
    for option in options {
        text.push('\0');
        text.push_str(option);
    }
    // Digests of parts: the list may be long, and is hashed as it is read.
    let paths = tiles.chunks(4_096).map(|part| {
        let names: Vec<_> = part.iter().map(|tile| tile.path.to_string_lossy()).collect();
        sha256_hex(names.join("\0").as_bytes())
    });
    sha256_hex(format!("{text}\0{}", paths.collect::<String>()).as_bytes())
}

/// A result file in the making.
pub struct ResumableFile {
    target: PathBuf,
    progress: PathBuf,
    file: BufWriter<File>,
    format: Format,
    classes: Vec<String>,
    rows: usize,
    scored: usize,
}

/// What was there when a result file was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing of an earlier run.
    Nothing,
    /// So many rows of the same run: it goes on behind them.
    Rows(usize),
    /// Progress of another run (other tiles, another bundle or other options), or of tiles that have changed since. It
    /// has been dropped.
    Other,
}

impl ResumableFile {
    /// Opens the progress of `target`. Rows of the same run are kept, unless `restart`.
    ///
    /// # Errors
    /// [`Error::Argument`] if `target` is no regular file, or another process is writing the same file; [`Error::Write`].
    pub fn open(
        target: &Path,
        format: Format,
        classes: &[String],
        key: &str,
        tiles: &[Listed],
        restart: bool,
    ) -> Result<(Self, Found)> {
        // Says what is wrong with the target before anything is scored.
        drop(RowWriter::to_file(target, format, classes)?);
        let mut name = target.as_os_str().to_owned();
        name.push(".progress");
        let progress = PathBuf::from(name);
        let failed = |source| Error::Write { path: progress.clone(), source };
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(&progress).map_err(failed)?;
        if file.try_lock().is_err() {
            let reason = "another process is scoring into this file; wait for it, or name another".to_owned();
            return Err(Error::Argument { argument: target.display().to_string(), reason });
        }
        let head = Head { run: key.to_owned(), tiles: tiles.len() };
        let kept = kept(&file, &head, tiles).map_err(failed)?;
        let was_empty = file.metadata().map_err(failed)?.len() == 0;
        let (end, rows, scored, found) = match kept.filter(|_| !restart) {
            Some(kept) => (kept.end, kept.rows, kept.scored, Found::Rows(kept.rows)),
            None => (0, 0, 0, if was_empty || restart { Found::Nothing } else { Found::Other }),
        };
        file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end))).map_err(failed)?;
        let mut file = BufWriter::new(file);
        if end == 0 {
            serde_json::to_writer(&mut file, &head).map_err(|error| failed(error.into()))?;
            file.write_all(b"\n").and_then(|()| file.flush()).map_err(failed)?;
        }
        let target = target.to_owned();
        let classes = classes.to_vec();
        Ok((Self { target, progress, file, format, classes, rows, scored }, found))
    }

    /// Rows that are there, and so the place in the list where scoring goes on.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows that have a score.
    #[must_use]
    pub fn scored(&self) -> usize {
        self.scored
    }

    /// Where the rows are until the result file appears.
    #[must_use]
    pub fn progress(&self) -> &Path {
        &self.progress
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&mut self, row: &ScoreRow) -> Result<()> {
        let failed = |source| Error::Write { path: self.progress.clone(), source };
        serde_json::to_writer(&mut self.file, row).map_err(|error| failed(error.into()))?;
        self.file.write_all(b"\n").map_err(failed)?;
        self.rows += 1;
        self.scored += usize::from(row.is_ok());
        Ok(())
    }

    /// Makes the result file from all rows, puts it in place, and removes the progress.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Read`]; the progress is then still there.
    pub fn finish(mut self) -> Result<()> {
        let failed = |source| Error::Write { path: self.progress.clone(), source };
        self.file.flush().map_err(failed)?;
        let unreadable = |source| Error::Read { path: self.progress.clone(), source };
        let mut writer = RowWriter::to_file(&self.target, self.format, &self.classes)?;
        let lines = BufReader::new(File::open(&self.progress).map_err(unreadable)?).lines();
        for line in lines.skip(1) {
            let row: ScoreRow =
                serde_json::from_str(&line.map_err(unreadable)?).map_err(|error| unreadable(error.into()))?;
            writer.write(&row)?;
        }
        writer.finish()?;
        std::fs::remove_file(&self.progress).map_err(failed)
    }
}

/// The rows of an earlier run that stand.
struct Kept {
    /// Bytes up to the end of the last whole line.
    end: u64,
    rows: usize,
    scored: usize,
}

/// Reads the progress of an earlier run as far as it is whole; none if it is of another run, or one of its tiles was
/// written since.
fn kept(file: &File, head: &Head, tiles: &[Listed]) -> std::io::Result<Option<Kept>> {
    let written = file.metadata()?.modified().ok();
    let mut reader = BufReader::new(file);
    let mut line = String::new();
    let length = reader.read_line(&mut line)?;
    if !line.ends_with('\n') || serde_json::from_str::<Head>(&line).ok().as_ref() != Some(head) {
        return Ok(None);
    }
    let mut kept = Kept { end: length as u64, rows: 0, scored: 0 };
    for tile in tiles {
        line.clear();
        // A line that is not text was cut by the end of the machine, not of the process.
        let Ok(length) = reader.read_line(&mut line) else { break };
        let row = serde_json::from_str::<ScoreRow>(&line).ok().filter(|_| line.ends_with('\n'));
        let Some(row) = row.filter(|row| row.path == tile.path.to_string_lossy()) else { break };
        if changed_since(&tile.path, written) {
            return Ok(None);
        }
        kept.end += length as u64;
        kept.rows += 1;
        kept.scored += usize::from(row.is_ok());
    }
    Ok(Some(kept))
}

fn changed_since(tile: &Path, written: Option<SystemTime>) -> bool {
    let changed = tile.metadata().and_then(|metadata| metadata.modified()).ok();
    changed.zip(written).is_some_and(|(changed, written)| changed > written)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;
    use crate::decision::DecisionRule;

    fn tiles(n: usize) -> Vec<Listed> {
        (0..n).map(|i| Listed { path: format!("t{i}.png").into(), refused: None }).collect()
    }

    fn row(i: usize) -> ScoreRow {
        let rule = DecisionRule::new(0.5, vec![], &[]);
        match i % 3 {
            0 => ScoreRow::failed(format!("t{i}.png"), "truncated: no \"end\"".to_owned()),
            _ => ScoreRow::scored(format!("t{i}.png"), 0.1 + i as f32 / 7.0, vec![0.25, 0.75], &rule),
        }
    }

    fn open(target: &Path, key: &str, restart: bool) -> (ResumableFile, Found) {
        ResumableFile::open(target, Format::Csv, &["a".to_owned(), "b".to_owned()], key, &tiles(10), restart).unwrap()
    }

    /// The result of a run that is never stopped.
    fn whole(folder: &Path) -> String {
        let target = folder.join("whole.csv");
        let (mut file, found) = open(&target, "k", false);
        assert_eq!(found, Found::Nothing);
        (0..10).for_each(|i| file.write(&row(i)).unwrap());
        file.finish().unwrap();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "progress was left");
        fs::read_to_string(target).unwrap()
    }

    #[test]
    fn wherever_a_run_is_cut_the_next_one_gives_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let expected = whole(folder.path());
        let target = folder.path().join("scores.csv");
        let (mut file, _) = open(&target, "k", false);
        (0..7).for_each(|i| file.write(&row(i)).unwrap());
        file.file.flush().unwrap();
        drop(file);
        let progress = folder.path().join("scores.csv.progress");
        let bytes = fs::read(&progress).unwrap();
        for cut in (0..=bytes.len()).step_by(13) {
            fs::write(&progress, &bytes[..cut]).unwrap();
            let (mut file, found) = open(&target, "k", false);
            assert!(!target.exists());
            match found {
                Found::Rows(rows) => assert_eq!(file.rows(), rows),
                _ => assert_eq!(file.rows(), 0),
            }
            let rest: Vec<_> = (file.rows()..10).collect();
            rest.into_iter().for_each(|i| file.write(&row(i)).unwrap());
            assert_eq!(file.scored(), 6);
            file.finish().unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), expected, "cut at {cut}");
            fs::remove_file(&target).unwrap();
        }
    }

    #[test]
    fn another_run_begins_anew_and_so_does_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("scores.csv");
        let stop = |key| {
            let (mut file, found) = open(&target, key, false);
            file.write(&row(0)).unwrap();
            found
        };
        assert_eq!(stop("k"), Found::Nothing);
        assert_eq!(stop("other"), Found::Other);
        assert_eq!(open(&target, "other", false).1, Found::Rows(1));
        let (file, found) = open(&target, "other", true);
        assert_eq!((file.rows(), found), (0, Found::Nothing));
    }

    #[test]
    fn a_tile_that_was_written_since_is_scored_again() {
        let folder = tempfile::tempdir().unwrap();
        let tile = folder.path().join("t.png");
        fs::write(&tile, "x").unwrap();
        let tiles = [Listed { path: tile.clone(), refused: None }];
        let target = folder.path().join("scores.csv");
        let open = || ResumableFile::open(&target, Format::Csv, &[], "k", &tiles, false).unwrap();
        let (mut file, _) = open();
        file.write(&ScoreRow::failed(tile.display().to_string(), "x".to_owned())).unwrap();
        drop(file);
        assert_eq!(open().1, Found::Rows(1));
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        File::options().write(true).open(&tile).unwrap().set_modified(later).unwrap();
        assert_eq!(open().1, Found::Other);
    }

    #[test]
    fn two_runs_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("scores.csv");
        let first = open(&target, "k", false);
        let second = ResumableFile::open(&target, Format::Csv, &[], "k", &tiles(10), false);
        assert!(second.err().unwrap().to_string().contains("another process"));
        drop(first);
    }
}
