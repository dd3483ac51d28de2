//! Containment of the files that a manifest lists: their names are plain, relative and mean the same file on every machine,
//! and they belong to the bundle alone. Through a link out of the folder, or a hard link elsewhere, a file could change
//! after its digest was compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::MANIFEST;
use super::manifest::FileEntry;

/// The longest name of a file or folder that every common file system accepts, in bytes.
const NAME_LIMIT: usize = 255;

/// Characters that Windows forbids in a name or gives a meaning.
const NOT_PORTABLE: [char; 9] = ['\\', ':', '*', '?', '"', '<', '>', '|', '\0'];

/// Device names of Windows, with any extension and in any case.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Refuses a path that is listed twice (in any case, since some file systems ignore it), and the manifest itself, which
/// cannot contain its own digest.
pub(super) fn unique(files: &[FileEntry]) -> Result<(), String> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for entry in files {
        let folded = entry.path.to_lowercase();
        if folded == MANIFEST {
            return Err(format!("{MANIFEST} lists itself, as `{}`", entry.path));
        }
        match seen.insert(folded, &entry.path) {
            Some(other) if other == entry.path => return Err(format!("{MANIFEST} lists `{other}` twice")),
            Some(other) => {
                let path = &entry.path;
                return Err(format!("{MANIFEST} lists `{other}` and `{path}`, which are one file on some systems"));
            }
            None => {}
        }
    }
    Ok(())
}

/// Returns the file that `path` names under `folder`, which is canonical.
pub(super) fn resolve(folder: &Path, path: &str) -> Result<PathBuf, String> {
    plain(path)?;
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

/// Refuses a path with a link in it, even one that stays inside the bundle.
pub(super) fn without_links(folder: &Path, path: &str) -> Result<(), String> {
    let mut place = folder.to_owned();
    for part in path.split('/') {
        place.push(part);
        let metadata = fs::symlink_metadata(&place).map_err(|error| format!("{path}: {error}"))?;
        if metadata.is_symlink() {
            return Err(format!("`{path}` is a link; weights must be a regular file inside the bundle"));
        }
    }
    Ok(())
}

/// Refuses a path that is not plain, relative and portable. Windows' separators, drives, streams and device names are
/// refused on every system, because a bundle means the same on every machine; so are letters beyond ASCII, which file
/// systems normalise differently.
pub(super) fn plain(path: &str) -> Result<(), String> {
    let whole = |part: &str| !part.is_empty() && part != "." && part != "..";
    if path.contains(NOT_PORTABLE) || !path.split('/').all(whole) {
        let path = path.escape_debug();
        return Err(format!("`{path}` is not a plain relative path, so it may lead out of the bundle"));
    }
    match path.split('/').find_map(unportable) {
        Some(reason) => Err(format!("`{}` is not a portable file name: {reason}", path.escape_debug())),
        None => Ok(()),
    }
}

/// The reason why a name is invalid, or another name, on some system.
fn unportable(name: &str) -> Option<&'static str> {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = |port: &str| stem.strip_prefix(port).is_some_and(|number| number.len() == 1 && number != "0");
    if !name.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        Some("only printable ASCII is the same name on every system")
    } else if name.ends_with(['.', ' ']) || name.starts_with(' ') {
        Some("Windows drops a dot or a space at an end of a name")
    } else if DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt") {
        Some("it names a device on Windows")
    } else if name.len() > NAME_LIMIT {
        Some("it is longer than 255 bytes")
    } else {
        None
    }
}

/// Refuses files that also have a name outside of the bundle. `files` are the listed paths with the files that they resolve
/// to, the manifest included. Two names inside the bundle are harmless.
#[cfg(unix)]
pub(super) fn sole_owner<'a>(files: impl Iterator<Item = (&'a str, &'a Path)>) -> Result<(), String> {
    use std::collections::BTreeSet;
    use std::os::unix::fs::MetadataExt as _;

    let mut inodes: BTreeMap<(u64, u64), (u64, &str, BTreeSet<&Path>)> = BTreeMap::new();
    for (path, found) in files {
        let metadata = fs::metadata(found).map_err(|error| format!("{path}: {error}"))?;
        let inode = inodes.entry((metadata.dev(), metadata.ino())).or_insert((metadata.nlink(), path, BTreeSet::new()));
        inode.2.insert(found);
    }
    match inodes.values().find(|(links, _, names)| *links > names.len() as u64) {
        Some((links, path, _)) => Err(format!(
            "{path}: this file has {links} names (hard links), not all inside the bundle, so it can be changed from \
             elsewhere; hint: copy the bundle with `cp -r`, which makes separate files"
        )),
        None => Ok(()),
    }
}

/// Does nothing: links cannot be counted here. Digests are compared all the same.
#[cfg(not(unix))]
pub(super) fn sole_owner<'a>(_: impl Iterator<Item = (&'a str, &'a Path)>) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_contained() {
        for path in
            ["model.onnx", "a/b.bin", "..model", "a..b", "model.3f9a0c51e7d2.data", "com0", "console", "a b", ".x"]
        {
            assert_eq!(plain(path), Ok(()), "{path}");
        }
        let hostile =
            ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "C:x", "a\\..\\b", "a\0b", "..", "//host/x"];
        for path in hostile {
            assert!(plain(path).unwrap_err().contains("may lead out"), "{path}");
        }
    }

    #[test]
    fn names_that_are_others_elsewhere_are_refused() {
        let long = "x".repeat(256);
        let odd = [
            "con",
            "NUL.onnx",
            "aux.tar.gz",
            "a/COM1",
            "lpt9.data",
            "prn .x",
            "CONOUT$",
            "model.onnx.",
            "model.onnx ",
            "a /b",
            "a./b",
            " a",
            "modèle.onnx",
            "model\u{202e}xnno",
            "a\nb",
            "a\u{7f}b",
            "a\tb",
            &long,
        ];
        for path in odd {
            assert!(plain(path).unwrap_err().contains("not a portable file name"), "{path:?}");
        }
    }

    #[test]
    fn two_names_that_are_one_file_somewhere_are_refused() {
        let entry = |path: &str| FileEntry { path: path.to_owned(), bytes: 0, sha256: String::new() };
        let list = |paths: &[&str]| unique(&paths.iter().map(|path| entry(path)).collect::<Vec<_>>());
        assert_eq!(list(&["a", "b", "a.b"]), Ok(()));
        assert!(list(&["a", "b", "a"]).unwrap_err().contains("`a` twice"));
        assert!(list(&["Model.onnx", "model.onnx"]).unwrap_err().contains("`Model.onnx` and `model.onnx`"));
        assert!(list(&["manifest.json"]).unwrap_err().contains("lists itself"));
        assert!(list(&["MANIFEST.json"]).unwrap_err().contains("lists itself"));
    }
}
