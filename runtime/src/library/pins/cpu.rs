//! The `cpu` wheel. On Linux and Windows it has the CPU alone; on macOS also Core ML.

use kiln_files::platform::Platform;

use super::{LICENCE, LINUX_X64_TAG, NOTICES, Pins, Role, WINDOWS_LICENCE, WINDOWS_NOTICES, WINDOWS_X64_TAG, file};

const DISTRIBUTION: &str = "onnxruntime";
const VERSION: &str = "1.31.1";

pub(super) static LINUX_X64: Pins = Pins {
    wheel: "cpu",
    platform: Platform::LinuxX64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: LINUX_X64_TAG,
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

pub(super) static LINUX_ARM64: Pins = Pins {
    wheel: "cpu",
    platform: Platform::LinuxArm64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: "manylinux_2_28_aarch64",
    wheel_sha256: "da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3",
    files: &[
        file(
            Role::Core,
            "onnxruntime/capi/libonnxruntime.so.1.31.1",
            25_265_040,
            "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467",
        ),
        LICENCE,
        NOTICES,
    ],
};

pub(super) static MACOS_ARM64: Pins = Pins {
    wheel: "cpu",
    platform: Platform::MacOsArm64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: "macosx_14_0_arm64",
    wheel_sha256: "60b6b69bfe580eab576cacc5d132a0e9cf2a37fcfd18d46dd191042b1d1ed0d7",
    files: &[
        file(
            Role::Core,
            "onnxruntime/capi/libonnxruntime.1.31.1.dylib",
            33_037_336,
            "f8b06155feece624e55e49124340eea279da812529ae6fbc46a9f2be9c9cad2e",
        ),
        LICENCE,
        NOTICES,
    ],
};

pub(super) static WINDOWS_X64: Pins = Pins {
    wheel: "cpu",
    platform: Platform::WindowsX64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: WINDOWS_X64_TAG,
    wheel_sha256: "c3d91b5de31e2fc82d71bd65b2b22bddee8b49057a3a36338e9a868e0ea90c05",
    files: &[
        file(
            Role::Core,
            "onnxruntime/capi/onnxruntime.dll",
            19_288_888,
            "8482d2ee174e28504f99730fb01d6861575870283de4ed3a897ad39170d9a9b9",
        ),
        WINDOWS_LICENCE,
        WINDOWS_NOTICES,
    ],
};

pub(super) static WINDOWS_ARM64: Pins = Pins {
    wheel: "cpu",
    platform: Platform::WindowsArm64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: "win_arm64",
    wheel_sha256: "93800007a7023b3ab26ad72e6463d0d57d84ead49a2f6341954d91438e046bc0",
    files: &[
        file(
            Role::Core,
            "onnxruntime/capi/onnxruntime.dll",
            19_171_640,
            "f4f7729bf4aa0c78b6ab5253747f3593bb9a28b4c4275a0a9f59f04ea580d61f",
        ),
        WINDOWS_LICENCE,
        WINDOWS_NOTICES,
    ],
};
