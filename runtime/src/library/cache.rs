//! The user's cache folder and the runtime wheels in it: `<cache>/onnxruntime/<wheel>-<version>/`. Files are trusted by the
//! digests pinned in this program, never by a record in the folder.

use std::path::PathBuf;

use kiln_files::installation::DamagedFile;

use super::pins::{Role, WheelFile};
use super::wheel::RuntimeWheel;
use crate::error::{Error, Result};

/// Kiln's cache folder: `$KILN_CACHE`, else `kiln` in the user's cache folder. It need not exist.
///
/// # Errors
/// [`Error::Install`] if the user has no home folder and `KILN_CACHE` is not set.
pub fn cache_dir() -> Result<PathBuf> {
    kiln_files::cache::dir().ok_or_else(|| Error::Install {
        wheel: RuntimeWheel::Cpu,
        reason: "there is no home folder to hold the cache; set KILN_CACHE to a folder".to_owned(),
    })
}

/// The folder of compiled graphs: `$KILN_CACHE_ENGINES`, else [`cache_dir`]. A container may keep it on a volume.
///
/// # Errors
/// As [`cache_dir`].
pub fn compiled_dir() -> Result<PathBuf> {
    match std::env::var_os("KILN_CACHE_ENGINES") {
        Some(folder) if !folder.is_empty() => Ok(PathBuf::from(folder)),
        _ => cache_dir(),
    }
}

/// The folder of all runtime wheels.
pub(super) fn wheels_dir() -> Result<PathBuf> {
    Ok(cache_dir()?.join("onnxruntime"))
}

/// The folder of one wheel, which need not exist.
pub(crate) fn wheel_dir(wheel: RuntimeWheel) -> Result<PathBuf> {
    let version = wheel.pins().map_or("unpinned", |pins| pins.version);
    Ok(wheels_dir()?.join(format!("{wheel}-{version}")))
}

/// Compares all files of one role with their pins.
pub(crate) fn check(wheel: RuntimeWheel, role: Role) -> Result<()> {
    let Some(pins) = wheel.pins() else { return Ok(()) };
    pins.files.iter().filter(|file| file.role == role).try_for_each(|file| check_file(wheel, file))
}

fn check_file(wheel: RuntimeWheel, file: &WheelFile) -> Result<()> {
    let damaged = |DamagedFile { path, reason }| Error::DamagedWheel { path, reason, wheel };
    file.pinned().check(&wheel_dir(wheel)?).map_err(damaged)
}
