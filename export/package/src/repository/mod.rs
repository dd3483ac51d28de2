//! Versions of a model in `<model>/<version>/`, which Triton and OpenVINO Model Server may read while Kiln writes. A version
//! appears by one rename and never changes afterwards; its record holds the digest of every file.

mod folder;
mod record;

pub(crate) use folder::{LAST_VERSION, Locked, ModelFolder, next_version, versions};
pub use record::RECORD;
pub(crate) use record::{Origin, Record, SCHEMA, entry, json, write_json};
