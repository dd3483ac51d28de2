//! The error of a side that another process was asked for.

use kiln_files::Fault;

/// A side whose process failed; the exit status is that of the process.
#[derive(Debug, thiserror::Error)]
#[error("{side}: {reason}")]
pub(crate) struct Unanswered {
    pub(crate) side: String,
    pub(crate) reason: String,
    pub(crate) fault: Fault,
}
