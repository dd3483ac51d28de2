//! Getting an official ONNX Runtime into the user's cache: the pinned wheel through pip with required hashes, the few
//! files that are needed out of it, each compared with its own pin, and the folder published whole. Two installs at once
//! are safe: a lock file lets one wait for the other.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use kiln_files::publish::Staged;
use kiln_files::wheel::{self, Wheel};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, chain};
use crate::library::{self, Library, Package, PinnedFile, Pins};
use crate::provider::Providers;

/// Name of the record in a package's folder.
pub const RECORD: &str = "install.json";

/// What was installed, for people and tools. Loading relies on the digests pinned in the program, not on this file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallRecord {
    /// The package.
    pub package: Package,
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

/// Installs a package, or finds it installed and whole. `on_step` hears what happens, one plain line at a time.
///
/// # Errors
/// [`Error::Install`] with what to do: no pins for this platform, no Python, pip's own words, a wheel or a file with
/// other bytes than the pinned ones, a full disk.
pub fn install(package: Package, on_step: &mut dyn FnMut(&str)) -> Result<Library> {
    let pins = package.pins().ok_or_else(|| failed(package, no_pins()))?;
    let folder = library::folder(package)?;
    let parent = library::packages_dir()?;
    let disk = |error: io::Error| failed(package, format!("{}: {error}", parent.display()));
    fs::create_dir_all(&parent).map_err(disk)?;
    // Held until the end of this function; a process that dies gives it up.
    let lock = File::create(parent.join(format!(".{package}.lock"))).map_err(disk)?;
    lock.lock().map_err(disk)?;
    match present(package, &folder) {
        Some(Ok(library)) => {
            on_step(&format!("{package}: {} is installed and whole", library.path.display()));
            return Ok(library);
        }
        Some(Err(error)) => on_step(&format!("{package}: {}; installing again", chain(&error))),
        None => {}
    }
    remove_leftovers(package, pins, &parent).map_err(disk)?;
    let scratch = tempfile::Builder::new().prefix(&scratch_prefix(package)).tempdir_in(&parent).map_err(disk)?;
    let wheel = download(package, pins, scratch.path(), on_step)?;
    on_step(&format!("{package}: unpacking into {}", folder.display()));
    unpack(package, pins, &wheel, &folder)?;
    library::installed(package).ok_or_else(|| failed(package, format!("{} did not appear", folder.display())))
}

/// The library that `find_for` gives; if there is none at all, or the cached one is damaged, the package of the first
/// provider is installed. For `demo` and for tests: other verbs tell the user what to type.
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
        Err(Error::NoLibrary { package, .. }) => {
            on_step(&format!("no ONNX Runtime here yet: installing the {package} package"));
            install(package, on_step)
        }
        Ok(Library { origin: library::Origin::Cache(package), .. }) => install(package, on_step),
        found => found,
    }
}

fn scratch_prefix(package: Package) -> String {
    format!(".download-{package}.")
}

/// What an install that was killed has left. The lock is held, so nobody is at work in there.
fn remove_leftovers(package: Package, pins: &Pins, parent: &Path) -> io::Result<()> {
    let prefixes = [scratch_prefix(package), format!(".{package}-{}.", pins.version)];
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
        "no library is pinned for {} {}; get one for this platform and name it with --onnxruntime PATH",
        env::consts::OS,
        env::consts::ARCH
    )
}

/// The package's library if its folder is there, or what is wrong with any of its files.
fn present(package: Package, folder: &Path) -> Option<Result<Library>> {
    if !folder.exists() {
        return None;
    }
    let check = || {
        library::check_all(package)?;
        library::installed(package).ok_or_else(|| failed(package, format!("{} has no library", folder.display())))
    };
    Some(check())
}

/// Fetches the wheel and gives its path.
fn download(package: Package, pins: &Pins, scratch: &Path, on_step: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    on_step(&format!("{package}: fetching {} {} with pip", pins.distribution, pins.version));
    let Pins { distribution, version, platform, wheel_sha256: sha256, .. } = *pins;
    let wheel = Wheel { distribution, version, sha256, platform: Some(platform) };
    wheel
        .fetch(scratch)
        .map_err(|reason| failed(package, format!("{reason}; or name a library with --onnxruntime PATH")))
}

fn unpack(package: Package, pins: &Pins, wheel: &Path, folder: &Path) -> Result<()> {
    let disk = |error: io::Error| failed(package, format!("{}: {error}", folder.display()));
    let staged = Staged::beside(folder).map_err(disk)?;
    for file in pins.files {
        let bytes = wheel::extract(wheel, file.entry, file.bytes, file.sha256)
            .map_err(|reason| failed(package, format!("{}: {reason}", file.entry)))?;
        fs::write(staged.path().join(file.name()), bytes).map_err(disk)?;
    }
    let record = serde_json::to_vec_pretty(&record(package, pins)).map_err(|error| disk(error.into()))?;
    fs::write(staged.path().join(RECORD), record).map_err(disk)?;
    staged.publish(true).map_err(disk)
}

fn record(package: Package, pins: &Pins) -> InstallRecord {
    let file = |file: &PinnedFile| InstalledFile {
        name: file.name().to_owned(),
        bytes: file.bytes,
        sha256: file.sha256.to_owned(),
    };
    InstallRecord {
        package,
        distribution: pins.distribution.to_owned(),
        version: pins.version.to_owned(),
        wheel_sha256: pins.wheel_sha256.to_owned(),
        files: pins.files.iter().map(file).collect(),
    }
}

fn failed(package: Package, reason: String) -> Error {
    Error::Install { package, reason }
}
