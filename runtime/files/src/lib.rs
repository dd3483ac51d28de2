//! File handling for all crates of Kiln: atomic writes ([`publish`]), digests ([`digest`]), the user's cache folder
//! ([`cache`]), files from pinned Python wheels ([`wheel`], [`installation`]) for each platform ([`platform`]), a check
//! before a shared library is loaded ([`shared_library`]), points in time ([`time`]), text that is safe to print ([`text`]),
//! reading of limited length ([`read_at_most`]), lines of a text ([`LineCounter`]), panics of libraries as errors ([`caught`]), and the cores and the memory that
//! the system grants the process ([`limits`]). The crate depends on neither tiles nor burn nor ONNX Runtime.
//!
//! ```
//! use kiln_files::publish;
//!
//! let folder = tempfile::tempdir()?;
//! let report = folder.path().join("report.json");
//! publish::write_file(&report, b"{}")?;
//! assert_eq!(kiln_files::digest::sha256_file(&report)?, kiln_files::digest::sha256_hex(b"{}"));
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod cache;
pub mod digest;
mod fault;
mod identity;
pub mod installation;
pub mod limits;
mod lines;
mod panics;
pub mod platform;
pub mod publish;
mod read;
pub mod shared_library;
pub mod text;
pub mod time;
pub mod wheel;

pub use digest::FileDigest;
pub use fault::Fault;
pub use identity::FileIdentity;
pub use lines::LineCounter;
pub use panics::{caught, is_of_library};
pub use platform::Platform;
pub use read::{read_at_most, read_head};
