//! The runtime wheels: the official ONNX Runtime wheels that can be installed, with every hash pinned here. A wheel or a
//! library with other bytes is refused, whoever serves it. Pins are per platform; on a platform without pins the user
//! names a library instead.

use std::fmt;
use std::str::FromStr;

use kiln_files::installation::PinnedFile;
use serde::{Deserialize, Serialize};

/// An official build of ONNX Runtime, installed from a Python wheel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeWheel {
    /// The CPU alone: 24 MB to fetch.
    Cpu,
    /// OpenVINO and the CPU: 84 MB to fetch.
    Openvino,
    /// CUDA, TensorRT and the CPU: 256 MB to fetch.
    Cuda,
}

/// Purpose of a file of a wheel; decides when its digest is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// ONNX Runtime itself.
    Core,
    /// Loaded with the provider of this name.
    Provider(&'static str),
    /// Licence and notices.
    Text,
}

/// One file of a wheel, with its purpose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WheelFile {
    /// Path inside the wheel.
    pub(crate) entry: &'static str,
    /// Length in bytes.
    pub(crate) bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub(crate) sha256: &'static str,
    /// Its purpose.
    pub(crate) role: Role,
}

impl WheelFile {
    /// The name under which it is installed.
    pub(crate) fn name(&self) -> &'static str {
        self.entry.rsplit('/').next().unwrap_or(self.entry)
    }

    /// The file without its purpose, for an installation.
    pub(crate) fn pinned(&self) -> PinnedFile {
        PinnedFile { entry: self.entry, name: self.name(), bytes: self.bytes, sha256: self.sha256 }
    }
}

/// A wheel on one platform.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pins {
    /// Name on the package index.
    pub(crate) distribution: &'static str,
    /// Version of the distribution and of ONNX Runtime.
    pub(crate) version: &'static str,
    /// Platform tag of the wheel.
    pub(crate) platform: &'static str,
    /// SHA-256 of the wheel for Python 3.11; the libraries in it need no Python.
    pub(crate) wheel_sha256: &'static str,
    /// The files that are unpacked.
    pub(crate) files: &'static [WheelFile],
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

    /// The names of its providers, in ONNX Runtime's order of preference.
    #[must_use]
    pub fn providers(self) -> &'static [&'static str] {
        match self {
            Self::Cpu => &["cpu"],
            Self::Openvino => &["openvino", "cpu"],
            Self::Cuda => &["tensorrt", "cuda", "cpu"],
        }
    }

    /// The pins for the platform that this program was built for, if it has pins.
    pub(crate) fn pins(self) -> Option<&'static Pins> {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
            return None;
        }
        Some(match self {
            Self::Cpu => &CPU,
            Self::Openvino => &OPENVINO,
            Self::Cuda => &CUDA,
        })
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

const PLATFORM: &str = "manylinux_2_28_x86_64";

const fn file(role: Role, entry: &'static str, bytes: u64, sha256: &'static str) -> WheelFile {
    WheelFile { entry, bytes, sha256, role }
}

const LICENCE: WheelFile =
    file(Role::Text, "onnxruntime/LICENSE", 1_073, "2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c");

/// The notices of ONNX Runtime 1.31.1.
const NOTICES: WheelFile = file(
    Role::Text,
    "onnxruntime/ThirdPartyNotices.txt",
    338_088,
    "143764b952fdb1a7c69ce653bfba74a7744d6a8a573bfb73e235fba356c83de3",
);

static CPU: Pins = Pins {
    distribution: "onnxruntime",
    version: "1.31.1",
    platform: PLATFORM,
    wheel_sha256: "5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f",
    files: &[
        file(
            Role::Core,
            "onnxruntime/capi/libonnxruntime.so.1.31.1",
            29_352_200,
            "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
        ),
        LICENCE,
        NOTICES,
    ],
};

