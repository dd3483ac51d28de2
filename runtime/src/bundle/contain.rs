//! Paths out of a manifest: relative, forward slashes, no way up, and no link that leads out of the bundle.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::MANIFEST;
use super::manifest::FileEntry;

/// Each path once, and never the manifest itself, which cannot hold its own digest.
pub(super) fn unique(files: &[FileEntry]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for entry in files {
        if entry.path == MANIFEST {
            return Err(format!("{MANIFEST} lists itself"));
        }
        if !seen.insert(&entry.path) {
            return Err(format!("{MANIFEST} lists `{}` twice", entry.path));
        }
    }
    Ok(())
}

/// The file under `folder` that `path` names. `folder` is canonical.
pub(super) fn resolve(folder: &Path, path: &str) -> Result<PathBuf, String> {
    if !is_contained(path) {
        return Err(format!("`{path}` is not a plain relative path, so it may lead out of the bundle"));
    }
    let found = folder.join(path).canonicalize().map_err(|error| format!("{path}: {error}"))?;
    if !found.starts_with(folder) {
        return Err(format!("`{path}` is a link that leads out of the bundle"));
    }
    match fs::metadata(&found) {
        Ok(metadata) if metadata.is_file() => Ok(found),
        Ok(_) => Err(format!("{path}: not a regular file")),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

/// Windows' separators, drives and streams are refused everywhere: a bundle means the same on every machine.
fn is_contained(path: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    !path.contains(['\\', ':', '\0']) && path.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_contained() {
        for path in ["model.onnx", "a/b.bin", "..model", "a..b"] {
            assert!(is_contained(path), "{path}");
        }
        let hostile = ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "C:x", "a\\..\\b", "a\0b", ".."];
        for path in hostile {
            assert!(!is_contained(path), "{path}");
        }
    }
}
