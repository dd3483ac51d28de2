//! A folder in memory for readers that take a path: writing to disk would take longer than reading.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const PREFIX: &str = "kiln-fuzz-";

/// Returns the folder of this process.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        sweep();
        let folder = root().join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    })
}

/// Writes a file in that folder.
pub(crate) fn put(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Removes the folders of processes that have ended: a process that dies during a search cannot remove its own.
pub(crate) fn sweep() {
    let Ok(entries) = fs::read_dir(root()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        if process
            .is_some_and(|process| Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{process}")).exists())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn root() -> PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() }
}
