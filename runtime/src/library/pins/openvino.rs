//! The `openvino` wheel: OpenVINO and the CPU.

use kiln_files::platform::Platform;

use super::{LICENCE, LINUX_X64_TAG, Pins, Role, WheelFile, file};

/// A library that OpenVINO loads by itself, at the latest when its provider starts.
const fn openvino(entry: &'static str, bytes: u64, sha256: &'static str) -> WheelFile {
    file(Role::Provider("openvino"), entry, bytes, sha256)
}

pub(super) static LINUX_X64: Pins = Pins {
    wheel: "openvino",
    platform: Platform::LinuxX64,
    distribution: "onnxruntime-openvino",
    version: "1.24.1",
    tag: LINUX_X64_TAG,
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
