//! OpenSlide: the file of the library ([`find`], [`install`]), the loaded library ([`Library`]) and open slides. Kiln loads it
//! with `dlopen` and links nothing, so programs without slides need no OpenSlide. Its licence is LGPL-2.1; an installed
//! library is beside its licences.

mod ahead;
mod api;
mod error;
mod file;
mod grid;
mod handle;
mod header;
mod install;
mod library;
mod pins;
mod pixels;
mod recover;
mod shared;

pub use error::LibraryError;
pub use file::{Candidate, LibraryFile, Origin, candidates, find};
pub(crate) use header::Header;
pub use install::{find_or_install, install, is_pinned_here};
pub use library::{DEFAULT_CACHE_BYTES, Library};
pub(crate) use shared::SharedHandle;
