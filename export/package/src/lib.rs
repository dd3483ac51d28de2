//! Packages a bundle for the servers that run ONNX: a model repository for Triton, the manifests that KServe applies, a
//! configuration for OpenVINO Model Server. What a server is told is compared with the graph that it will load before
//! anything is written, a version appears whole or not at all, and what lies there can be checked again at any time
//! ([`check`]). Starting and scaling servers is left to the servers; asking one whether it answers as the model did is
//! left to `kiln verify --endpoint`.
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

mod check;
mod element;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod graph;
mod kserve;
mod ovms;
mod package;
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/proto/mod.rs"));
}
mod readme;
mod repository;
mod request;
mod source;
mod triton;

pub use check::{CheckedModel, CheckedVersion, RepositoryReport, check};
pub use error::{Error, Result};
pub use package::{Packaged, PackagedModel, package};
pub use repository::RECORD;
pub use request::{Deployment, PackageRequest, Target};
