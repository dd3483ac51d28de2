//! Installs the pinned OpenSlide into the user's cache, with its licences.

use std::path::Path;

use kiln_files::platform::not_pinned;

use super::error::LibraryError;
use super::file::{LibraryFile, Origin, find};
use super::pins;

/// Installs OpenSlide, or finds it installed and whole. `on_step` gets each step as one line of text.
///
/// # Errors
/// [`LibraryError::Install`] with the cause: no pins for this platform, no Python, pip's own message, a wheel or a file
/// with other bytes than the pinned ones, a full disk.
pub fn install(on_step: &mut dyn FnMut(&str)) -> Result<LibraryFile, LibraryError> {
    let failed = |reason: String| LibraryError::Install { reason };
    let folder = pins::folder()
        .ok_or_else(|| failed("there is no home folder to hold the cache; set KILN_CACHE to a folder".to_owned()))?;
    let pins = pins::here().ok_or_else(|| failed(not_pinned("OpenSlide", &pins::platforms())))?;
    pins.installation(&folder).install(on_step).map_err(failed)?;
    LibraryFile::installed().ok_or_else(|| failed(format!("{} did not appear", folder.display())))
}

/// True if OpenSlide can be installed on the platform that this program was built for.
#[must_use]
pub fn is_pinned_here() -> bool {
    pins::here().is_some()
}

/// The library that [`find`] finds. If there is none at all, or the installed one is damaged, it is installed. For
/// demonstrations and tests.
///
/// # Errors
/// As [`install`] and [`find`].
pub fn find_or_install(explicit: Option<&Path>, on_step: &mut dyn FnMut(&str)) -> Result<LibraryFile, LibraryError> {
    match find(explicit) {
        Ok(library) if library.check().is_ok() => Ok(library),
        Err(LibraryError::NotFound { .. }) | Ok(LibraryFile { origin: Origin::Cache, .. }) => install(on_step),
        found => found,
    }
}
