//! Libraries of the system: in the folders of the loader's path and in the usual library folders.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use kiln_files::shared_library;

use super::file::{Library, Origin};

/// The folder in which the official archives for Linux and macOS are usually unpacked.
const OFFICIAL: &str = "/opt/onnxruntime/lib";

/// The folders that are searched, in order.
pub(super) fn folders() -> Vec<PathBuf> {
    let mut folders = shared_library::search_folders();
    if cfg!(unix) {
        folders.push(PathBuf::from(OFFICIAL));
    }
    folders
}

/// The libraries in these folders; a file with several links counts once.
pub(super) fn libraries() -> Vec<Library> {
    let mut found: Vec<Library> = Vec::new();
    for path in folders().iter().filter_map(|folder| library_in(folder)) {
        if !found.iter().any(|library| library.path == path) {
            found.push(Library { version: version_in_name(&path), path, origin: Origin::System });
        }
    }
    found
}

fn library_in(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join(format!("{}onnxruntime{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX));
    let versioned = || {
        let entries = fs::read_dir(folder).ok()?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        // The newest by name, so that the choice does not depend on the order of the folder.
        paths.filter(|path| version_in_name(path).is_some()).max()
    };
    let path = if plain.exists() { plain } else { versioned()? };
    path.canonicalize().ok()
}

/// The version in a file's name: `1.31.1` of `libonnxruntime.so.1.31.1` and of `libonnxruntime.1.31.1.dylib`.
pub(super) fn version_in_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let version = name
        .strip_prefix("libonnxruntime.so.")
        .or_else(|| name.strip_prefix("libonnxruntime.")?.strip_suffix(".dylib"))?;
    version.split('.').all(|part| part.parse::<u32>().is_ok()).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_the_name_of_the_file() {
        let version = |name: &str| version_in_name(Path::new(name));
        assert_eq!(version("/usr/lib/libonnxruntime.so.1.31.1").as_deref(), Some("1.31.1"));
        assert_eq!(version("/opt/homebrew/lib/libonnxruntime.1.31.1.dylib").as_deref(), Some("1.31.1"));
        assert_eq!(version("/opt/homebrew/lib/libonnxruntime.dylib"), None);
        assert_eq!(version("/usr/lib/libonnxruntime.so"), None);
        assert_eq!(version("/usr/lib/libonnxruntime.so.1.x"), None);
        assert_eq!(version("/usr/lib/libonnxruntime_providers_cuda.so"), None);
    }
}
