//! The `tensorrt-rtx` plugin: TensorRT for RTX with its own CUDA runtime.

use kiln_files::platform::Platform;

use super::{Pins, Role, file, library};

const NAME: &str = "tensorrt-rtx";
const DISTRIBUTION: &str = "onnxruntime-ep-nv-tensorrt-rtx-cu13";
const VERSION: &str = "0.5.0";

pub(super) static LINUX_X64: Pins = Pins {
    wheel: NAME,
    platform: Platform::LinuxX64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: "manylinux_2_28_x86_64",
    wheel_sha256: "32f575c633d171b4edf4b53d3bb22b72a6c9c0a850d2982ce9a788a5d40d3298",
    files: &[
        library(
            "onnxruntime_ep_nv_tensorrt_rtx/libonnxruntime_providers_nv_tensorrt_rtx.so",
            5_113_208,
            "d83dde283dd583376fa17b49fbc9d7c85674ae1a077f7e5671f79c4e2f056d78",
        ),
        library(
            "onnxruntime_ep_nv_tensorrt_rtx/libcudart.so.13.4.36",
            798_496,
            "82d50fc923566a86ff5449cb190d58007a26280669b4f62be2c284cacb51ed24",
        ),
        library(
            "onnxruntime_ep_nv_tensorrt_rtx/libtensorrt_onnxparser_rtx.so.1.7.1",
            4_097_984,
            "8bc09093b0e460f494d0410d8a2d2739b3e4de441d016e1f8ffa74bfb99a49aa",
        ),
        library(
            "onnxruntime_ep_nv_tensorrt_rtx/libtensorrt_plugins.so",
            69_706_480,
            "45eb50eb35378a737ba96e63f7aa8b4ef1f7c7e1739f9066fe869a7074d7a0d4",
        ),
        library(
            "onnxruntime_ep_nv_tensorrt_rtx/libtensorrt_rtx.so.1.7.1",
            234_013_248,
            "6980f8946580af43f06ccbd82a06c65d61638ff76329d726764a0a408747be84",
        ),
        library(
            "onnxruntime_ep_nv_tensorrt_rtx/libtensorrt_shim.so",
            1_530_568,
            "54c78af86decf4341782543140ba6690fada2abafcfda7c324bc4b9c73ebf484",
        ),
        // A header of the wheel: no library.
        file(
            Role::Text,
            "onnxruntime_ep_nv_tensorrt_rtx/tensorrt_rtx_provider_options.h",
            15_693,
            "6d55cfb94cc1369229aead8fdb29c84fdb8e6c04ed62bba9a94d94d7527821d2",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_nv_tensorrt_rtx/Acknowledgements.txt",
            105_200,
            "3b67e831a770f7daf66a7a0772cc23e6a22fd5e3fb8ffef74c4a717357d2a096",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_nv_tensorrt_rtx/README.txt",
            1_466,
            "9371fb491ecede4ad1fefedd20e25939769333d33bf869752d75a4a9f30489bd",
        ),
    ],
};

pub(super) static WINDOWS_X64: Pins = Pins {
    wheel: NAME,
    platform: Platform::WindowsX64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: "win_amd64",
    wheel_sha256: "609b19f7236c8522ef005a9f763003a78f492e5d871afad39fe1b247760eb3c7",
    files: &[
        library(
            "onnxruntime_ep_nv_tensorrt_rtx/onnxruntime_providers_nv_tensorrt_rtx.dll",
            2_392_176,
            "efbf29728e5dbdc148369640cf2eac7215c05deff256484bd0a61d8a96d140a7",
        ),
        library(
            "onnxruntime_ep_nv_tensorrt_rtx/cudart64_13.dll",
            551_024,
            "f0e947c8e46b5b3b38ae643d5aff5b939d25676b7fe7c299bc2cc9a05815fda6",
        ),
        library(
            "onnxruntime_ep_nv_tensorrt_rtx/tensorrt_onnxparser_rtx_1_7.dll",
            2_329_200,
            "b38d00d107dae534f1fc855df5bc1a04fc0ae25135b5b10d17f9b30cc4c9c411",
        ),
        library(
            "onnxruntime_ep_nv_tensorrt_rtx/tensorrt_plugins.dll",
            51_289_200,
            "50a345da5f5f9ecc214410f65964513f37e9c30e8bfe55eeb9f744bc0db95692",
        ),
        library(
            "onnxruntime_ep_nv_tensorrt_rtx/tensorrt_rtx_1_7.dll",
            229_312_112,
            "7b8a06d4b66dfe7da7f1ff48a994ad9dcf107cd28b4822d6f25453528c0db6dd",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_nv_tensorrt_rtx/TRTRTX_Acknowledgements.txt",
            107_164,
            "611660ec0ae19c7b8df4a6442009c8bc85ba9e56d7d5ea042564841e72032d25",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_nv_tensorrt_rtx/TRTRTX_README.txt",
            1_484,
            "48f5a9fc4b2bc48ae15167ec73e80c6855f90c7d07b184ba2b91814316b4bf37",
        ),
    ],
};
