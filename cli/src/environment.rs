//! Paths in environment variables.

use std::path::PathBuf;

/// Returns an environment variable. An empty one counts as unset, as `VARIABLE= kiln …` intends; clap's own support for
/// variables would take it as an empty value.
pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
