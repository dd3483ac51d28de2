//! The pinned wheels: one row for each wheel and platform, with the digest of the wheel and of every file that is unpacked.
//! A wheel or a library with other bytes is refused, whoever serves it. On a platform without a row the user names a library
//! instead.

mod cpu;
mod cuda;
mod openvino;
mod openvino_plugin;
mod tensorrt_rtx;
mod webgpu;

use kiln_files::installation::PinnedFile;
use kiln_files::platform::Platform;

/// Purpose of a file of a wheel; decides when its digest is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// ONNX Runtime itself.
    Core,
    /// Loaded with the provider of this name.
    Provider(&'static str),
    /// A plugin, or a library that it loads.
    Plugin,
    /// Licences, notices and headers.
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
    /// The name that users type.
    pub(crate) wheel: &'static str,
    /// The platform that its libraries are for.
    pub(crate) platform: Platform,
    /// Name on the package index.
    pub(crate) distribution: &'static str,
    /// Version of the distribution; that of a runtime wheel is also the version of ONNX Runtime.
    pub(crate) version: &'static str,
    /// Platform tag of the wheel.
    pub(crate) tag: &'static str,
    /// SHA-256 of the wheel for Python 3.11; the libraries in it need no Python.
    pub(crate) wheel_sha256: &'static str,
    /// The files that are unpacked.
    pub(crate) files: &'static [WheelFile],
}

/// Every runtime wheel on every platform that has it. There is no `cuda` wheel for Arm. The `openvino` wheel for Windows has no
/// OpenVINO in it, so it is left out.
static TABLE: [&Pins; 8] = [
    &cpu::LINUX_X64,
    &cpu::LINUX_ARM64,
    &cpu::MACOS_ARM64,
    &cpu::WINDOWS_X64,
    &cpu::WINDOWS_ARM64,
    &openvino::LINUX_X64,
    &cuda::LINUX_X64,
    &cuda::WINDOWS_X64,
];

/// Every plugin wheel on every platform that has it.
static PLUGINS: [&Pins; 9] = [
    &webgpu::LINUX_X64,
    &webgpu::LINUX_ARM64,
    &webgpu::MACOS_ARM64,
    &webgpu::WINDOWS_X64,
    &webgpu::WINDOWS_ARM64,
    &openvino_plugin::LINUX_X64,
    &openvino_plugin::WINDOWS_X64,
    &tensorrt_rtx::LINUX_X64,
    &tensorrt_rtx::WINDOWS_X64,
];

/// The row of a runtime or plugin wheel on a platform, if there is one.
pub(super) fn find(wheel: &str, platform: Platform) -> Option<&'static Pins> {
    TABLE.into_iter().chain(PLUGINS).find(|pins| pins.wheel == wheel && pins.platform == platform)
}

const LINUX_X64_TAG: &str = "manylinux_2_28_x86_64";
const WINDOWS_X64_TAG: &str = "win_amd64";

const fn file(role: Role, entry: &'static str, bytes: u64, sha256: &'static str) -> WheelFile {
    WheelFile { entry, bytes, sha256, role }
}

/// A library of a plugin. The first one of each row is the plugin itself.
const fn library(entry: &'static str, bytes: u64, sha256: &'static str) -> WheelFile {
    file(Role::Plugin, entry, bytes, sha256)
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

/// The same licence with the line ends of Windows.
const WINDOWS_LICENCE: WheelFile =
    file(Role::Text, "onnxruntime/LICENSE", 1_094, "c250d6278f0b47a6439fb7592b08b58a55eb9f535aa49a1db63211c3f982b674");

/// The same notices with the line ends of Windows.
const WINDOWS_NOTICES: WheelFile = file(
    Role::Text,
    "onnxruntime/ThirdPartyNotices.txt",
    344_457,
    "c53a76501ef60db6f865f20599f220761201ac4057683acefdab37d861b86622",
);

#[cfg(test)]
mod tests;
