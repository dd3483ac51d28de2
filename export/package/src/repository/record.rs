//! `kiln.json` in a version's folder: the model, its bundle, and the digest of every file, so that a version can be checked
//! on any machine. No server reads it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kiln_files::digest::{sha256_file, sha256_hex};
use kiln_runtime::Bundle;
use kiln_runtime::bundle::MANIFEST;
use kiln_runtime::bundle::manifest::{FileEntry, Port, StainNormalisation, Threshold};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::target::Target;

/// Name of the record in a version's folder.
pub const RECORD: &str = "kiln.json";
/// Schema version of the record.
pub(crate) const SCHEMA: u32 = 1;
/// The longest record that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// The record of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) schema: u32,
    pub(crate) target: Target,
    pub(crate) model: String,
    pub(crate) version: u64,
    pub(crate) precision: String,
    /// The graph's file inside the version's folder.
    pub(crate) graph: String,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) classes: Vec<String>,
    pub(crate) threshold: Threshold,
    /// Stain normalisation of tiles, in the graph or before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stain_normalisation: Option<StainNormalisation>,
    pub(crate) origin: Origin,
    /// Every file of the version's folder except the record.
    pub(crate) files: Vec<FileEntry>,
    /// Files beside the version's folder that belong to it; a later version may replace them.
    pub(crate) beside: Vec<FileEntry>,
}

/// A version's origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Version of Kiln.
    pub(crate) kiln: String,
    /// SHA-256 of the bundle's manifest, and so of the bundle.
    pub(crate) manifest_sha256: String,
    /// SHA-256 of the trained weights.
    pub(crate) weights_sha256: String,
}

impl Origin {
    pub(crate) fn from_bundle(bundle: &Bundle) -> Result<Self> {
        let path = bundle.path.join(MANIFEST);
        Ok(Self {
            kiln: env!("CARGO_PKG_VERSION").to_owned(),
            manifest_sha256: sha256_file(&path).map_err(Error::read(&path))?,
            weights_sha256: bundle.manifest.provenance.weights_sha256.clone(),
        })
    }
}

impl Record {
    /// Reads the record of a version's folder.
    pub(crate) fn read(version: &Path) -> std::result::Result<Self, String> {
        let path = version.join(RECORD);
        let length = fs::symlink_metadata(&path).map_err(|error| format!("{RECORD}: {error}"))?.len();
        if length > LIMIT {
            return Err(format!("{RECORD}: {length} bytes, over the limit of {LIMIT}"));
        }
        let bytes = fs::read(&path).map_err(|error| format!("{RECORD}: {error}"))?;
        let record: Self = serde_json::from_slice(&bytes).map_err(|error| format!("{RECORD}: {error}"))?;
        if record.schema != SCHEMA {
            return Err(format!("{RECORD}: schema {}; this release reads schema {SCHEMA}", record.schema));
        }
        Ok(record)
    }

    /// Compares a version's folder with its record: same files, same bytes, no links. Returns every problem.
    pub(crate) fn problems(&self, version: &Path) -> Vec<String> {
        let mut problems = Vec::new();
        let mut found = BTreeSet::new();
        walk(version, "", &mut found, &mut problems);
        found.remove(RECORD);
        let stated: BTreeSet<String> = self.files.iter().map(|entry| entry.path.clone()).collect();
        problems.extend(found.difference(&stated).map(|path| format!("{path}: not in {RECORD}")));
        problems.extend(self.files.iter().filter_map(|entry| differs(version, entry).err()));
        problems
    }

    /// Compares the files beside the version's folder with the record. Returns every problem.
    pub(crate) fn problems_beside(&self, model: &Path) -> Vec<String> {
        self.beside.iter().filter_map(|entry| differs(model, entry).err()).collect()
    }
}

/// The entry of a file written as `path`.
pub(crate) fn entry(path: &str, bytes: &[u8]) -> FileEntry {
    FileEntry { path: path.to_owned(), bytes: bytes.len() as u64, sha256: sha256_hex(bytes) }
}

/// Collects the files below a folder, with forward slashes. A link is a problem: its target can change unnoticed.
fn walk(folder: &Path, prefix: &str, found: &mut BTreeSet<String>, problems: &mut Vec<String>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return problems.push(format!("{}: {error}", folder.display())),
    };
    for entry in entries.flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => {
                problems.push(format!("{name}: a link; a version contains regular files only"))
            }
            Ok(kind) if kind.is_dir() => walk(&entry.path(), &format!("{name}/"), found, problems),
            Ok(_) => drop(found.insert(name)),
            Err(error) => problems.push(format!("{name}: {error}")),
        }
    }
}

fn differs(folder: &Path, entry: &FileEntry) -> std::result::Result<(), String> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if !entry.path.split('/').all(plain) || entry.path.contains(['\\', ':']) {
        return Err(format!("{}: leads out of the version's folder", entry.path));
    }
    let path: PathBuf = folder.join(&entry.path);
    let metadata = fs::symlink_metadata(&path).map_err(|error| format!("{}: {error}", entry.path))?;
    if !metadata.is_file() {
        return Err(format!("{}: not a regular file", entry.path));
    }
    if metadata.len() != entry.bytes {
        return Err(format!("{}: {} bytes; {RECORD} has {}", entry.path, metadata.len(), entry.bytes));
    }
    let found = sha256_file(&path).map_err(|error| format!("{}: {error}", entry.path))?;
    if found != entry.sha256 {
        return Err(format!("{}: SHA-256 {found}; {RECORD} has {}", entry.path, entry.sha256));
    }
    Ok(())
}

/// A value as a JSON file.
pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::Format { what: "a JSON file", reason: error.to_string() })?;
    Ok(format!("{text}\n").into_bytes())
}

/// Writes a value as JSON in one step.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    kiln_files::publish::write_file(path, &json(value)?).map_err(Error::write(path))
}
