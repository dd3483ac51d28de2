//! One list of tiles in parts, scored on as many machines. A [`Shard`] is one of `count` runs of neighbours in the list, of
//! equal length to within one tile, so that parts joined in order are the list in order. Beside each part lies a
//! [`PartRecord`], which says which part of which list it is: [`merge`](super::merge) believes nothing else.

use std::ops::Range;
use std::path::{Path, PathBuf};

use kiln_files::digest::sha256_file;
use kiln_files::{FileDigest, publish};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Listed;
use crate::{Error, Result};

/// The record's schema version.
const SCHEMA: u32 = 1;
/// The longest record that is read, in bytes: a part of some 30 million tiles.
const LIMIT: u64 = 1 << 30;

/// Where `--shard auto` looks: the part's number, then the number of parts, then the lowest number and the step.
const SCHEDULERS: [[&str; 4]; 2] = [
    // Kubernetes Indexed Job: numbers from 0 on; it does not tell the count, so the manifest does.
    ["JOB_COMPLETION_INDEX", "KILN_SHARDS", "", ""],
    ["SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"],
];

/// One part of a list: `index` of `count`, from 0 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 0 on.
    pub index: usize,
    /// How many parts.
    pub count: usize,
}

impl Shard {
    /// `I/N`, where I is 0 to N-1; or `auto`, from what a scheduler has set: `JOB_COMPLETION_INDEX` (Kubernetes Indexed
    /// Job) with the count in `KILN_SHARDS`, or the `SLURM_ARRAY_TASK_*` variables of a Slurm array. `variable` looks one up.
    ///
    /// # Errors
    /// [`Error::Argument`] that says what is expected, or which variable is missing.
    pub fn resolve(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        if text == "auto" {
            return Self::of_scheduler(variable);
        }
        let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if index < count => Ok(Self { index, count }),
            Some((index, count)) => Err(wrong(
                text,
                &format!(
                    "there is no part {index} of {count}: parts are counted from 0, so the last one is {}/{count}",
                    count.saturating_sub(1)
                ),
            )),
            None => Err(wrong(
                text,
                "I/N is expected, counted from 0, such as 0/4 to 3/4; or auto, inside a Kubernetes Indexed Job or a Slurm array",
            )),
        }
    }

    fn of_scheduler(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let number = |name: &str| -> Result<Option<usize>> {
            // A variable that is set and empty counts as unset.
            let Some(text) = variable(name).filter(|text| !name.is_empty() && !text.is_empty()) else {
                return Ok(None);
            };
            text.parse().map(Some).map_err(|_| wrong("auto", &format!("{name} is `{text}`, which is no number")))
        };
        for [id, count, lowest, step] in SCHEDULERS {
            let Some(index) = number(id)? else { continue };
            let count = number(count)?
                .ok_or_else(|| wrong("auto", &format!("{id} is set, and {count}, the number of parts, is not")))?;
            let lowest = number(lowest)?.unwrap_or(0);
            let step = number(step)?.unwrap_or(1).max(1);
            return match index.checked_sub(lowest).map(|above| above / step) {
                Some(index) if index < count => Ok(Self { index, count }),
                _ => Err(wrong("auto", &format!("{id} is {index}, which is none of {count} parts from {lowest} on"))),
            };
        }
        Err(wrong("auto", "neither JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID is set; say --shard I/N"))
    }

    /// The part's place in a list of `length`.
    #[must_use]
    pub fn range(self, length: usize) -> Range<usize> {
        // Without overflow for any list that a machine can hold.
        let bound = |index: usize| (index as u128 * length as u128 / self.count as u128) as usize;
        bound(self.index)..bound(self.index + 1)
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// What a part is, in `<part>.shard.json` beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Version of this form: 1.
    pub schema: u32,
    /// Which part, from 0 on.
    pub shard: usize,
    /// How many parts.
    pub shards: usize,
    /// Tiles in the whole list.
    pub tiles: usize,
    /// Rows of this part.
    pub rows: usize,
    /// [`list_digest`] of the whole list.
    pub list_sha256: String,
    /// Class names of the model, in the order of the columns `p_<class>`.
    pub classes: Vec<String>,
    /// SHA-256 of the bytes of the list's names, each followed by NUL. Names that are not UTF-8 may look alike in
    /// `list_sha256`. Empty in records of earlier releases.
    #[serde(default)]
    pub names_sha256: String,
    /// SHA-256 of the trained weights, and the precision that ran: parts of two models do not join.
    pub model: String,
    /// Digest of all other settings that the rows depend on: the bundle, the size policy and the release of Kiln. Empty in
    /// records of earlier releases.
    #[serde(default)]
    pub settings: String,
    /// Length of the part's file in bytes.
    pub bytes: u64,
    /// SHA-256 of the part's file.
    pub sha256: String,
    /// For each row, the digest of the bytes that were scored; `null` where they could not be read. Empty in records of
    /// earlier releases.
    #[serde(default)]
    pub tile_digests: Vec<Option<FileDigest>>,
}

