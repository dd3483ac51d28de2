//! The user's cache folder: what can be fetched or computed again, and is dear to.

use std::env;
use std::path::PathBuf;

use directories::BaseDirs;

/// `$KILN_CACHE`, else `kiln` in the user's cache folder; `None` if the user has no home folder. It need not exist.
#[must_use]
pub fn dir() -> Option<PathBuf> {
    match env::var_os("KILN_CACHE") {
        Some(folder) if !folder.is_empty() => Some(PathBuf::from(folder)),
        _ => BaseDirs::new().map(|base| base.cache_dir().join("kiln")),
    }
}