static CUDA: Pins = Pins {
    distribution: "onnxruntime-gpu",
    version: "1.31.1",
    platform: PLATFORM,
    wheel_sha256: "e26c475fe361b2015f45b4b824bd13f0bb20204e59b62814e6f0acd5f3d491a6",
    files: &[
        file(
            Role::Core,
            "onnxruntime/capi/libonnxruntime.so.1.31.1",
            29_421_832,
            "5104254339ecadae808da771bd0b63b240f0dbd466514234905e54372435c303",
        ),
        file(
            Role::Core,
            "onnxruntime/capi/libonnxruntime_providers_shared.so",
            14_632,
            "086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d",
        ),
        file(
            Role::Provider("cuda"),
            "onnxruntime/capi/libonnxruntime_providers_cuda.so",
            284_014_752,
            "d5290158115fa5569a3fe8f1f4037ee9b0e86658a96e52f852bbb7039aa88137",
        ),
        file(
            Role::Provider("tensorrt"),
            "onnxruntime/capi/libonnxruntime_providers_tensorrt.so",
            994_968,
            "1882ee49fdb0e6fc2d272b00cfaf9a3310bf8580a34385c0eec4d82014ea172e",
        ),
        LICENCE,
        NOTICES,
    ],
};

/// A library that OpenVINO loads by itself, at the latest when its provider starts.
const fn openvino(entry: &'static str, bytes: u64, sha256: &'static str) -> WheelFile {
    file(Role::Provider("openvino"), entry, bytes, sha256)
}

static OPENVINO: Pins = Pins {
    distribution: "onnxruntime-openvino",
    version: "1.24.1",
    platform: PLATFORM,
    wheel_sha256: "3007c803634cc69c6d52af1dea7ce729d9bb62b9a11070fd2f959119199007a8",
    files: &[
        file(
            Role::Core,
            "onnxruntime/capi/libonnxruntime.so.1.24.1",
            31_260_360,
            "2d963a419b96018b79dfe63bb50120ddcb724149912a8a6d8ac747a557c089f4",
        ),
        file(
            Role::Core,
            "onnxruntime/capi/libonnxruntime_providers_shared.so",
            15_776,
            "5e02c1ff90e7d71365264dbb6767c00f04a8b57a96cddbc0085c61fa1393250d",
        ),
        openvino(
            "onnxruntime/capi/libonnxruntime_providers_openvino.so",
            2_000_856,
            "bf0159d2681d76e7de03fbd302a9204e5490f30816bd41826d57acf7a8dff363",
        ),
        // The wheel holds each OpenVINO library under two or three names; the loader asks for the soname alone.
        openvino(
            "onnxruntime/capi/libopenvino.so.2541",
            25_284_089,
            "ac9634b715a242a61644c77bc38f17508fe73f517e418027e2410f4bee004943",
        ),
        openvino(
            "onnxruntime/capi/libopenvino_onnx_frontend.so.2541",
            7_006_249,
            "f426710881d8c1a01d5ed6d7eaa076d923b19983d3ab3a18bb19d25dba7d8923",
        ),
        openvino(
            "onnxruntime/capi/libopenvino_intel_cpu_plugin.so",
            67_008_289,
            "034df890550ae9199fe5f8608c0df8fd0fe355f303bad56bea10bae14c14c3cb",
        ),
        openvino(
            "onnxruntime/capi/libtbb.so.12",
            367_649,
            "6781dc6aa8b2ca237d0164258e70266a44667756c02a9a039782ec1d1a67b653",
        ),
        LICENCE,
        file(
            Role::Text,
            "onnxruntime/ThirdPartyNotices.txt",
            325_054,
            "0e07b95f3a8d6230037707c5c4a2b554d12c4cb67369669ac255635528ffcee2",
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wheel_has_one_core_library_its_licence_and_whole_digests() {
        for pins in [&CPU, &OPENVINO, &CUDA] {
            let cores = pins.files.iter().filter(|file| file.name().starts_with("libonnxruntime.so."));
            assert_eq!(cores.count(), 1, "{}", pins.distribution);
            assert!(pins.files.iter().any(|file| file.name() == "LICENSE"));
            assert!(pins.files.iter().any(|file| file.name() == "ThirdPartyNotices.txt"));
            let digests = pins.files.iter().map(|file| file.sha256).chain([pins.wheel_sha256]);
            for digest in digests {
                assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
            }
        }
    }

    #[test]
    fn an_unknown_wheel_is_an_error_that_names_the_known_ones() {
        let error = "gpu".parse::<RuntimeWheel>().map_err(|error| error.to_string());
        assert_eq!(error, Err("unknown ONNX Runtime wheel `gpu`; known are: cpu, openvino, cuda".to_owned()));
    }
}
