//! The `webgpu` plugin: Dawn on Vulkan, Metal or Direct3D 12.

use kiln_files::platform::Platform;

use super::{Pins, Role, file, library};

const NAME: &str = "webgpu";
const DISTRIBUTION: &str = "onnxruntime-ep-webgpu";
const VERSION: &str = "0.4.0";

pub(super) static LINUX_X64: Pins = Pins {
    wheel: NAME,
    platform: Platform::LinuxX64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: "manylinux_2_28_x86_64",
    wheel_sha256: "5d8c961eda91a88961cad1fb7621f389f006b18497d6ea9ecf96f729f066cbfb",
    files: &[
        library(
            "onnxruntime_ep_webgpu/libonnxruntime_providers_webgpu.so",
            16_450_888,
            "9f76e3dc4459421958ad086a9da03bf7e5de9289e9a3a56e28bbb459773dec81",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_webgpu-0.4.0.dist-info/licenses/LICENSE",
            1_073,
            "2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_webgpu-0.4.0.dist-info/licenses/ThirdPartyNotices.txt",
            338_088,
            "143764b952fdb1a7c69ce653bfba74a7744d6a8a573bfb73e235fba356c83de3",
        ),
    ],
};

pub(super) static LINUX_ARM64: Pins = Pins {
    wheel: NAME,
    platform: Platform::LinuxArm64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: "manylinux_2_28_aarch64",
    wheel_sha256: "17f660db53b1a509c63e721ac6784a2daa1c4e91a968523ee9986505ee5b0a55",
    files: &[
        library(
            "onnxruntime_ep_webgpu/libonnxruntime_providers_webgpu.so",
            13_862_448,
            "720e1288e7e465f924db44b88a98a9d1c543eba3fbb2ff801cf2545f5e7f0279",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_webgpu-0.4.0.dist-info/licenses/LICENSE",
            1_073,
            "2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_webgpu-0.4.0.dist-info/licenses/ThirdPartyNotices.txt",
            338_088,
            "143764b952fdb1a7c69ce653bfba74a7744d6a8a573bfb73e235fba356c83de3",
        ),
    ],
};

pub(super) static MACOS_ARM64: Pins = Pins {
    wheel: NAME,
    platform: Platform::MacOsArm64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: "macosx_14_0_universal2",
    wheel_sha256: "8d0a91d44b43d931c3068b9134aed9770f27803e353c2b58c93e1700bb68bcca",
    files: &[
        library(
            "onnxruntime_ep_webgpu/libonnxruntime_providers_webgpu.dylib",
            14_966_224,
            "894aa43c308c97afe58f6485b8411962181a39b27170f5f210cc7503adb52850",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_webgpu-0.4.0.dist-info/licenses/LICENSE",
            1_073,
            "2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_webgpu-0.4.0.dist-info/licenses/ThirdPartyNotices.txt",
            338_088,
            "143764b952fdb1a7c69ce653bfba74a7744d6a8a573bfb73e235fba356c83de3",
        ),
    ],
};

pub(super) static WINDOWS_X64: Pins = Pins {
    wheel: NAME,
    platform: Platform::WindowsX64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: "win_amd64",
    wheel_sha256: "7db646669d1a2390551da675115ea125e68cb3d4d2c3a2d6e463372bf8d6ea87",
    files: &[
        library(
            "onnxruntime_ep_webgpu/onnxruntime_providers_webgpu.dll",
            10_954_080,
            "85d7b2065b1968b846cd00d5d87d5286d3c44e8f6c557cd382d96300e524b6cb",
        ),
        library(
            "onnxruntime_ep_webgpu/dxcompiler.dll",
            17_986_360,
            "d7e740883f8048233d15752bc5d4ba207fc03d835c78fffab26387d400892193",
        ),
        library(
            "onnxruntime_ep_webgpu/dxil.dll",
            1_508_704,
            "0a0d059a51dd5e1916a4a9924817d70b5dbb8e0c103a102fa2c6c92cb748c27f",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_webgpu-0.4.0.dist-info/licenses/LICENSE",
            1_094,
            "c250d6278f0b47a6439fb7592b08b58a55eb9f535aa49a1db63211c3f982b674",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_webgpu-0.4.0.dist-info/licenses/ThirdPartyNotices.txt",
            344_457,
            "c53a76501ef60db6f865f20599f220761201ac4057683acefdab37d861b86622",
        ),
    ],
};

pub(super) static WINDOWS_ARM64: Pins = Pins {
    wheel: NAME,
    platform: Platform::WindowsArm64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: "win_arm64",
    wheel_sha256: "a9586f6744370776059edd794c11bca2f563258a5bd2707864aefff31d3af39f",
    files: &[
        library(
            "onnxruntime_ep_webgpu/onnxruntime_providers_webgpu.dll",
            11_279_672,
            "e2a72894617c0519cae3080534ca1fc957c4ab607a993c05f326d83b322a581d",
        ),
        library(
            "onnxruntime_ep_webgpu/dxcompiler.dll",
            22_285_624,
            "2c4895ad9707963390fba270a613cd37a038064fce5384bae025c695dc681601",
        ),
        library(
            "onnxruntime_ep_webgpu/dxil.dll",
            1_769_784,
            "502a7c6b7660fa5520efbe5b9516a1aac06b9a8c6a7e26011856bead7f5770ed",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_webgpu-0.4.0.dist-info/licenses/LICENSE",
            1_094,
            "c250d6278f0b47a6439fb7592b08b58a55eb9f535aa49a1db63211c3f982b674",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_webgpu-0.4.0.dist-info/licenses/ThirdPartyNotices.txt",
            344_457,
            "c53a76501ef60db6f865f20599f220761201ac4057683acefdab37d861b86622",
        ),
    ],
};
