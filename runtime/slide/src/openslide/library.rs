//! A loaded OpenSlide and the tile cache that all its slides share.

use std::ffi::{CStr, c_char};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use super::api::{Api, Cache, open_library};
use super::error::LibraryError;
use super::file::{LibraryFile, Origin};

/// Capacity of the tile cache unless the caller chooses another: 64 MiB, which hold 64 decoded tiles of 512 x 512 pixels. It
/// bounds the decoded tiles of all open slides together.
pub const DEFAULT_CACHE_BYTES: usize = 64 << 20;

/// The oldest version without known vulnerabilities.
const OLDEST: [u32; 3] = [4, 0, 1];

/// A loaded OpenSlide. Clones share it and its tile cache.
#[derive(Debug, Clone)]
pub struct Library(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    file: LibraryFile,
    version: String,
    api: Api,
    cache: NonNull<Cache>,
    cache_bytes: usize,
}

// SAFETY: OpenSlide's caches are locked inside; the function pointers are constants.
unsafe impl Send for Loaded {}
// SAFETY: as above.
unsafe impl Sync for Loaded {}

impl Library {
    /// Loads a library. Its slides share one cache of decoded tiles of `cache_bytes`; 0 keeps no tiles.
    ///
    /// # Errors
    /// [`LibraryError::Damaged`] if an installed file has changed, [`LibraryError::Unusable`] with the loader's reason,
    /// [`LibraryError::Vulnerable`] below version 4.0.1.
    pub fn load(file: &LibraryFile, cache_bytes: usize) -> Result<Self, LibraryError> {
        file.check()?;
        let unusable = |reason| LibraryError::Unusable { path: file.path.clone(), reason };
        let version = {
            // SAFETY: the user chose this library, or its digest is the pinned one.
            unsafe { version(&file.path) }.map_err(unusable)?
        };
        if !is_safe(&version) {
            return Err(LibraryError::Vulnerable { path: file.path.clone(), version });
        }
        // SAFETY: it is an OpenSlide, by its version.
        let api = unsafe { Api::load(&file.path) }.map_err(unusable)?;
        // SAFETY: takes a number and returns a new cache.
        let cache = NonNull::new(unsafe { (api.cache_create)(cache_bytes) });
        let cache = cache.ok_or_else(|| unusable("it made no tile cache".to_owned()))?;
        Ok(Self(Arc::new(Loaded { file: file.clone(), version, api, cache, cache_bytes })))
    }

    /// The library file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.file.path
    }

    /// The place where the library was found.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.0.file.origin
    }

    /// OpenSlide's own version, such as `4.0.1`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.version
    }

    pub(super) fn api(&self) -> &Api {
        &self.0.api
    }

    /// Capacity of the cache in bytes.
    pub(super) fn cache_bytes(&self) -> usize {
        self.0.cache_bytes
    }

    pub(super) fn cache(&self) -> NonNull<Cache> {
        self.0.cache
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: the cache was made by this library, and nothing uses it after this.
        unsafe { (self.api.cache_release)(self.cache.as_ptr()) };
    }
}

/// Loads the library and reads its version alone: an old one lacks functions of [`Api`], and its version is the better
/// reason.
///
/// # Safety
/// The file must be a library whose initialisers may run.
unsafe fn version(path: &Path) -> Result<String, String> {
    // SAFETY: passed on to the caller.
    let library = unsafe { open_library(path) }?;
    // SAFETY: every OpenSlide since 3.3 exports this function with this signature.
    let symbol = unsafe { library.get::<unsafe extern "C" fn() -> *const c_char>(b"openslide_get_version") }
        .map_err(|_| "it does not export openslide_get_version".to_owned())?;
    // SAFETY: takes nothing and returns a static string.
    let text = unsafe { symbol() };
    if text.is_null() {
        return Err("it has no version".to_owned());
    }
    // SAFETY: not null, NUL-terminated and static.
    Ok(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// True for 4.0.1 and later. A suffix such as `4.0.1-g1234` is a build of that version.
fn is_safe(version: &str) -> bool {
    let number = |part: &str| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..digits].parse::<u32>().ok()
    };
    let mut parts = version.split('.').map(number);
    let mut next = || parts.next().flatten();
    match (next(), next(), next()) {
        (Some(major), Some(minor), patch) => [major, minor, patch.unwrap_or(0)] >= OLDEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_4_0_1_are_refused() {
        for version in ["3.4.1", "4.0.0", "4.0", "4", "", "x", "4.x.1", "99999999999.0.0"] {
            assert!(!is_safe(version), "{version}");
        }
        for version in ["4.0.1", "4.0.1-g12ab", "4.0.2", "4.1.0", "4.1", "5.0.0", "10.0.0"] {
            assert!(is_safe(version), "{version}");
        }
    }
}
