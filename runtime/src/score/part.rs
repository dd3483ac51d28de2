//! The record beside each part of a sharded scoring, which names the part, its list and what scored it.
//! [`merge`](super::merge) relies on nothing else.

use std::path::{Path, PathBuf};

use kiln_files::digest::sha256_file;
use kiln_files::{FileDigest, publish};
use kiln_tile::TileSource;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::PartsError;
use super::{Columns, Shard};
use crate::{Error, Result};

/// The record's schema version.
const SCHEMA: u32 = 1;
/// The longest record that is read, in bytes: a part of some 30 million tiles.
const LIMIT: u64 = 1 << 30;

/// The description of a part, in `<part>.shard.json` beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Version of this form: 1.
    pub schema: u32,
    /// The part's number, from 0 on.
    pub shard: usize,
    /// Number of parts.
    pub shards: usize,
    /// Tiles in the whole list.
    pub tiles: usize,
    /// Rows of this part.
    pub rows: usize,
    /// [`list_digest`] of the whole list.
    pub list_sha256: String,
    /// Class names of the model, in the order of the columns of probabilities.
    pub classes: Vec<String>,
    /// True if the rows are of tiles of slides, which have other columns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_slides: bool,
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

/// Model and settings of a part. Only parts with equal ones join.
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
        list: &dyn TileSource,
        columns: &Columns,
        by: ScoredBy,
        tile_digests: Vec<Option<FileDigest>>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            shard: shard.index,
            shards: shard.count,
            tiles: list.len(),
            rows: shard.range(list.len()).len(),
            list_sha256: list_digest(list),
            names_sha256: names_digest(list),
            classes: columns.classes().to_vec(),
            of_slides: columns.are_of_slides(),
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

    /// The columns of the part's file.
    #[must_use]
    pub fn columns(&self) -> Columns {
        if self.of_slides { Columns::for_slides(&self.classes) } else { Columns::for_files(&self.classes) }
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
    /// [`Error::Parts`] if there is none, or it describes another file.
    pub fn read(part: &Path) -> Result<Self> {
        let path = Self::path_of(part);
        let missing = |reason: String| PartsError::Record { path: path.clone(), reason };
        let length = std::fs::metadata(&path).map_err(|error| missing(error.to_string()))?.len();
        if length > LIMIT {
            return Err(missing(format!("{length} bytes, over the limit of {LIMIT}")).into());
        }
        let file = std::fs::File::open(&path).map_err(|error| missing(error.to_string()))?;
        let reader = std::io::BufReader::new(std::io::Read::take(file, LIMIT));
        let record: Self = serde_json::from_reader(reader).map_err(|error| missing(error.to_string()))?;
        if record.schema != SCHEMA {
            return Err(missing(format!("schema {}, and this release reads {SCHEMA}", record.schema)).into());
        }
        if record.shard >= record.shards {
            return Err(missing(format!("there is no part {} of {}", record.shard, record.shards)).into());
        }
        if !record.tile_digests.is_empty() && record.tile_digests.len() != record.rows {
            return Err(missing(format!("{} digests for {} rows", record.tile_digests.len(), record.rows)).into());
        }
        let found = sha256_file(part).map_err(|source| Error::Read { path: part.to_owned(), source })?;
        if found != record.sha256 {
            return Err(PartsError::Changed { part: part.to_owned(), found, recorded: record.sha256 }.into());
        }
        Ok(record)
    }
}

/// SHA-256 over the names of a list's tiles as in the rows, each followed by a newline.
pub fn list_digest(list: &dyn TileSource) -> String {
    let mut digest = ListDigest::default();
    (0..list.len()).for_each(|index| digest.add(&list.name(index)));
    digest.finish()
}

/// SHA-256 over the bytes of the names of a list, each followed by NUL.
pub(super) fn names_digest(list: &dyn TileSource) -> String {
    let mut digest = Sha256::new();
    for index in 0..list.len() {
        digest.update(list.identity(index));
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