/// What scored a part: only parts with equal ones join.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScoredBy {
    /// SHA-256 of the trained weights, and the precision that ran.
    pub model: String,
    /// Digest of all other settings that the rows depend on.
    pub settings: String,
}

impl PartRecord {
    /// The record of a part that is not written yet: `shard` of `list`, whose tiles had these digests when they were
    /// scored.
    #[must_use]
    pub fn new(
        shard: Shard,
        list: &[Listed],
        classes: &[String],
        by: ScoredBy,
        tile_digests: Vec<Option<FileDigest>>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            shard: shard.index,
            shards: shard.count,
            tiles: list.len(),
            rows: shard.range(list.len()).len(),
            list_sha256: list_digest(list.iter().map(|tile| tile.path.to_string_lossy())),
            names_sha256: names_digest(list),
            classes: classes.to_vec(),
            model: by.model,
            settings: by.settings,
            bytes: 0,
            sha256: String::new(),
            tile_digests,
        }
    }

    /// The record's file beside a part.
    #[must_use]
    pub fn path_of(part: &Path) -> PathBuf {
        let mut name = part.file_name().unwrap_or_default().to_owned();
        name.push(".shard.json");
        part.with_file_name(name)
    }

    /// Writes the record of a part that is there, whole.
    ///
    /// # Errors
    /// If the part cannot be read or the record not be written.
    pub fn write(mut self, part: &Path) -> Result<PathBuf> {
        let read = |source| Error::Read { path: part.to_owned(), source };
        self.bytes = std::fs::metadata(part).map_err(read)?.len();
        self.sha256 = sha256_file(part).map_err(read)?;
        let path = Self::path_of(part);
        let text = self.text().map_err(std::io::Error::other);
        let written = text.and_then(|text| publish::write_file(&path, format!("{text}\n").as_bytes()));
        written.map_err(|source| Error::Write { path: path.clone(), source })?;
        Ok(path)
    }

    /// Indented for people, but for the digests: one for each row, on one line.
    fn text(&mut self) -> serde_json::Result<String> {
        let digests = serde_json::to_string(&std::mem::take(&mut self.tile_digests))?;
        let text = serde_json::to_string_pretty(&self)?;
        Ok(text.replacen("\"tile_digests\": []", &format!("\"tile_digests\": {digests}"), 1))
    }

    /// Reads the record of a part, and compares the part with it.
    ///
    /// # Errors
    /// [`Error::Parts`] if there is none, or the part is not the file that it speaks of.
    pub fn read(part: &Path) -> Result<Self> {
        let path = Self::path_of(part);
        let missing = |reason: String| Error::Parts {
            reason: format!("{}: {reason}; score this part again with --shard", path.display()),
        };
        let length = std::fs::metadata(&path).map_err(|error| missing(error.to_string()))?.len();
        if length > LIMIT {
            return Err(missing(format!("{length} bytes, over the limit of {LIMIT}")));
        }
        let file = std::fs::File::open(&path).map_err(|error| missing(error.to_string()))?;
        let reader = std::io::BufReader::new(std::io::Read::take(file, LIMIT));
        let record: Self = serde_json::from_reader(reader).map_err(|error| missing(error.to_string()))?;
        if record.schema != SCHEMA {
            return Err(missing(format!("schema {}, and this release reads {SCHEMA}", record.schema)));
        }
        if record.shard >= record.shards {
            return Err(missing(format!("there is no part {} of {}", record.shard, record.shards)));
        }
        if !record.tile_digests.is_empty() && record.tile_digests.len() != record.rows {
            return Err(missing(format!("{} digests for {} rows", record.tile_digests.len(), record.rows)));
        }
        let found = sha256_file(part).map_err(|source| Error::Read { path: part.to_owned(), source })?;
        if found != record.sha256 {
            let reason = format!(
                "{} is not the part that its record speaks of: SHA-256 {found}, and the record says {}; score it again",
                part.display(),
                record.sha256
            );
            return Err(Error::Parts { reason });
        }
        Ok(record)
    }
}

