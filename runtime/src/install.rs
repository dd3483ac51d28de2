//! Installs a runtime wheel into the user's cache: pip fetches the pinned wheel with required hashes, the needed files are
//! unpacked, each compared with its own pin, and the folder appears whole. Two installs at once are safe.

use std::path::Path;

use kiln_files::installation::Installation;
pub use kiln_files::installation::{InstallRecord, InstalledFile, RECORD};
use kiln_files::platform::not_pinned;
use kiln_files::wheel::Wheel;

use crate::error::{Error, Result};
use crate::library::{self, Library, Pins, RuntimeWheel};
use crate::provider::Providers;

/// Installs a runtime wheel, or finds it installed and whole. `on_step` gets each step as one line of text.
///
/// # Errors
/// [`Error::Install`] with the cause: no pins for this platform, no Python, pip's own message, a wheel or
/// a file with other bytes than the pinned ones, a full disk.
pub fn install(wheel: RuntimeWheel, on_step: &mut dyn FnMut(&str)) -> Result<Library> {
    let pins =
        wheel.pins().ok_or_else(|| failed(wheel, not_pinned(&format!("`{wheel}` wheel"), &wheel.platforms())))?;
    let folder = library::wheel_dir(wheel)?;
    installation(pins, &folder).install(on_step).map_err(|reason| failed(wheel, reason))?;
    Library::installed(wheel).ok_or_else(|| failed(wheel, format!("{} did not appear", folder.display())))
}

pub(crate) fn installation<'a>(pins: &'a Pins, folder: &'a Path) -> Installation<'a> {
    let Pins { wheel, distribution, version, tag, wheel_sha256: sha256, .. } = *pins;
    Installation {
        name: wheel,
        wheel: Wheel { distribution, version, sha256, platform: Some(tag) },
        files: pins.files.iter().map(|file| file.pinned()).collect(),
        folder,
    }
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

fn failed(wheel: RuntimeWheel, reason: String) -> Error {
    Error::Install { wheel, reason }
}
