//! The user's cache folder and the packages in it: `<cache>/onnxruntime/<package>-<version>/`. Files are trusted by the
//! digests pinned in this program, never by a record that lies beside them.

use std::fs;
use std::path::PathBuf;

use kiln_files::digest::sha256_file;

use super::{Library, Origin, Package, PinnedFile, Role};
use crate::error::{Error, Result};

/// Kiln's cache folder: `$KILN_CACHE`, else `kiln` in the user's cache folder. It need not exist.
///
/// # Errors
/// [`Error::Install`] if the user has no home folder and `KILN_CACHE` is not set.
pub fn cache_dir() -> Result<PathBuf> {
    kiln_files::cache::dir().ok_or_else(|| Error::Install {
        package: Package::Cpu,
        reason: "there is no home folder to hold the cache; set KILN_CACHE to a folder".to_owned(),
    })
}

/// Where compiled engines are kept: `$KILN_CACHE_ENGINES`, else [`cache_dir`]. A container may keep them on a volume.
///
/// # Errors
/// As [`cache_dir`].
pub fn engines_dir() -> Result<PathBuf> {
    match std::env::var_os("KILN_CACHE_ENGINES") {
        Some(folder) if !folder.is_empty() => Ok(PathBuf::from(folder)),
        _ => cache_dir(),
    }
}

/// The folder that holds all packages.
pub(crate) fn packages_dir() -> Result<PathBuf> {
    Ok(cache_dir()?.join("onnxruntime"))
}

/// The folder of one package, whether it is there or not.
pub(crate) fn folder(package: Package) -> Result<PathBuf> {
    let version = package.pins().map_or("unpinned", |pins| pins.version);
    Ok(packages_dir()?.join(format!("{package}-{version}")))
}

/// The package's library if its folder is there. Digests are checked before it is loaded, not here.
pub(crate) fn installed(package: Package) -> Option<Library> {
    let pins = package.pins()?;
    let folder = folder(package).ok()?;
    let core = pins.files.iter().find(|file| file.role == Role::Core)?;
    // Relative cache folders become absolute: ort would look for them beside the executable.
    let path = folder.canonicalize().ok()?.join(core.name());
    let version = Some(pins.version.to_owned());
    path.symlink_metadata().is_ok().then_some(Library { path, version, origin: Origin::Cache(package) })
}

/// Compares all files of one role with their pins.
pub(crate) fn check(package: Package, role: Role) -> Result<()> {
    let Some(pins) = package.pins() else { return Ok(()) };
    pins.files.iter().filter(|file| file.role == role).try_for_each(|file| check_file(package, file))
}

fn check_file(package: Package, file: &PinnedFile) -> Result<()> {
    let path = folder(package)?.join(file.name());
    let damaged = |reason: String| Error::DamagedPackage { path: path.clone(), reason, package };
    let metadata = fs::metadata(&path).map_err(|error| damaged(error.to_string()))?;
    if metadata.len() != file.bytes {
        return Err(damaged(format!("{} bytes, expected {}", metadata.len(), file.bytes)));
    }
    let found = sha256_file(&path).map_err(|error| damaged(error.to_string()))?;
    if found != file.sha256 {
        return Err(damaged(format!("SHA-256 {found}, expected {}", file.sha256)));
    }
    Ok(())
}

/// Compares every file of a package with its pin, the licence included.
pub(crate) fn check_all(package: Package) -> Result<()> {
    let Some(pins) = package.pins() else { return Ok(()) };
    pins.files.iter().try_for_each(|file| check_file(package, file))
}
