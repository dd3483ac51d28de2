//! Scores tiles through ONNX Runtime: a [`Bundle`] and a library that was found and checked ([`library`], [`install`])
//! become a [`Session`] on the execution provider that the user named, and on no other. Never depends on burn: this
//! crate alone is what an edge machine needs.
//!
//! Cargo features, all off by default: `endpoint` (model servers as scorers), `bench` (latency and throughput), `parquet`
//! (result files in Apache Parquet), `sign` (signed bundles).
//!
//! ```no_run
//! use kiln_runtime::{Bundle, Providers, Session, SessionOptions, library};
//!
//! fn main() -> kiln_runtime::Result<()> {
//!     let bundle = Bundle::open("bundle".as_ref())?;
//!     let providers: Providers = "openvino,cpu".parse()?;
//!     let runtime = library::load(&library::find_for(None, &providers)?)?;
//!     let options = SessionOptions { providers, ..SessionOptions::default() };
//!     let mut session = Session::open(runtime, &bundle.model_path("fp32")?, &options)?;
//!     let pixels = vec![0; kiln_tile::TILE_BYTES];
//!     let scores = &session.run(&pixels, 1)?.arrays["score"];
//!     println!("{scores} on {}", session.provider());
//!     Ok(())
//! }
//! ```

#[cfg(feature = "bench")]
pub mod bench;
pub mod bundle;
pub mod decision;
#[cfg(feature = "endpoint")]
pub mod endpoint;
mod error;
#[doc(hidden)]
pub mod fuzzing;
pub mod golden;
mod graph_spec;
pub mod install;
pub mod library;
pub mod npz;
pub mod parity;
pub mod proc;
pub mod provider;
pub mod score;
pub mod scorer;
#[cfg(any(feature = "bench", feature = "endpoint"))]
mod server_times;
pub mod session;
pub mod watch;

pub use bundle::{Bundle, Manifest};
pub use decision::DecisionRule;
pub use error::{Error, Result, chain};
pub use graph_spec::{GraphSpec, GraphSpecError};
pub use library::{Library, Origin, PluginWheel, Runtime, RuntimeWheel};
pub use provider::{ProviderKind, Providers};
pub use scorer::Scorer;
pub use session::{Array, Optimisation, Outputs, Session, SessionOptions};
