//! Tiles that arrive in a folder while a process runs, as scanners leave them: [`FolderWatch`] finds finished files, scores
//! each content once by the pipeline of [`score::run`](crate::score::run), and adds the rows to a result file that grows
//! ([`Journal`](crate::score::Journal)). [`Status`] is the file by which other programs see the state of the process.
//!
//! The folder is searched again and again, because network shares report no changes. When to search, and when to stop, is
//! left to the caller.

mod arrivals;
mod folder;
mod known;
mod source;
mod status;

pub use arrivals::Waiting;
pub use folder::{FolderWatch, Outcome, Round};
pub use status::{Failure, State, Status};
