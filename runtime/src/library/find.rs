//! The search for a library. Its order is in [`find_for`]; everything that looks for a library goes through this file.

use std::iter;
use std::path::Path;

use super::cache::wheels_dir;
use super::file::{Library, Origin};
use super::system;
use super::wheel::RuntimeWheel;
use crate::error::{Error, Result, chain};
use crate::provider::{ProviderKind, Providers};

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

/// The library to use for `providers`. The order of the search:
///
/// 1. the library that the user names, and no other;
/// 2. the installed wheel of the first listed provider that has one, then any installed wheel;
/// 3. the system's libraries.
///
/// [`crate::Session::open`] reports providers that the library lacks.
///
/// ```
/// use kiln_runtime::{Error, Providers, library};
///
/// match library::find_for(None, &Providers::default()) {
///     Ok(library) => println!("{}", library.path.display()),
///     Err(Error::NoLibrary { searched, .. }) => println!("none in {searched:?}"),
///     Err(error) => return Err(error),
/// }
/// # Ok::<(), kiln_runtime::Error>(())
/// ```
///
/// # Errors
/// [`Error::NoLibrary`] with every place of the search, [`Error::Library`] if the user names a file that is not there.
pub fn find_for(explicit: Option<&Path>, providers: &Providers) -> Result<Library> {
    match explicit {
        Some(path) => named(path),
        None => unnamed(providers).next().ok_or_else(|| nothing(providers)),
    }
}

/// Every library on this machine in the order of [`find_for`], each with the reason if it cannot be loaded.
#[must_use]
pub fn candidates(explicit: Option<&Path>) -> Vec<Candidate> {
    let explicit = explicit.map(|path| {
        named(path).unwrap_or_else(|_| Library { path: path.to_owned(), version: None, origin: Origin::Explicit })
    });
    let mut found: Vec<Candidate> = Vec::new();
    for library in explicit.into_iter().chain(unnamed(&Providers::default())) {
        if !found.iter().any(|known| known.library.path == library.path) {
            let status = library.check().map_err(|error| chain(&error));
            found.push(Candidate { library, status });
        }
    }
    found
}

/// The libraries that are there without being named, in the order of the search.
fn unnamed(providers: &Providers) -> impl Iterator<Item = Library> {
    let wheels = providers.kinds().filter_map(ProviderKind::wheel).chain(RuntimeWheel::ALL);
    wheels.filter_map(Library::installed).chain(iter::once_with(system::libraries).flatten())
}

fn named(path: &Path) -> Result<Library> {
    let absent = |reason| Error::Library { path: path.to_owned(), reason };
    // ort looks for relative paths beside the executable; a user means the working folder.
    let path = path.canonicalize().map_err(|error| absent(error.to_string()))?;
    // A cached library stays one when it is named: its digests are known and checked.
    let cached = RuntimeWheel::ALL.into_iter().filter_map(Library::installed).find(|library| library.path == path);
    let version = system::version_in_name(&path);
    Ok(cached.unwrap_or(Library { path, version, origin: Origin::Explicit }))
}

fn nothing(providers: &Providers) -> Error {
    let mut searched: Vec<String> = vec![match wheels_dir() {
        Ok(folder) => folder.display().to_string(),
        Err(error) => error.to_string(),
    }];
    searched.extend(system::folders().iter().map(|folder| folder.display().to_string()));
    let wheel = providers.first().wheel().unwrap_or(RuntimeWheel::Cpu);
    Error::NoLibrary { searched, wheel }
}
