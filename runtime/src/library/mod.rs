//! ONNX Runtime libraries: finding the one for the requested providers and loading it. The order of the search is in
//! [`find_for`]. A library from the cache is compared with its pinned SHA-256 before every load, because a truncated one
//! kills the process.

mod built;
mod cache;
mod device;
mod file;
mod find;
mod load;
mod pins;
mod plugin_wheel;
mod system;
mod wheel;

pub(crate) use cache::wheel_dir;
pub use cache::{cache_dir, compiled_dir};
pub use device::ProviderDevice;
pub use file::{Library, Origin};
pub use find::{Candidate, candidates, find, find_for};
pub use load::{Runtime, disable_telemetry, load};
pub(crate) use pins::Pins;
pub use plugin_wheel::{PluginWheel, PluginWheelError};
pub use wheel::{RuntimeWheel, UnknownWheel};
