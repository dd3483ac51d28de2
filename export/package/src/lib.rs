//! Packages a bundle for the servers that run ONNX: a model repository for Triton, the manifests that KServe applies, a
//! configuration for OpenVINO Model Server. A server's configuration is compared with the graph that it will load before
//! anything is written, a version appears whole or not at all, and a server package can be checked at any time
//! ([`check`]). Starting and scaling servers is left to the servers; comparing a server's answers with the model's is left
//! to `kiln_runtime::endpoint`.
//!
//! ```no_run
//! use kiln_package::{PackageRequest, Target, package};
//!
//! let request = PackageRequest::new("bundle".into(), "models".into(), Target::Triton);
//! let packaged = package(&request)?;
//! for model in &packaged.models {
//!     println!("{} version {}: {}", model.model, model.version, model.path.display());
//! }
//! # Ok::<(), kiln_package::Error>(())
//! ```
//!
//! # A new server
//!
//! Three files, all in this crate; the command line lists its targets from [`Target::ALL`]:
//!
//! 1. `server/NAME.rs`, new: a type that implements the trait `Server`. `server/ovms.rs` is the shortest example.
//! 2. `server/mod.rs`: declare the module, and add its type to `for_target`.
//! 3. `target.rs`: a variant of [`Target`], its name in [`Target::ALL`], and its models' folder.

mod check;
mod element;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod graph;
mod package;
mod plan;
mod readme;
mod repository;
mod request;
mod server;
mod source;
mod target;

pub use check::{CheckedModel, CheckedVersion, RepositoryReport, check};
pub use error::{Error, Result};
pub use package::{Packaged, PackagedModel, package};
pub use repository::RECORD;
pub use request::{Deployment, PackageRequest};
pub use target::Target;
