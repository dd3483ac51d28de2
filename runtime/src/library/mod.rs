//! ONNX Runtime libraries: where they are, which one serves the providers that were asked for, and loading one. The
//! order is what the user names, the user's cache, the system. A library from the cache is compared with its pinned
//! SHA-256 before every load, because a truncated one kills the process.

mod cache;
mod elf;
mod load;
mod package;
mod system;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result, chain};
use crate::provider::{ProviderKind, Providers};

pub use cache::{cache_dir, engines_dir};
pub(crate) use cache::{check_all, folder, installed, packages_dir};
pub(crate) use elf::check as check_elf;
pub use load::{Runtime, disable_telemetry, load};
pub use package::Package;
pub(crate) use package::{PinnedFile, Pins, Role};

/// Where a library was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "package")]
pub enum Origin {
    /// The user named it.
    Explicit,
    /// `kiln runtime install` put it into the user's cache.
    Cache(Package),
    /// It was on the machine.
    System,
}

/// An ONNX Runtime library on disk, not yet loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Library {
    /// The core library file.
    pub path: PathBuf,
    /// Version as far as it is known without loading it.
    pub version: Option<String>,
    /// Where it was found.
    pub origin: Origin,
}

impl Library {
    /// Finds out, without loading it, whether this library may be loaded: a cached one must have its pinned digests,
    /// another one must be a whole shared library.
    ///
    /// # Errors
    /// [`Error::DamagedPackage`], [`Error::Library`].
    pub fn check(&self) -> Result<()> {
        match self.origin {
            Origin::Cache(package) => cache::check(package, Role::Core),
            Origin::Explicit | Origin::System => {
                elf::check(&self.path).map_err(|reason| Error::Library { path: self.path.clone(), reason })
            }
        }
    }

    /// Checks the files that one provider adds, where they are pinned.
    pub(crate) fn check_provider(&self, provider: ProviderKind) -> Result<()> {
        match self.origin {
            Origin::Cache(package) => cache::check(package, Role::Provider(provider)),
            Origin::Explicit | Origin::System => Ok(()),
        }
    }
}

/// A library that was found, and whether it may be loaded.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The library.
    pub library: Library,
    /// Nothing, or the whole reason why it cannot be loaded. Digests are checked; nothing is loaded.
    pub status: std::result::Result<(), String>,
}

/// The library to use on the CPU: see [`find_for`].
///
/// # Errors
/// As [`find_for`].
pub fn find(explicit: Option<&Path>) -> Result<Library> {
    find_for(explicit, &Providers::default())
}

/// The library to use for `providers`: the one that the user names and no other; else the cached package of the first
/// listed provider that has one; else a cached package that has at least the CPU; else the system's. Whether it can do
/// what was asked is known once it is loaded, and said by [`crate::Session::open`].
///
/// # Errors
/// [`Error::NoLibrary`] with every place that was looked at, [`Error::Library`] if the user names a file that is not
/// there.
pub fn find_for(explicit: Option<&Path>, providers: &Providers) -> Result<Library> {
    if let Some(path) = explicit {
        return named(path);
    }
    let preferred = providers.kinds().filter_map(ProviderKind::package);
    let cached = preferred.chain(Package::ALL).find_map(installed);
    let Some(library) = cached.or_else(|| system::libraries().into_iter().next()) else {
        return Err(nothing(providers));
    };
    Ok(library)
}

/// Every library on this machine in search order, each with the reason if it cannot be loaded.
#[must_use]
pub fn candidates(explicit: Option<&Path>) -> Vec<Candidate> {
    let explicit = explicit.map(|path| {
        named(path).unwrap_or_else(|_| Library { path: path.to_owned(), version: None, origin: Origin::Explicit })
    });
    let all = explicit.into_iter().chain(Package::ALL.into_iter().filter_map(installed)).chain(system::libraries());
    let mut found: Vec<Candidate> = Vec::new();
    for library in all {
        if !found.iter().any(|known| known.library.path == library.path) {
            let status = library.check().map_err(|error| chain(&error));
            found.push(Candidate { library, status });
        }
    }
    found
}

fn named(path: &Path) -> Result<Library> {
    let absent = |reason| Error::Library { path: path.to_owned(), reason };
    // ort looks for relative paths beside the executable; a user means the working folder.
    let path = path.canonicalize().map_err(|error| absent(error.to_string()))?;
    // A cached library stays one when it is named: its digests are known and checked.
    let cached = Package::ALL.into_iter().filter_map(installed).find(|library| library.path == path);
    let version = system::version_in_name(&path);
    Ok(cached.unwrap_or(Library { path, version, origin: Origin::Explicit }))
}

fn nothing(providers: &Providers) -> Error {
    let mut searched: Vec<String> = vec!["--onnxruntime and ORT_DYLIB_PATH (not set)".to_owned()];
    searched.push(match packages_dir() {
        Ok(folder) => folder.display().to_string(),
        Err(error) => error.to_string(),
    });
    searched.extend(system::folders().iter().map(|folder| folder.display().to_string()));
    let package = providers.first().package().unwrap_or(Package::Cpu);
    Error::NoLibrary { searched, package }
}
