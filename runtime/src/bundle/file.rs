//! Reading files of limited length, and comparing their sizes and digests with a manifest's entries.

use std::fs::{self, File};
use std::path::Path;

use kiln_files::digest::sha256_file;
use kiln_files::read_head;

use super::MANIFEST;
use super::manifest::FileEntry;

/// Reads a file whole, unless it is longer than `limit`.
pub(super) fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    if length > limit {
        return Err(format!("{length} bytes, over the limit of {limit}"));
    }
    read_head(file, limit).map_err(|error| error.to_string())
}

/// Compares a file's length with its entry.
pub(super) fn check_size(entry: &FileEntry, path: &Path) -> Result<(), String> {
    let found = fs::metadata(path).map_err(|error| format!("{}: {error}", entry.path))?.len();
    if found != entry.bytes {
        return Err(format!("{}: {found} bytes; {MANIFEST} has {}", entry.path, entry.bytes));
    }
    Ok(())
}

/// Compares a file's digest with its entry.
pub(super) fn check_digest(entry: &FileEntry, path: &Path) -> Result<(), String> {
    digest_agrees(entry, &sha256_file(path).map_err(|error| format!("{}: {error}", entry.path))?)
}

/// Compares a digest that was computed with its entry.
pub(super) fn digest_agrees(entry: &FileEntry, found: &str) -> Result<(), String> {
    if !found.eq_ignore_ascii_case(&entry.sha256) {
        return Err(format!("{}: SHA-256 {found}; {MANIFEST} has {}", entry.path, entry.sha256));
    }
    Ok(())
}
