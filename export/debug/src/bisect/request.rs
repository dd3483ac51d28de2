//! The request of a bisection.

use std::path::PathBuf;

use kiln_files::publish::can_be_replaced;

use super::folder::SCRIPT;
use crate::error::{DebugError, Result};

/// The request of a bisection.
#[derive(Debug, Clone)]
pub struct BisectRequest {
    /// The folder to write; it appears whole or not at all.
    pub out: PathBuf,
    /// Replaces the folder of an earlier bisection.
    pub replace: bool,
    /// The value to bisect instead of the first divergence.
    pub value: Option<String>,
}

impl BisectRequest {
    /// Refuses a target before any work is done.
    ///
    /// # Errors
    /// [`DebugError::Exists`] without `replace`; [`DebugError::NotABisection`] for a folder that a bisection has not
    /// written, which is never replaced; [`DebugError::Io`] for a write-protected one.
    pub fn check_target(&self) -> Result<()> {
        let path = &self.out;
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        match (self.replace, path.join(SCRIPT).is_file()) {
            (true, true) => can_be_replaced(path).map_err(DebugError::io(path)),
            (true, false) => Err(DebugError::NotABisection { path: path.clone() }),
            (false, _) => Err(DebugError::Exists { path: path.clone() }),
        }
    }
}
