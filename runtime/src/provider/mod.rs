//! Execution providers by the names that users type. A requested provider runs or is an error; only a list written by the
//! user allows a fallback. `table.rs` has one row a provider; each provider, or family of providers, has one file with
//! its options and its registration. The providers of a loaded library are in [`crate::library::Runtime`];
//! [`crate::session::probe()`] finds out which of them run on this machine.
//!
//! ```
//! use kiln_runtime::Providers;
//!
//! let options = ["cuda.device_id=1".to_owned()];
//! let providers = Providers::from_arguments("cuda,cpu", &options)?;
//! assert_eq!(providers.to_string(), "cuda,cpu");
//! let error = Providers::from_arguments("cuda", &["cuda.devise_id=1".to_owned()]).unwrap_err();
//! assert!(error.to_string().contains("did you mean `device_id`?"));
//! # Ok::<(), kiln_runtime::Error>(())
//! ```

mod compiled;
mod configured;
mod cpu;
mod cuda;
mod family;
mod gpu;
mod list;
mod openvino;
mod option;
mod passed_through;
mod plugin;
mod plugin_library;
mod shape_profile;
mod table;
mod tensorrt;
mod written;

pub use gpu::{nvidia_driver, nvidia_gpus};
pub use list::{Provider, Providers};
pub use option::OptionDoc;
pub use shape_profile::ShapeProfile;
pub use table::ProviderKind;

pub(crate) use compiled::{CompiledGraphs, CompiledIdentity};
pub(crate) use configured::{BoundMemory, Memory, SessionSetup};
pub(crate) use plugin_library::with_cpu;
pub(crate) use table::user_name;
