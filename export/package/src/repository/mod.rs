//! Where versions of a model lie: `<model>/<version>/`, as Triton and OpenVINO Model Server read them while Kiln writes.
//! A version appears by one rename and never changes afterwards; a record inside it holds the digest of every file.

mod folder;
mod record;

pub(crate) use folder::{ModelFolder, versions};
pub use record::RECORD;
pub(crate) use record::{Origin, Record, SCHEMA, entry};
