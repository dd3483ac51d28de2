//! Parts of a sharded scoring become one file, in the order of the list, or an error with what is missing, there twice, or
//! from another list. The paths of the joined rows are hashed and compared with the digest of the list that every part
//! carries: the file appears only if it is the list, tile by tile. Tiles that are within reach are read and compared with
//! what was scored, so that rows of replaced tiles are not joined with rows of their replacements. All rows of a slide must
//! come from one content of it, also if the slide is not within reach.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use kiln_files::FileDigest;
use kiln_tile::{TileError, TileSource};
use serde::Serialize;

use super::error::PartsError;
use super::part::{ListDigest, PartRecord, list_digest, names_digest};
use super::read::rows;
use super::unchanged::{Compared, compare};
use super::{Columns, Format, RowWriter, ScoreRow};
use crate::{Error, Result};

/// Missing parts that an error lists.
const MAX_SHOWN: usize = 20;

/// Counts of a merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// Number of parts.
    pub parts: usize,
    /// Rows of the joined file: tiles of the list.
    pub tiles: usize,
    /// Rows with a score.
    pub scored: usize,
    /// Rows without one.
    pub failed: usize,
    /// Tiles whose files have the bytes that were scored.
    pub compared: usize,
    /// Tiles that were scored and whose files are not here, so that they could not be compared.
    pub not_compared: usize,
}

/// Checks before parts become one file.
#[derive(Clone, Copy)]
pub struct MergeOptions<'a> {
    /// The list that was scored. The parts must be of it.
    pub list: Option<&'a dyn TileSource>,
    /// Returns the digest of the bytes that a row's tile has now, so that parts whose tiles were replaced are refused; the
    /// number is the row's place in the list. `None` accepts them unseen.
    pub digest: Option<&'a DigestNow<'a>>,
    /// Threads that read tiles.
    pub workers: usize,
}

/// The digest of the bytes of a row's tile now; [`TileError::NotFound`] if the tile is not on this machine.
pub type DigestNow<'a> = dyn Fn(usize, &ScoreRow) -> std::result::Result<FileDigest, TileError> + Sync + 'a;

/// Rows whose tiles are compared at a time.
const BLOCK: usize = 4_096;

/// Joins `parts` and gives their rows to `writer`, which is finished only if all is well.
///
/// # Errors
/// [`Error::Parts`] if a part is missing, there twice, damaged, of another list or model, or a tile was replaced since it
/// was scored; the file is then not written.
pub fn merge(
    parts: &[PathBuf],
    open: impl FnOnce(&Columns) -> Result<RowWriter>,
    options: MergeOptions<'_>,
) -> Result<Merged> {
    let mut records = Vec::new();
    for part in parts {
        records.push((part.as_path(), PartRecord::read(part)?));
    }
    records.sort_by_key(|(_, record)| record.shard);
    let (_, first) = records.first().ok_or_else(|| refuse("no parts are named".to_owned()))?;
    let first = first.clone();
    for (path, record) in &records {
        alike((records[0].0, &first), (path, record))?;
    }
    complete(&records, first.shards)?;
    if let Some(list) = options.list {
        is_of(list, &first)?;
    }
    join(&records, &first, open(&first.columns())?, options)
}

/// Two parts of one scoring.
fn alike((one, expected): (&Path, &PartRecord), (other, found): (&Path, &PartRecord)) -> Result<()> {
    let list = |record: &PartRecord| (record.tiles, record.list_sha256.clone(), record.names_sha256.clone());
    let differs = if list(found) != list(expected) {
        "lists"
    } else if found.shards != expected.shards {
        "numbers of parts"
    } else if found.model != expected.model || found.columns() != expected.columns() {
        "models"
    } else if found.settings != expected.settings {
        "settings: another bundle, size policy or release of Kiln"
    } else {
        return Ok(());
    };
    Err(refuse(format!("{} and {} are of two {differs}", one.display(), other.display())))
}

/// Each part once; `records` are in rising order.
fn complete(records: &[(&Path, PartRecord)], shards: usize) -> Result<()> {
    if let Some(pair) = records.windows(2).find(|pair| pair[0].1.shard == pair[1].1.shard) {
        let [(one, record), (other, _)] = [&pair[0], &pair[1]];
        let reason =
            format!("part {}/{shards} is there twice: {} and {}", record.shard, one.display(), other.display());
        return Err(refuse(reason));
    }
    let there = |index: &usize| records.iter().any(|(_, record)| record.shard == *index);
    let missing = shards.saturating_sub(records.len());
    if missing == 0 {
        return Ok(());
    }
    // A record may state any number of parts, so that not all that are missing can be listed.
    let shown: Vec<String> =
        (0..shards).filter(|index| !there(index)).take(MAX_SHOWN).map(|index| format!("{index}/{shards}")).collect();
    let others = match missing - shown.len() {
        0 => String::new(),
        others => format!(" and {others} others"),
    };
    Err(PartsError::Missing { parts: format!("{}{others}", shown.join(", ")) }.into())
}

