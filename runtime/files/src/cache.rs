//! The user's cache folder, for data that is expensive to download or recompute.

use std::env;
use std::path::PathBuf;

use directories::BaseDirs;

/// Returns `$KILN_CACHE`, else `kiln` in the user's cache folder; `None` if the user has no home folder. The folder may
/// not exist yet.
///
/// ```
/// if let Some(cache) = kiln_files::cache::dir() {
///     println!("cached weights: {}", cache.join("weights").display());
/// }
/// ```
#[must_use]
pub fn dir() -> Option<PathBuf> {
    match env::var_os("KILN_CACHE") {
        Some(folder) if !folder.is_empty() => Some(PathBuf::from(folder)),
        _ => BaseDirs::new().map(|base| base.cache_dir().join("kiln")),
    }
}
