//! The device of a training.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
#[cfg(feature = "wgpu")]
use burn::tensor::DeviceKind;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::value::config_error;
use crate::Result;

/// The device of a training: `flex`, `cuda` or `cuda:N`, `wgpu` or `wgpu:N`, `tch`, `tch-cuda` or `tch-cuda:N`. Evaluation, export and
/// everything else in Kiln use flex, regardless of the device that trained a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(into = "String")]
pub enum TrainingDevice {
    /// The processor, with burn's own kernels: the same seed gives the same weights.
    #[default]
    Flex,
    /// The NVIDIA GPU of this number, with burn's kernels (CubeCL). Needs a build with `--features cuda`.
    Cuda(usize),
    /// A GPU through Vulkan, Metal or DirectX 12, with burn's kernels (CubeCL): the discrete GPU of this number, or the one
    /// that wgpu prefers, which may be a software renderer. Needs a build with `--features wgpu`.
    Wgpu(Option<usize>),
    /// The processor, with LibTorch. Needs a build with `--features tch`.
    Tch,
    /// The NVIDIA GPU of this number, with LibTorch. Needs a build with `--features tch`.
    TchCuda(usize),
}

impl TrainingDevice {
    /// The device, without automatic differentiation.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) if this build has no such device.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "cuda")]
            Self::Cuda(number) => Ok(Device::cuda(number)),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(number) => Ok(Device::wgpu(number.map_or(DeviceKind::DefaultDevice, DeviceKind::DiscreteGpu))),
            // Deprecated by burn in favour of its own kernels; kept for users of LibTorch.
            #[cfg(feature = "tch")]
            #[allow(deprecated)]
            Self::Tch => Ok(Device::libtorch()),
            #[cfg(feature = "tch")]
            #[allow(deprecated)]
            Self::TchCuda(number) => Ok(Device::libtorch_cuda(number)),
            #[allow(unreachable_patterns)]
            missing => Err(config_error("training.device", missing.not_built())),
        }
    }

    /// The error of a build without the device.
    fn not_built(self) -> String {
        let feature = match self {
            Self::Flex | Self::Cuda(_) => "cuda",
            Self::Wgpu(_) => "wgpu",
            Self::Tch | Self::TchCuda(_) => "tch",
        };
        format!("this build of Kiln has no `{self}`; build it with `--features {feature}`, or train with flex")
    }
}

impl fmt::Display for TrainingDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flex => f.write_str("flex"),
            Self::Cuda(0) => f.write_str("cuda"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Wgpu(None) => f.write_str("wgpu"),
            Self::Wgpu(Some(number)) => write!(f, "wgpu:{number}"),
            Self::Tch => f.write_str("tch"),
            Self::TchCuda(0) => f.write_str("tch-cuda"),
            Self::TchCuda(number) => write!(f, "tch-cuda:{number}"),
        }
    }
}

impl FromStr for TrainingDevice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown =
            || format!("unknown device `{text}`; known: flex, cuda, cuda:N, wgpu, wgpu:N, tch, tch-cuda, tch-cuda:N");
        let (name, number) = text.split_once(':').map_or((text, None), |(name, number)| (name, Some(number)));
        let number = number.map(|number| number.parse::<usize>().map_err(|_| unknown())).transpose()?;
        match (name, number) {
            ("flex", None) => Ok(Self::Flex),
            ("cuda", number) => Ok(Self::Cuda(number.unwrap_or(0))),
            ("wgpu", number) => Ok(Self::Wgpu(number)),
            ("tch", None) => Ok(Self::Tch),
            ("tch-cuda", number) => Ok(Self::TchCuda(number.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

impl<'de> Deserialize<'de> for TrainingDevice {
    /// By hand, so that an error has the key of the device: one of a conversion after reading would have that of its section.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(DeviceVisitor)
    }
}

struct DeviceVisitor;

impl Visitor<'_> for DeviceVisitor {
    type Value = TrainingDevice;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a device, such as flex")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TrainingDevice, E> {
        text.parse().map_err(E::custom)
    }
}

impl From<TrainingDevice> for String {
    fn from(device: TrainingDevice) -> Self {
        device.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_reads_back_as_itself() {
        for text in ["flex", "cuda", "cuda:2", "wgpu", "wgpu:1", "tch", "tch-cuda", "tch-cuda:1"] {
            assert_eq!(text.parse::<TrainingDevice>().map(|device| device.to_string()), Ok(text.to_owned()));
        }
        for text in ["cpu", "cuda:", "cuda:x", "tch:1", "flex:0"] {
            assert!(text.parse::<TrainingDevice>().is_err_and(|error| error.contains("known: flex")), "{text}");
        }
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_device_that_was_not_built_in_is_refused_without_fallback() {
        let error = TrainingDevice::Cuda(1).open().map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("no `cuda:1`") && text.contains("--features cuda")));
    }
}
