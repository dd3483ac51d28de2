//! Parts of a sharded scoring become one file, in the order of the list, or an error with what is missing, there twice, or
//! from another list. The paths of the joined rows are hashed and compared with the digest of the list that every part
//! carries: the file appears only if it is the list, tile by tile. Tiles that are within reach are read and compared with
//! what was scored, so that rows of replaced tiles are not joined with rows of their replacements.

use std::path::{Path, PathBuf};

use kiln_files::text::escaped;
use serde::Serialize;

use super::read::rows;
use super::shard::{ListDigest, PartRecord, list_digest, names_digest};
use super::unchanged::{Compared, compare};
use super::{Format, Listed, RowWriter, ScoreRow};
use crate::{Error, Result};

/// Missing parts that an error lists.
const MAX_SHOWN: usize = 20;

/// What was joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// Number of parts.
    pub parts: usize,
    /// Rows of the joined file: tiles of the list.
    pub tiles: usize,
    /// Rows with a score.
    pub scored: usize,
    /// Rows whose status is the reason why there is no score.
    pub failed: usize,
    /// Tiles whose files have the bytes that were scored.
    pub compared: usize,
    /// Tiles that were scored and whose files are not here, so that they could not be compared.
    pub not_compared: usize,
}

/// What parts are held against before they become one file.
#[derive(Debug, Clone, Copy)]
pub struct MergeOptions<'a> {
    /// The list that was scored: the parts must be of it.
    pub list: Option<&'a [Listed]>,
    /// Read every tile that is here, and refuse parts whose tiles have other bytes now.
    pub compare_tiles: bool,
    /// Threads that read tiles.
    pub workers: usize,
}

/// Rows whose tiles are compared at a time.
const BLOCK: usize = 4_096;

/// Joins `parts` and gives their rows to `writer`, which is finished only if all is well.
///
/// # Errors
/// [`Error::Parts`] if a part is missing, there twice, damaged, of another list or model, or a tile was replaced since it
/// was scored; the file is then not written.
pub fn merge(
    parts: &[PathBuf],
    open: impl FnOnce(&[String]) -> Result<RowWriter>,
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
    join(&records, &first, open(&first.classes)?, options)
}