/// SHA-256 over the paths of a list, each followed by a newline, as they stand in the rows.
pub fn list_digest(paths: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut digest = ListDigest::default();
    paths.for_each(|path| digest.add(path.as_ref()));
    digest.finish()
}

/// SHA-256 over the bytes of the names of a list, each followed by NUL.
pub(super) fn names_digest(list: &[Listed]) -> String {
    let mut digest = Sha256::new();
    for tile in list {
        digest.update(tile.path.as_os_str().as_encoded_bytes());
        digest.update(b"\0");
    }
    hex(&digest.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// [`list_digest`], one path at a time.
#[derive(Default)]
pub(super) struct ListDigest(Sha256);

impl ListDigest {
    pub(super) fn add(&mut self, path: &str) {
        self.0.update(path.as_bytes());
        self.0.update(b"\n");
    }

    pub(super) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

fn wrong(text: &str, reason: &str) -> Error {
    Error::Argument { argument: format!("--shard {text}"), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn auto(variables: &[(&str, &str)]) -> Result<Shard> {
        Shard::resolve("auto", |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_complete_and_in_order(length in 0_usize..5_000, count in 1_usize..70) {
            let mut next = 0;
            for index in 0..count {
                let range = Shard { index, count }.range(length);
                prop_assert_eq!(range.start, next);
                prop_assert!(range.len().abs_diff(length / count) <= 1);
                next = range.end;
            }
            prop_assert_eq!(next, length);
        }
    }

    #[test]
    fn parts_are_counted_from_zero_and_others_are_refused() {
        let shard = |text: &str| Shard::resolve(text, |_| None);
        assert_eq!(shard("0/1").unwrap(), Shard { index: 0, count: 1 });
        assert_eq!(shard("3/4").unwrap(), Shard { index: 3, count: 4 });
        assert!(shard("4/4").unwrap_err().to_string().contains("the last one is 3/4"));
        for text in ["", "1", "0/0", "-1/4", "1/", "a/b", "1/2/3"] {
            assert_eq!(shard(text).unwrap_err().fault(), kiln_files::Fault::Input, "{text}");
        }
    }

    #[test]
    fn schedulers_tell_the_part() {
        let kubernetes = [("JOB_COMPLETION_INDEX", "2"), ("KILN_SHARDS", "4")];
        assert_eq!(auto(&kubernetes).unwrap(), Shard { index: 2, count: 4 });
        let slurm = |id| {
            let step = ("SLURM_ARRAY_TASK_STEP", "5");
            auto(&[("SLURM_ARRAY_TASK_ID", id), ("SLURM_ARRAY_TASK_COUNT", "3"), ("SLURM_ARRAY_TASK_MIN", "10"), step])
        };
        assert_eq!(slurm("10").unwrap(), Shard { index: 0, count: 3 });
        assert_eq!(slurm("20").unwrap(), Shard { index: 2, count: 3 });
        assert!(slurm("9").is_err() && slurm("25").is_err());
        assert!(auto(&kubernetes[..1]).unwrap_err().to_string().contains("KILN_SHARDS"));
        let empty = [("JOB_COMPLETION_INDEX", ""), ("SLURM_ARRAY_TASK_ID", "1"), ("SLURM_ARRAY_TASK_COUNT", "2")];
        assert_eq!(auto(&empty).unwrap(), Shard { index: 1, count: 2 });
        assert!(auto(&[]).unwrap_err().to_string().contains("I/N"));
        assert!(auto(&[("JOB_COMPLETION_INDEX", "two")]).is_err());
    }
}