fn is_of(list: &dyn TileSource, record: &PartRecord) -> Result<()> {
    let digest = list_digest(list);
    let is_same_by_bytes = record.names_sha256.is_empty() || names_digest(list) == record.names_sha256;
    if digest == record.list_sha256 && is_same_by_bytes {
        return Ok(());
    }
    Err(refuse(format!(
        "the parts are of another list: theirs has {} tiles, and the given one {}, or others",
        record.tiles,
        list.len()
    )))
}

fn join(
    records: &[(&Path, PartRecord)],
    first: &PartRecord,
    mut writer: RowWriter,
    options: MergeOptions<'_>,
) -> Result<Merged> {
    let mut digest = ListDigest::default();
    let mut contents = SlideContents::default();
    let mut merged = Merged { parts: records.len(), tiles: 0, scored: 0, failed: 0, compared: 0, not_compared: 0 };
    for (path, record) in records {
        let before = merged.tiles;
        let mut rows = rows(path, format_of(path)?, &first.columns())?;
        loop {
            let block: std::result::Result<Vec<ScoreRow>, String> = rows.by_ref().take(BLOCK).collect();
            let block = block.map_err(|reason| refuse(format!("{}: {reason}", path.display())))?;
            if block.is_empty() {
                break;
            }
            if let Some(digest) = options.digest {
                let workers = options.workers;
                unchanged(&block, (path, record), merged.tiles, before, (digest, workers), &mut merged)?;
            }
            for row in &block {
                contents.add(row, record.tile_digests.get(merged.tiles - before).copied().flatten(), path)?;
                digest.add(&row.path);
                merged.tiles += 1;
                if row.is_ok() {
                    merged.scored += 1
                } else {
                    merged.failed += 1
                }
                writer.write(row)?;
            }
        }
        let found = merged.tiles - before;
        if found != record.rows {
            return Err(refuse(format!("{} has {found} rows, and its record says {}", path.display(), record.rows)));
        }
    }
    if merged.tiles != first.tiles || digest.finish() != first.list_sha256 {
        return Err(refuse(format!(
            "the parts together are not the list: {} rows for {} tiles, or others",
            merged.tiles, first.tiles
        )));
    }
    writer.finish()?;
    Ok(merged)
}

/// The content from which the rows of each slide come, and the first part with it.
#[derive(Default)]
struct SlideContents<'a>(HashMap<String, (FileDigest, &'a Path)>);

impl<'a> SlideContents<'a> {
    /// Refuses a row of a slide that had other content in an earlier row. `digest` is that of the slide when the row was
    /// scored.
    fn add(&mut self, row: &ScoreRow, digest: Option<FileDigest>, part: &'a Path) -> Result<()> {
        let (Some(tile), Some(digest)) = (&row.tile, digest) else { return Ok(()) };
        match self.0.get(&tile.slide) {
            Some((known, _)) if *known == digest => Ok(()),
            Some((_, one)) => {
                let (slide, one, other) = (tile.slide.clone(), (*one).to_owned(), part.to_owned());
                Err(PartsError::SlideDiffers { slide, one, other }.into())
            }
            None => {
                self.0.insert(tile.slide.clone(), (digest, part));
                Ok(())
            }
        }
    }
}

/// Refuses a part with a row of a tile whose file is here and has other bytes now. `at` is the place of the block's first
/// row in the list, `start` that of the part's.
fn unchanged(
    block: &[ScoreRow],
    (part, record): (&Path, &PartRecord),
    at: usize,
    start: usize,
    (digest_now, workers): (&DigestNow<'_>, usize),
    merged: &mut Merged,
) -> Result<()> {
    let scored = block.iter().enumerate().filter(|(_, row)| row.is_ok()).map(|(number, _)| number);
    let digest = |number: usize| record.tile_digests.get(at - start + number).copied().flatten();
    let asked: Vec<_> = scored.filter_map(|number| Some((number, digest(number)?))).collect();
    merged.not_compared += block.iter().filter(|row| row.is_ok()).count() - asked.len();
    let compared = compare(&asked, &|number| digest_now(at + number, &block[number]), workers, &|| ());
    for ((number, _), found) in asked.iter().zip(compared) {
        match found {
            Compared::Same => merged.compared += 1,
            Compared::Missing => merged.not_compared += 1,
            Compared::Changed => {
                let shard = format!("{}/{}", record.shard, record.shards);
                let (tile, part) = (PathBuf::from(&block[*number].path), part.to_owned());
                return Err(PartsError::TileReplaced { tile, shard, part }.into());
            }
        }
    }
    Ok(())
}

/// A part's format, by its name.
fn format_of(path: &Path) -> Result<Format> {
    Format::from_path(path).ok_or_else(|| Error::Rows {
        path: path.to_owned(),
        reason: format!("the name gives no format; parts end with {}", Format::file_names()),
    })
}

fn refuse(reason: String) -> Error {
    PartsError::Mismatch { reason }.into()
}

#[cfg(test)]
mod tests;
