//! A library file on disk, before it is loaded.

use std::path::PathBuf;

use kiln_files::shared_library;
use serde::Serialize;

use super::cache;
use super::pins::Role;
use super::wheel::RuntimeWheel;
use crate::error::{Error, Result};

/// The place where a library was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "package")]
pub enum Origin {
    /// The user named it.
    Explicit,
    /// The user's cache: see [`crate::install`].
    Cache(RuntimeWheel),
    /// The system's library folders.
    System,
}

/// An ONNX Runtime library on disk, not yet loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Library {
    /// The core library file.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub path: PathBuf,
    /// Version, if the wheel or the file's name gives it.
    pub version: Option<String>,
    /// The place where it was found.
    pub origin: Origin,
}

impl Library {
    /// The library of an installed wheel; none if its folder has none. Digests are checked before it is loaded, not here.
    pub(crate) fn installed(wheel: RuntimeWheel) -> Option<Self> {
        let pins = wheel.pins()?;
        let folder = cache::wheel_dir(wheel).ok()?;
        let core = pins.files.iter().find(|file| file.role == Role::Core)?;
        // Relative cache folders become absolute: ort would look for them beside the executable.
        let path = folder.canonicalize().ok()?.join(core.name());
        let version = Some(pins.version.to_owned());
        path.symlink_metadata().is_ok().then_some(Self { path, version, origin: Origin::Cache(wheel) })
    }

    /// Checks, without loading the library, that it may be loaded: a cached one must have its pinned digests, another one
    /// must be a whole shared library.
    ///
    /// # Errors
    /// [`Error::DamagedWheel`], [`Error::Library`].
    pub fn check(&self) -> Result<()> {
        match self.origin {
            Origin::Cache(wheel) => cache::check(wheel, Role::Core),
            Origin::Explicit | Origin::System => {
                shared_library::check(&self.path).map_err(|reason| Error::Library { path: self.path.clone(), reason })
            }
        }
    }

    /// Checks the pinned files of one provider.
    pub(crate) fn check_provider(&self, provider: &'static str) -> Result<()> {
        match self.origin {
            Origin::Cache(wheel) => cache::check(wheel, Role::Provider(provider)),
            Origin::Explicit | Origin::System => Ok(()),
        }
    }
}
