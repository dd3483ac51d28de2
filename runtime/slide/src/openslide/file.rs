//! The file of an OpenSlide library, before it is loaded, and the search for it.

use std::path::{Path, PathBuf};

use kiln_files::installation::DamagedFile;
use kiln_files::shared_library;
use serde::Serialize;

use super::error::LibraryError;
use super::pins;

/// The place where a library was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The user named it.
    Explicit,
    /// The user's cache: see [`super::install`].
    Cache,
    /// The system's library folders.
    System,
}

/// An OpenSlide library on disk, not yet loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LibraryFile {
    /// The library file.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub path: PathBuf,
    /// The place where it was found.
    pub origin: Origin,
}

/// A library that was found, and whether it may be loaded.
#[derive(Debug)]
pub struct Candidate {
    /// The library.
    pub library: LibraryFile,
    /// Nothing, or the reason why it cannot be loaded. Digests are checked; nothing is loaded.
    pub status: Result<(), LibraryError>,
}

impl LibraryFile {
    /// The installed library, if it is there. Its digest is checked before it is loaded, not here.
    pub(super) fn installed() -> Option<Self> {
        let path = pins::folder()?.canonicalize().ok()?.join(pins::here()?.library.name);
        path.symlink_metadata().is_ok().then_some(Self { path, origin: Origin::Cache })
    }

    /// Checks, without loading the library, that it may be loaded: an installed one must have its pinned digest, another one
    /// must be a whole shared library. The loader dies of a truncated one.
    ///
    /// # Errors
    /// [`LibraryError::Damaged`], [`LibraryError::Unusable`].
    pub fn check(&self) -> Result<(), LibraryError> {
        let unusable = |reason| LibraryError::Unusable { path: self.path.clone(), reason };
        match self.origin {
            Origin::Cache => {
                let folder = self.path.parent().ok_or_else(|| unusable("it is in no folder".to_owned()))?;
                let damaged = |DamagedFile { path, reason }| LibraryError::Damaged { path, reason };
                let pins = pins::here().ok_or_else(|| unusable("it is pinned on another platform".to_owned()))?;
                pins.library.check(folder).map_err(damaged)
            }
            Origin::Explicit | Origin::System => shared_library::check(&self.path).map_err(unusable),
        }
    }
}

/// The library to use: the one that the user names and no other, else the installed one, else the system's.
///
/// # Errors
/// [`LibraryError::NotFound`] with every place of the search, [`LibraryError::Unusable`] if the named file is not there.
pub fn find(explicit: Option<&Path>) -> Result<LibraryFile, LibraryError> {
    match explicit {
        Some(path) => named(path),
        None => LibraryFile::installed().or_else(|| system().next()).ok_or_else(nothing),
    }
}

/// Every library on this machine in the order of [`find`].
#[must_use]
pub fn candidates(explicit: Option<&Path>) -> Vec<Candidate> {
    let explicit = explicit
        .map(|path| named(path).unwrap_or_else(|_| LibraryFile { path: path.to_owned(), origin: Origin::Explicit }));
    let mut found: Vec<Candidate> = Vec::new();
    for library in explicit.into_iter().chain(LibraryFile::installed()).chain(system()) {
        if !found.iter().any(|known| known.library.path == library.path) {
            let status = library.check();
            found.push(Candidate { library, status });
        }
    }
    found
}

fn named(path: &Path) -> Result<LibraryFile, LibraryError> {
    let absent = |error: std::io::Error| LibraryError::Unusable { path: path.to_owned(), reason: error.to_string() };
    // The loader searches its own folders for a name without a slash; a user means the working folder.
    let path = path.canonicalize().map_err(absent)?;
    // An installed library stays one when it is named: its digest is known and checked.
    let installed = LibraryFile::installed().filter(|library| library.path == path);
    Ok(installed.unwrap_or(LibraryFile { path, origin: Origin::Explicit }))
}

fn nothing() -> LibraryError {
    let cache = pins::folder().map(|folder| folder.display().to_string());
    let mut searched = vec![cache.unwrap_or_else(|| "no cache, because there is no home folder".to_owned())];
    searched.extend(shared_library::search_folders().into_iter().map(|folder| folder.display().to_string()));
    LibraryError::NotFound { searched }
}

/// The file name of OpenSlide 4 on this system.
const NAME: &str = if cfg!(target_os = "macos") {
    "libopenslide.1.dylib"
} else if cfg!(windows) {
    "libopenslide-1.dll"
} else {
    "libopenslide.so.1"
};

fn system() -> impl Iterator<Item = LibraryFile> {
    let paths = shared_library::search_folders().into_iter().filter_map(|folder| folder.join(NAME).canonicalize().ok());
    paths.map(|path| LibraryFile { path, origin: Origin::System })
}