/// Two parts of one scoring.
fn alike((one, expected): (&Path, &PartRecord), (other, found): (&Path, &PartRecord)) -> Result<()> {
    let list = |record: &PartRecord| (record.tiles, record.list_sha256.clone(), record.names_sha256.clone());
    let differs = if list(found) != list(expected) {
        "lists"
    } else if found.shards != expected.shards {
        "numbers of parts"
    } else if found.model != expected.model || found.classes != expected.classes {
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
    Err(refuse(format!("missing: part {}{others}; score it with --shard, or name its file", shown.join(", "))))
}

fn is_of(list: &[Listed], record: &PartRecord) -> Result<()> {
    let digest = list_digest(list.iter().map(|tile| tile.path.to_string_lossy()));
    let is_same_by_bytes = record.names_sha256.is_empty() || names_digest(list) == record.names_sha256;
    if digest == record.list_sha256 && is_same_by_bytes {
        return Ok(());
    }
    Err(refuse(format!(
        "the parts are of another list: theirs has {} tiles, and the one named with --list {}, or others",
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
    let mut merged = Merged { parts: records.len(), tiles: 0, scored: 0, failed: 0, compared: 0, not_compared: 0 };
    for (path, record) in records {
        let before = merged.tiles;
        let mut rows = rows(path, format_of(path)?, &first.classes)?;
        loop {
            let block: std::result::Result<Vec<ScoreRow>, String> = rows.by_ref().take(BLOCK).collect();
            let block = block.map_err(|reason| refuse(format!("{}: {reason}", path.display())))?;
            if block.is_empty() {
                break;
            }
            if options.compare_tiles {
                unchanged(&block, (path, record), merged.tiles, before, options, &mut merged)?;
            }
            for row in &block {
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

/// Refuses a part with a row of a tile whose file is here and has other bytes now. `at` is the place of the block's first
/// row in the list, `start` that of the part's.
fn unchanged(
    block: &[ScoreRow],
    (part, record): (&Path, &PartRecord),
    at: usize,
    start: usize,
    options: MergeOptions<'_>,
    merged: &mut Merged,
) -> Result<()> {
    // The list has the names as they are; a row shows a name that is not UTF-8 with replacement characters.
    let path = |number: usize| {
        let listed = options.list.and_then(|list| list.get(at + number)).map(|tile| tile.path.as_path());
        listed.unwrap_or(Path::new(&block[number].path))
    };
    let scored = block.iter().enumerate().filter(|(_, row)| row.is_ok()).map(|(number, _)| number);
    let digest = |number: usize| record.tile_digests.get(at - start + number).copied().flatten();
    let asked: Vec<_> = scored.filter_map(|number| Some((path(number), digest(number)?))).collect();
    merged.not_compared += block.iter().filter(|row| row.is_ok()).count() - asked.len();
    for ((tile, _), found) in asked.iter().zip(compare(&asked, options.workers, &|| ())) {
        match found {
            Compared::Same => merged.compared += 1,
            Compared::Missing => merged.not_compared += 1,
            Compared::Changed => {
                return Err(refuse(format!(
                    "{} is not the tile that part {}/{} ({}) was scored on: its file was replaced since\n\
                     hint: score this part again with --shard {}/{}; if {} is another tile of the same name, run kiln merge \
                     where the scored tiles are, or with --skip-tile-check",
                    escaped(&tile.to_string_lossy()),
                    record.shard,
                    record.shards,
                    part.display(),
                    record.shard,
                    record.shards,
                    escaped(&tile.to_string_lossy()),
                )));
            }
        }
    }
    Ok(())
}

/// A part's format, by its name.
fn format_of(path: &Path) -> Result<Format> {
    Format::from_path(path).ok_or_else(|| Error::Argument {
        argument: path.display().to_string(),
        reason: format!("the name does not tell the format; parts end with {}", Format::file_names()),
    })
}

fn refuse(reason: String) -> Error {
    Error::Parts { reason }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use kiln_files::FileDigest;

    use super::super::OK;
    use super::super::shard::{ScoredBy, Shard};
    use super::*;

    const CLASSES: [&str; 2] = ["benign", "odd, \"very\""];

    fn list(tiles: usize) -> Vec<Listed> {
        // One tile twice, as a list may have it.
        let name = |tile: usize| format!("slides/a, b/{}.png", if tile == 4 { 3 } else { tile });
        (0..tiles).map(|tile| Listed { path: name(tile).into(), refused: None }).collect()
    }

    fn row(tile: &Listed, number: usize) -> ScoreRow {
        let path = tile.path.to_string_lossy().into_owned();
        if number % 7 == 5 {
            return ScoreRow::failed(path, "truncated: the image, \"data\" end early");
        }
        let score = 1.0 / (number as f32 + 3.0);
        let probabilities = vec![1.0 - score, score];
        ScoreRow {
            path,
            score: Some(score),
            label: Some(CLASSES[number % 2].to_owned()),
            status: OK.to_owned(),
            probabilities,
            digest: None,
        }
    }

    fn by(model: &str) -> ScoredBy {
        ScoredBy { model: model.to_owned(), settings: String::new() }
    }

    fn merge(parts: &[PathBuf], out: &Path, format: Format, list: Option<&[Listed]>) -> Result<Merged> {
        let options = MergeOptions { list, compare_tiles: true, workers: 2 };
        super::merge(parts, |classes| RowWriter::to_file(out, format, classes), options)
    }

    fn score(list: &[Listed], shard: Option<Shard>, path: &Path, model: &str) -> PathBuf {
        let classes = CLASSES.map(str::to_owned);
        let range = shard.map_or(0..list.len(), |shard| shard.range(list.len()));
        let mut writer = RowWriter::to_file(path, Format::from_path(path).unwrap(), &classes).unwrap();
        range.for_each(|number| writer.write(&row(&list[number], number)).unwrap());
        writer.finish().unwrap();
        if let Some(shard) = shard {
            PartRecord::new(shard, list, &classes, by(model), vec![]).write(path).unwrap();
        }
        path.to_owned()
    }

    fn parts(folder: &Path, list: &[Listed], count: usize, format: &str) -> Vec<PathBuf> {
        let part =
            |index| score(list, Some(Shard { index, count }), &folder.join(format!("{count}-{index}.{format}")), "m");
        (0..count).map(part).collect()
    }

    #[test]
    fn parts_of_any_format_join_to_the_very_file_of_one_run() {
        let folder = tempfile::tempdir().unwrap();
        let list = list(23);
        for (format, name) in [("csv", "whole.csv"), ("jsonl", "whole.jsonl"), ("parquet", "whole.parquet")] {
            let whole = score(&list, None, &folder.path().join(name), "m");
            for count in [1, 4, 30] {
                let mut parts = parts(folder.path(), &list, count, format);
                parts.reverse();
                let out = folder.path().join(format!("joined.{format}"));
                let merged = merge(&parts, &out, format.parse().unwrap(), Some(&list)).unwrap();
                assert_eq!((merged.parts, merged.tiles, merged.failed), (count, 23, 3));
                assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&whole).unwrap(), "{format} in {count} parts");
            }
        }
        let mixed =
            [parts(folder.path(), &list, 2, "parquet").remove(0), parts(folder.path(), &list, 2, "jsonl").remove(1)];
        let out = folder.path().join("mixed.csv");
        merge(&mixed, &out, Format::Csv, None).unwrap();
        assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(folder.path().join("whole.csv")).unwrap());
    }

    #[test]
    fn what_is_missing_twice_or_foreign_is_named_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let tiles = list(20);
        let whole = parts(here, &tiles, 4, "csv");
        let shard = |index| Some(Shard { index, count: 4 });
        let another_list = score(&list(21), shard(1), &here.join("list.csv"), "m");
        let another_model = score(&tiles, shard(1), &here.join("model.csv"), "n");
        let twice = score(&tiles, shard(1), &here.join("twice.csv"), "m");
        let damaged = score(&tiles, shard(1), &here.join("damaged.csv"), "m");
        let text = std::fs::read_to_string(&damaged).unwrap();
        std::fs::write(&damaged, text.replacen("0.", "1.", 1)).unwrap();
        let unknown = here.join("unknown.csv");
        std::fs::copy(&whole[1], &unknown).unwrap();
        let with = |part: &PathBuf| vec![whole[0].clone(), part.clone(), whole[2].clone(), whole[3].clone()];
        let cases = [
            (vec![whole[0].clone(), whole[3].clone()], "1/4, 2/4"),
            ([whole.clone(), vec![twice]].concat(), "part 1/4 is there twice"),
            (with(&another_list), "two lists"),
            (with(&another_model), "two models"),
            (with(&damaged), "SHA-256"),
            (with(&unknown), "unknown.csv.shard.json"),
            ([parts(here, &tiles, 2, "csv").remove(0), whole[1].clone()].to_vec(), "two numbers of parts"),
            (vec![], "no parts"),
        ];
        let out = here.join("out.csv");
        for (parts, expected) in cases {
            let error = merge(&parts, &out, Format::Csv, None).unwrap_err();
            assert_eq!(error.fault(), kiln_files::Fault::Check, "{error}");
            assert!(error.to_string().contains(expected), "{expected}: {error}");
            assert!(!out.exists());
        }
        assert!(merge(&whole, &out, Format::Csv, Some(&list(19))).unwrap_err().to_string().contains("another list"));
    }

    /// Found by fuzzing: every missing part was listed, until memory was full.
    #[test]
    fn a_record_of_more_parts_than_can_be_is_refused_in_few_words() {
        let folder = tempfile::tempdir().unwrap();
        let tiles = list(8);
        let part = score(&tiles, Some(Shard { index: 0, count: 2 }), &folder.path().join("a.csv"), "m");
        let path = PartRecord::path_of(&part);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"shards\": 2", "\"shards\": 18446744073709551615")).unwrap();
        let error = merge(&[part], &folder.path().join("out.csv"), Format::Csv, None).unwrap_err().to_string();
        assert!(error.contains("18446744073709551594 others") && error.len() < 2_000, "{error}");
    }

    #[test]
    fn a_part_with_rows_of_other_tiles_is_refused_whatever_its_record_says() {
        let folder = tempfile::tempdir().unwrap();
        let (tiles, mut other) = (list(8), list(8));
        other[7].path = "elsewhere.png".into();
        let shard = |index| Shard { index, count: 2 };
        let one = score(&tiles, Some(shard(0)), &folder.path().join("a.csv"), "m");
        let two = score(&other, Some(shard(1)), &folder.path().join("b.csv"), "m");
        PartRecord::new(shard(1), &tiles, &CLASSES.map(str::to_owned), by("m"), vec![]).write(&two).unwrap();
        let error = merge(&[one, two], &folder.path().join("out.csv"), Format::Csv, None).unwrap_err();
        assert!(error.to_string().contains("not the list"), "{error}");
    }

    #[test]
    fn a_part_of_other_settings_or_of_names_that_only_look_alike_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let tiles = list(8);
        let shard = |index| Shard { index, count: 2 };
        let one = score(&tiles, Some(shard(0)), &folder.path().join("a.csv"), "m");
        let two = score(&tiles, Some(shard(1)), &folder.path().join("b.csv"), "m");
        let record = PartRecord::read(&two).unwrap();
        let out = folder.path().join("out.csv");
        let other = PartRecord { settings: "resize".to_owned(), ..record.clone() };
        other.write(&two).unwrap();
        let error = merge(&[one.clone(), two.clone()], &out, Format::Csv, None).unwrap_err();
        assert!(error.to_string().contains("two settings"), "{error}");
        let other = PartRecord { names_sha256: "other".to_owned(), ..record };
        other.write(&two).unwrap();
        let error = merge(&[one, two], &out, Format::Csv, None).unwrap_err();
        assert!(error.to_string().contains("two lists"), "{error}");
    }

    #[test]
    fn a_part_whose_tile_was_replaced_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let tile = |i: usize| {
            let path = folder.path().join(format!("t{i}.png"));
            std::fs::write(&path, format!("tile {i}")).unwrap();
            Listed { path, refused: None }
        };
        let tiles: Vec<_> = (0..4).map(tile).collect();
        let classes = CLASSES.map(str::to_owned);
        let part = |index: usize| {
            let shard = Shard { index, count: 2 };
            let part = score(&tiles, Some(shard), &folder.path().join(format!("{index}.csv")), "m");
            let digests =
                tiles[shard.range(4)].iter().map(|tile| Some(FileDigest::of(&std::fs::read(&tile.path).unwrap())));
            PartRecord::new(shard, &tiles, &classes, by("m"), digests.collect()).write(&part).unwrap();
            part
        };
        let parts = [part(0), part(1)];
        let out = folder.path().join("out.csv");
        let merged = merge(&parts, &out, Format::Csv, Some(&tiles)).unwrap();
        assert_eq!((merged.compared, merged.not_compared), (4, 0));
        std::fs::remove_file(&out).unwrap();
        std::fs::write(&tiles[2].path, "another tile").unwrap();
        let error = merge(&parts, &out, Format::Csv, None).unwrap_err().to_string();
        assert!(error.contains("t2.png is not the tile") && error.contains("--shard 1/2"), "{error}");
        assert!(!out.exists());
        std::fs::remove_file(&tiles[2].path).unwrap();
        let merged = merge(&parts, &out, Format::Csv, None).unwrap();
        assert_eq!((merged.compared, merged.not_compared), (3, 1));
    }
}
