//! Files as every crate of Kiln treats them: written whole or not at all ([`publish`]), named by what they hold
//! ([`digest`]), cached for the user ([`cache`]), taken out of pinned Python wheels ([`wheel`]), and described in text that
//! is safe to print ([`text`]). Nothing in this crate knows tiles, burn or ONNX Runtime.

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
pub mod publish;
pub mod text;
pub mod wheel;

pub use digest::FileDigest;
pub use fault::Fault;
pub use identity::FileIdentity;
