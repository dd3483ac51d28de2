//! The runtime wheels: the official ONNX Runtime wheels that can be installed, by the names that users type. Their digests
//! are in `pins`, for each platform.

use std::fmt;
use std::str::FromStr;

use kiln_files::platform::Platform;
use serde::{Deserialize, Serialize};

use super::pins::{self, Pins};

/// An official build of ONNX Runtime, installed from a Python wheel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeWheel {
    /// The CPU, on macOS also Core ML: 15 to 24 MB to fetch.
    Cpu,
    /// OpenVINO and the CPU: 84 MB to fetch.
    Openvino,
    /// CUDA, TensorRT and the CPU: 256 MB to fetch, 168 MB for Windows.
    Cuda,
}

impl RuntimeWheel {
    /// Every wheel.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Openvino, Self::Cuda];

    /// The name that users type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Openvino => "openvino",
            Self::Cuda => "cuda",
        }
    }

    /// The names of its providers on this system, in ONNX Runtime's order of preference.
    #[must_use]
    pub fn providers(self) -> &'static [&'static str] {
        self.providers_on(std::env::consts::OS)
    }

    /// The names of its providers on a system, which is named as in [`std::env::consts::OS`].
    pub(crate) fn providers_on(self, os: &str) -> &'static [&'static str] {
        match self {
            Self::Cpu if os == "macos" => &["coreml", "cpu"],
            Self::Cpu => &["cpu"],
            Self::Openvino => &["openvino", "cpu"],
            Self::Cuda => &["tensorrt", "cuda", "cpu"],
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

    /// The pins for the platform that this program was built for, if it has pins.
    pub(crate) fn pins(self) -> Option<&'static Pins> {
        pins::find(self.name(), Platform::here()?)
    }
}

impl fmt::Display for RuntimeWheel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no runtime wheel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown ONNX Runtime wheel `{name}`; known are: cpu, openvino, cuda")]
pub struct UnknownWheel {
    /// The name as the user wrote it.
    pub name: String,
}

impl FromStr for RuntimeWheel {
    type Err = UnknownWheel;

    fn from_str(name: &str) -> Result<Self, UnknownWheel> {
        let known = Self::ALL.into_iter().find(|wheel| wheel.name() == name);
        known.ok_or_else(|| UnknownWheel { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_wheel_is_an_error_that_names_the_known_ones() {
        let error = "gpu".parse::<RuntimeWheel>().map_err(|error| error.to_string());
        assert_eq!(error, Err("unknown ONNX Runtime wheel `gpu`; known are: cpu, openvino, cuda".to_owned()));
    }
}
