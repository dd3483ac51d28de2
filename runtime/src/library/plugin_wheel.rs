//! The plugin wheels: execution providers in libraries of their own, which any ONNX Runtime of the right version loads beside
//! it. Their digests are in `pins`, for each platform.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kiln_files::installation::DamagedFile;
use kiln_files::platform::{Platform, not_pinned};
use serde::Serialize;

use super::cache::wheels_dir;
use super::pins::{self, Pins, Role};
use super::wheel::UnknownWheel;
use crate::error::Result;

/// An execution provider that is installed from a Python wheel of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum PluginWheel {
    /// WebGPU through Dawn: 5 to 14 MB to fetch.
    #[serde(rename = "webgpu")]
    WebGpu,
    /// OpenVINO for Intel CPUs, GPUs and NPUs: 53 MB to fetch, 76 MB for Windows.
    #[serde(rename = "openvino-plugin")]
    OpenVino,
    /// TensorRT for RTX: 146 MB to fetch, 111 MB for Windows.
    #[serde(rename = "tensorrt-rtx")]
    TensorRtRtx,
}

/// A plugin wheel that is missing, damaged or cannot be installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginWheelError {
    /// It is not installed.
    #[error("the plugin `{wheel}` is not installed, and the loaded ONNX Runtime was built without this provider")]
    NotInstalled {
        /// The wheel.
        wheel: PluginWheel,
    },
    /// A file of it has changed.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The wheel.
        wheel: PluginWheel,
        /// The file.
        path: PathBuf,
        /// The values found and expected.
        reason: String,
    },
    /// It could not be installed.
    #[error("the plugin `{wheel}` cannot be installed: {reason}")]
    Install {
        /// The wheel.
        wheel: PluginWheel,
        /// The cause.
        reason: String,
    },
}

impl PluginWheelError {
    /// The wheel.
    #[must_use]
    pub fn wheel(&self) -> PluginWheel {
        match self {
            Self::NotInstalled { wheel } | Self::Damaged { wheel, .. } | Self::Install { wheel, .. } => *wheel,
        }
    }
}

impl PluginWheel {
    /// Every plugin wheel.
    pub const ALL: [Self; 3] = [Self::WebGpu, Self::OpenVino, Self::TensorRtRtx];

    /// The name that users type, for the wheel and for its provider.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WebGpu => "webgpu",
            Self::OpenVino => "openvino-plugin",
            Self::TensorRtRtx => "tensorrt-rtx",
        }
    }

    /// The provider's name in ONNX Runtime.
    pub(crate) fn onnx_name(self) -> &'static str {
        match self {
            Self::WebGpu => "WebGpuExecutionProvider",
            Self::OpenVino => "OpenVINOExecutionProvider",
            Self::TensorRtRtx => "NvTensorRTRTXExecutionProvider",
        }
    }

    /// The libraries to load before the plugin, in order, by the beginnings of their names: the loader would search the
    /// system's folders for them and not the plugin's.
    fn preloaded(self) -> &'static [&'static str] {
        match self {
            Self::TensorRtRtx => {
                &["libcudart.", "cudart64", "libtensorrt_rtx.", "tensorrt_rtx", "libtensorrt_onnx", "tensorrt_onnx"]
            }
            Self::WebGpu | Self::OpenVino => &[],
        }
    }

    /// The platforms for which the wheel is pinned.
    #[must_use]
    pub fn platforms(self) -> Vec<Platform> {
        Platform::ALL.into_iter().filter(|platform| pins::find(self.name(), *platform).is_some()).collect()
    }

    /// True if the wheel can be installed on the platform that this program was built for.
    #[must_use]
    pub fn is_pinned_here(self) -> bool {
        self.pins().is_some()
    }

    fn pins(self) -> Option<&'static Pins> {
        pins::find(self.name(), Platform::here()?)
    }

    /// The plugin's library in the cache; none if it is not installed. Its digest is checked before it is loaded, not here.
    #[must_use]
    pub fn installed(self) -> Option<PathBuf> {
        let pins = self.pins()?;
        let path = self.folder(pins).ok()?.canonicalize().ok()?.join(pins.files.first()?.name());
        path.is_file().then_some(path)
    }

    /// Version of the wheel for this platform; none if it is not pinned here.
    #[must_use]
    pub fn version(self) -> Option<&'static str> {
        Some(self.pins()?.version)
    }

    /// Compares every installed library with its pin.
    ///
    /// # Errors
    /// [`PluginWheelError::NotInstalled`], [`PluginWheelError::Damaged`].
    pub fn check(self) -> std::result::Result<(), PluginWheelError> {
        let wheel = self;
        let missing = || PluginWheelError::NotInstalled { wheel };
        let (pins, path) = (self.pins().ok_or_else(missing)?, self.installed().ok_or_else(missing)?);
        let folder = path.parent().ok_or_else(missing)?;
        let damaged = |DamagedFile { path, reason }| PluginWheelError::Damaged { wheel, path, reason };
        let libraries = pins.files.iter().filter(|file| file.role == Role::Plugin);
        libraries.map(|file| file.pinned()).try_for_each(|file| file.check(folder)).map_err(damaged)
    }

    /// The paths of the libraries to load before the plugin, in order.
    pub(crate) fn preload(self, plugin: &Path) -> Vec<PathBuf> {
        let Some((pins, folder)) = self.pins().zip(plugin.parent()) else { return Vec::new() };
        let names = self.preloaded().iter();
        let libraries = || pins.files.iter().filter(|file| file.role == Role::Plugin);
        let files = names.filter_map(|name| libraries().find(|file| file.name().starts_with(name)));
        files.map(|file| folder.join(file.name())).collect()
    }

    /// Installs the plugin, or finds it installed and whole, and returns its library. `on_step` gets each step as one line
    /// of text.
    ///
    /// # Errors
    /// [`crate::Error::PluginWheel`] with the cause: no pins for this platform, no Python, pip's own message, other bytes
    /// than the pinned ones, a full disk.
    pub fn install(self, on_step: &mut dyn FnMut(&str)) -> Result<PathBuf> {
        let failed = |reason| PluginWheelError::Install { wheel: self, reason };
        let none = || failed(not_pinned(&format!("`{self}` plugin"), &self.platforms()));
        let pins = self.pins().ok_or_else(none)?;
        let folder = self.folder(pins)?;
        crate::install::installation(pins, &folder).install(on_step).map_err(failed)?;
        Ok(self.installed().ok_or_else(|| failed(format!("{} did not appear", folder.display())))?)
    }

    fn folder(self, pins: &Pins) -> Result<PathBuf> {
        Ok(wheels_dir()?.join(format!("{self}-{}", pins.version)))
    }
}

impl fmt::Display for PluginWheel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for PluginWheel {
    type Err = UnknownWheel;

    fn from_str(name: &str) -> std::result::Result<Self, UnknownWheel> {
        let known = Self::ALL.into_iter().find(|wheel| wheel.name() == name);
        known.ok_or_else(|| UnknownWheel { name: name.to_owned() })
    }
}
