//! Environment variables: their names and values.

use std::path::PathBuf;

/// The password of a private key.
#[cfg(feature = "sign")]
pub(crate) const PASSWORD: &str = "KILN_KEY_PASSWORD";

/// Returns the path in an environment variable. An empty one counts as unset, as `VARIABLE= kiln …` intends; clap's own support for
/// variables would take it as an empty value.
pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
