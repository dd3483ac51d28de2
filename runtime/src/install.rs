//! Installs a runtime wheel into the user's cache: pip fetches the pinned wheel with required hashes, the needed files are
//! unpacked, each compared with its own pin, and the folder appears whole. Two installs at once are safe: a lock file
//! makes one wait for the other.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use kiln_files::publish::Staged;
use kiln_files::wheel::Wheel;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, chain};
use crate::library::{self, Library, PinnedFile, Pins, RuntimeWheel};
use crate::provider::Providers;

/// Name of the record in a wheel's folder.
pub const RECORD: &str = "install.json";

/// The record of an install, for people and tools. Loading relies on the digests pinned in the program, not on this file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallRecord {
    /// The runtime wheel.
    #[serde(rename = "package")]
    pub wheel: RuntimeWheel,
    /// Name on the package index.
    pub distribution: String,
    /// Version of ONNX Runtime.
    pub version: String,
    /// SHA-256 of the wheel.
    pub wheel_sha256: String,
    /// Every installed file.
    pub files: Vec<InstalledFile>,
}

/// One installed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledFile {
    /// Name in the folder.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// Installs a runtime wheel, or finds it installed and whole. `on_step` gets each step as one line of text.
///
/// # Errors
/// [`Error::Install`] with the cause: no pins for this platform, no Python, pip's own message, a wheel or
/// a file with other bytes than the pinned ones, a full disk.
pub fn install(wheel: RuntimeWheel, on_step: &mut dyn FnMut(&str)) -> Result<Library> {
    let pins = wheel.pins().ok_or_else(|| failed(wheel, no_pins()))?;
    let folder = library::wheel_dir(wheel)?;
    let parent = library::wheels_dir()?;
    let disk = |error: io::Error| failed(wheel, format!("{}: {error}", parent.display()));
    fs::create_dir_all(&parent).map_err(disk)?;
    // Held until the end of this function; the system releases it if the process dies.
    let lock = File::create(parent.join(format!(".{wheel}.lock"))).map_err(disk)?;
    lock.lock().map_err(disk)?;
    match present(wheel, &folder) {
        Some(Ok(library)) => {
            on_step(&format!("{wheel}: {} is installed and whole", library.path.display()));
            return Ok(library);
        }
        Some(Err(error)) => on_step(&format!("{wheel}: {}; installing again", chain(&error))),
        None => {}
    }
    remove_leftovers(wheel, pins, &parent).map_err(disk)?;
    let scratch = tempfile::Builder::new().prefix(&scratch_prefix(wheel)).tempdir_in(&parent).map_err(disk)?;
    let file = download(wheel, pins, scratch.path(), on_step)?;
    on_step(&format!("{wheel}: unpacking into {}", folder.display()));
    unpack(wheel, pins, &file, &folder)?;
    Library::installed(wheel).ok_or_else(|| failed(wheel, format!("{} did not appear", folder.display())))
}

/// The library that [`library::find_for`] finds. If there is none at all, or the cached one is damaged, the runtime wheel
/// of the first provider is installed. For demonstrations and tests.
///
/// # Errors
/// As [`install`] and [`library::find_for`].
pub fn find_or_install(
    explicit: Option<&Path>,
    providers: &Providers,
    on_step: &mut dyn FnMut(&str),
) -> Result<Library> {
    match library::find_for(explicit, providers) {
        Ok(library) if library.check().is_ok() => Ok(library),
        Err(Error::NoLibrary { wheel, .. }) => {
            on_step(&format!("no ONNX Runtime here yet: installing the {wheel} wheel"));
            install(wheel, on_step)
        }
        Ok(Library { origin: library::Origin::Cache(wheel), .. }) => install(wheel, on_step),
        found => found,
    }
}

fn scratch_prefix(wheel: RuntimeWheel) -> String {
    format!(".download-{wheel}.")
}

/// Removes the files of an install that was killed. The lock is held, so no other install uses them.
fn remove_leftovers(wheel: RuntimeWheel, pins: &Pins, parent: &Path) -> io::Result<()> {
    let prefixes = [scratch_prefix(wheel), format!(".{wheel}-{}.", pins.version)];
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let name = entry.file_name();
        if prefixes.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn no_pins() -> String {
    format!(
        "no library is pinned for {} {}: a library for this platform must be named",
        env::consts::OS,
        env::consts::ARCH
    )
}

/// The wheel's library if its folder exists, or the error of a damaged file.
fn present(wheel: RuntimeWheel, folder: &Path) -> Option<Result<Library>> {
    if !folder.exists() {
        return None;
    }
    let check = || {
        library::check_all(wheel)?;
        Library::installed(wheel).ok_or_else(|| failed(wheel, format!("{} has no library", folder.display())))
    };
    Some(check())
}

/// Fetches the wheel file and returns its path.
fn download(wheel: RuntimeWheel, pins: &Pins, scratch: &Path, on_step: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    on_step(&format!("{wheel}: fetching {} {} with pip", pins.distribution, pins.version));
    let Pins { distribution, version, platform, wheel_sha256: sha256, .. } = *pins;
    let file = Wheel { distribution, version, sha256, platform: Some(platform) };
    file.fetch(scratch).map_err(|reason| failed(wheel, reason))
}

fn unpack(wheel: RuntimeWheel, pins: &Pins, fetched: &Path, folder: &Path) -> Result<()> {
    let disk = |error: io::Error| failed(wheel, format!("{}: {error}", folder.display()));
    let staged = Staged::beside(folder).map_err(disk)?;
    for file in pins.files {
        let bytes = kiln_files::wheel::extract(fetched, file.entry, file.bytes, file.sha256)
            .map_err(|reason| failed(wheel, format!("{}: {reason}", file.entry)))?;
        fs::write(staged.path().join(file.name()), bytes).map_err(disk)?;
    }
    let record = serde_json::to_vec_pretty(&record(wheel, pins)).map_err(|error| disk(error.into()))?;
    fs::write(staged.path().join(RECORD), record).map_err(disk)?;
    staged.publish(true).map_err(disk)
}

fn record(wheel: RuntimeWheel, pins: &Pins) -> InstallRecord {
    let file = |file: &PinnedFile| InstalledFile {
        name: file.name().to_owned(),
        bytes: file.bytes,
        sha256: file.sha256.to_owned(),
    };
    InstallRecord {
        wheel,
        distribution: pins.distribution.to_owned(),
        version: pins.version.to_owned(),
        wheel_sha256: pins.wheel_sha256.to_owned(),
        files: pins.files.iter().map(file).collect(),
    }
}

fn failed(wheel: RuntimeWheel, reason: String) -> Error {
    Error::Install { wheel, reason }
}
