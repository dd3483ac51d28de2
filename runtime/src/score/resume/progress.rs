//! The progress file of a run.
//!
//! A progress file is JSON lines. The first names the run; each further one is `[place in the list, row, digest of both]`.
//! Rows of tiles that are scored again are added at the end: the last row of a place counts.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};

use kiln_files::FileDigest;
use kiln_tile::TileSource;
use serde::{Deserialize, Serialize};

use crate::score::ScoreRow;

/// Version of the progress file's form. 1 had no digests and no places, 2 no digests of rows.
pub(super) const FORMAT: u32 = 3;
/// The first bytes of a progress file, of this form and of the first.
const BEGINNINGS: [&[u8]; 2] = [b"{\"progress\":", b"{\"run\":\""];

/// The first line of a progress file.
#[derive(Serialize, Deserialize, PartialEq)]
pub(super) struct Head {
    /// [`FORMAT`].
    pub(super) progress: u32,
    /// SHA-256 of all that the rows depend on.
    pub(super) run: String,
    /// Tiles in all.
    pub(super) tiles: usize,
}

/// True if a file is empty or begins as a progress file does, as far as it is long. A machine that went down may leave
/// zeros.
pub(super) fn is_progress(mut file: &File) -> std::io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let first = kiln_files::read_head(file, 12)?;
    let begins = |with: &&[u8]| {
        let both = with.len().min(first.len());
        with[..both] == first[..both]
    };
    Ok(BEGINNINGS.iter().any(begins) || first.iter().all(|byte| *byte == 0))
}

/// The row of an earlier run.
#[derive(Clone, Copy)]
pub(super) struct EarlierRow {
    /// Its offset in the progress file.
    pub(super) start: u64,
    /// The digest of the bytes that were scored; none for a row without a score.
    pub(super) digest: Option<FileDigest>,
}

/// Contents of a progress file.
pub(super) enum Earlier {
    Nothing,
    OtherRun,
    OtherFormat,
    /// Rows of this run by their places, and the end of the last whole line.
    Rows {
        end: u64,
        rows: Vec<Option<EarlierRow>>,
    },
}

impl Earlier {
    /// Reads a progress file as far as its lines are whole.
    pub(super) fn read(mut file: &File, head: &Head, tiles: &dyn TileSource, classes: usize) -> std::io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        let mut end = reader.read_until(b'\n', &mut line)? as u64;
        if end == 0 {
            return Ok(Self::Nothing);
        }
        if !line.starts_with(BEGINNINGS[0]) {
            return Ok(Self::OtherFormat);
        }
        match serde_json::from_slice::<Head>(&line) {
            Ok(found) if found == *head && line.ends_with(b"\n") => {}
            Ok(found) if found.progress != FORMAT => return Ok(Self::OtherFormat),
            _ => return Ok(Self::OtherRun),
        }
        let mut rows = vec![None; tiles.len()];
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)? as u64;
            // A line that is no row was cut by the end of the machine, not of the process.
            let Some((place, row)) = whole_row(&line).filter(|_| line.ends_with(b"\n")) else { break };
            if place >= tiles.len() || tiles.name(place) != row.path {
                break;
            }
            rows[place] =
                Some(EarlierRow { start: end, digest: row.digest.filter(|_| row.is_ok() && row.is_coherent(classes)) });
            end += length;
        }
        Ok(Self::Rows { end, rows })
    }
}

/// The place and the row of a line; none if the line is damaged.
pub(super) fn whole_row(line: &[u8]) -> Option<(usize, ScoreRow)> {
    let (place, row, digest) = serde_json::from_slice::<(usize, ScoreRow, FileDigest)>(line).ok()?;
    (digest == row_digest(place, &row)).then_some((place, row))
}

/// `[place, row, digest of both]`. The digest is that of `[place, row]`, so that both are serialised once.
pub(super) fn line_of(place: usize, row: &ScoreRow) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&(place, row))?;
    let digest = FileDigest::new(&line);
    line.pop();
    line.push(b',');
    serde_json::to_writer(&mut line, &digest)?;
    line.push(b']');
    Ok(line)
}

fn row_digest(place: usize, row: &ScoreRow) -> FileDigest {
    FileDigest::new(&serde_json::to_vec(&(place, row)).unwrap_or_default())
}
