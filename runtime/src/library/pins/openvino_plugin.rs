//! The `openvino-plugin` plugin: OpenVINO for Intel CPUs, GPUs and NPUs.

use kiln_files::platform::Platform;

use super::{Pins, Role, file, library};

const NAME: &str = "openvino-plugin";
const DISTRIBUTION: &str = "onnxruntime-ep-openvino";
const VERSION: &str = "1.8.1";

pub(super) static LINUX_X64: Pins = Pins {
    wheel: NAME,
    platform: Platform::LinuxX64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: "manylinux_2_28_x86_64",
    wheel_sha256: "3832643158c8c187fcab6db661cde2a8c06a2b3559d95d0f2411ac0e51c5e924",
    files: &[
        library(
            "onnxruntime_ep_openvino/libonnxruntime_providers_openvino_plugin.so",
            3_069_280,
            "99644306dea90173d2fac5e2ad8d10c9574ecf6e6e71ca30e426531abd5a717f",
        ),
        library(
            "onnxruntime_ep_openvino/cache.json",
            8_840_377,
            "0b2ad2a99516a3411ce3fef274e8ae2880b41a6f00c9bac6768cd4a94b87c41c",
        ),
        library(
            "onnxruntime_ep_openvino/libhwloc.so.15",
            473_321,
            "e91be9f5bc1c87aadb08f2e19ebcb742979adda0a5434f72650a154e317e7fb1",
        ),
        library(
            "onnxruntime_ep_openvino/libopenvino.so.2641",
            20_526_937,
            "9b9a80ac1f18e07b13ed54459d9a865bcfe9dc170dbf8fe740c2974b85ecedc1",
        ),
        library(
            "onnxruntime_ep_openvino/libopenvino_auto_batch_plugin.so",
            265_129,
            "1e7102276dd42ef917078a09be4f1838c41c3611ca2e10c34fb7ea31f1fef561",
        ),
        library(
            "onnxruntime_ep_openvino/libopenvino_auto_plugin.so",
            685_129,
            "3971fe197490e31479727aa761e8abc972f7967f67eaa39cac75859f1e19e017",
        ),
        library(
            "onnxruntime_ep_openvino/libopenvino_hetero_plugin.so",
            559_265,
            "387eec6f2341230ceb13e1cca0476fcee87ca0e9e2386e2a9db00e6cea8378a9",
        ),
        library(
            "onnxruntime_ep_openvino/libopenvino_intel_cpu_plugin.so",
            63_691_929,
            "6599e3dd300d047b5ed72f8e48101c5f312c25321f35f57f803641ff8372900b",
        ),
        library(
            "onnxruntime_ep_openvino/libopenvino_intel_gpu_plugin.so",
            41_732_569,
            "e494cf8fb428f1fecfad35e2bac7b2fb24159ac6b13fe19027f0c4ae36374b33",
        ),
        library(
            "onnxruntime_ep_openvino/libopenvino_intel_npu_plugin.so",
            10_595_337,
            "911ead691e0f96df5cac7202a74ab1b07a93f0167e404701c0d3548fadbc15e5",
        ),
        library(
            "onnxruntime_ep_openvino/libopenvino_ir_frontend.so.2641",
            640_313,
            "554e9fd3d4a0fbc587c14379464b2324e24b8ea736cfb749ad2cd9e74dfc09e0",
        ),
        library(
            "onnxruntime_ep_openvino/libopenvino_onnx_frontend.so.2641",
            6_827_321,
            "82d499f5b5e8514def7aaa1ecd5a9f570542d33ae9d00a0077f707cccd0e0192",
        ),
        library(
            "onnxruntime_ep_openvino/libtbb.so.12",
            369_313,
            "ac9518497a4f2cb6729792730f145ee58367316031511923fef263c9ac81ca61",
        ),
        library(
            "onnxruntime_ep_openvino/libtbbbind_2_5.so.3",
            33_025,
            "179ebd1223abd20a461dc978f24090d7ef7c1308b8dff14e4adfe4a21d75543f",
        ),
        library(
            "onnxruntime_ep_openvino/libtbbmalloc.so.2",
            159_729,
            "0cccbdb4783bf190da19b34540fb7f749b0955ec1982d7ac8e5f398365399895",
        ),
        library(
            "onnxruntime_ep_openvino/libtbbmalloc_proxy.so.2",
            28_377,
            "ecd654634c8a40fe45850c230e2fdbead674c4a1d6a54e89c117e919b61a6df0",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_openvino/third-party-programs.txt",
            13_680,
            "cf1dc931aee305019c370a5e6398040e43afa8e22664118710f8b0e13c02de0c",
        ),
    ],
};

pub(super) static WINDOWS_X64: Pins = Pins {
    wheel: NAME,
    platform: Platform::WindowsX64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: "win_amd64",
    wheel_sha256: "1acd878be173b02bb8b953460f2f59b121e5f6e47ebc6aad490c0590cf6718fb",
    files: &[
        library(
            "onnxruntime_ep_openvino/onnxruntime_providers_openvino_plugin.dll",
            1_744_664,
            "ff8d1e432d5efd36132da91ac9e4e069db39ef29c4d6e059302b33dddb0e6613",
        ),
        library(
            "onnxruntime_ep_openvino/cache.json",
            8_840_377,
            "0b2ad2a99516a3411ce3fef274e8ae2880b41a6f00c9bac6768cd4a94b87c41c",
        ),
        library(
            "onnxruntime_ep_openvino/openvino.dll",
            16_655_640,
            "1535483dbb4addf5a9f44584c2f7ac831366f39fbeab85860a728993e32822ad",
        ),
        library(
            "onnxruntime_ep_openvino/openvino_auto_batch_plugin.dll",
            321_304,
            "5f380527db6ac1ccf9e2eab251ca98583ec9d9afc4cfd67bc7bce9bc03f83420",
        ),
        library(
            "onnxruntime_ep_openvino/openvino_auto_plugin.dll",
            840_984,
            "4e54d293900707715151b772ec0c64cdfac7857d8297945d8bdc4bee1f127986",
        ),
        library(
            "onnxruntime_ep_openvino/openvino_hetero_plugin.dll",
            643_864,
            "136aa89c3b27cbe765862973956a09a5ede6f7d0578bea7782125067ea9ef851",
        ),
        library(
            "onnxruntime_ep_openvino/openvino_intel_cpu_plugin.dll",
            46_512_408,
            "89c410042001a5a2a72fb4a0f8df27daf2dbd46ee6bd14e927bef834bb70111d",
        ),
        library(
            "onnxruntime_ep_openvino/openvino_intel_gpu_plugin.dll",
            34_999_064,
            "4a8765a1cf1677879696c9d8ef391398410d59c3af61c173fee55abaac207e9c",
        ),
        library(
            "onnxruntime_ep_openvino/openvino_intel_npu_compiler.dll",
            100_346_648,
            "ae652b6bb2a114d055be272140e7cfbe5244cdb5cafdc1e619da62381e98d572",
        ),
        library(
            "onnxruntime_ep_openvino/openvino_intel_npu_compiler_loader.dll",
            532_760,
            "c395498aad3bb6e4a676e2c735632d6387bd5c39e95b118e86b31d93d898199f",
        ),
        library(
            "onnxruntime_ep_openvino/openvino_intel_npu_plugin.dll",
            8_104_728,
            "6084becc7eeb614dab1c4ae0092717b08bbbed66d1f3a5e28e1d0ee2c19700c7",
        ),
        library(
            "onnxruntime_ep_openvino/openvino_intel_npu_vm_runtime.dll",
            565_016,
            "4359af948d91d6b08732de19c2e8ac2c4657513d263ea6d4ab725381df917efb",
        ),
        library(
            "onnxruntime_ep_openvino/openvino_ir_frontend.dll",
            807_192,
            "1576eaf914f09e551f1a3134d400f30b54240e778970a77367f707d6583bbc6a",
        ),
        library(
            "onnxruntime_ep_openvino/openvino_onnx_frontend.dll",
            5_524_248,
            "64981309cedf878922284ad38b690918df3b6f07e02f5e3c0525d4bd10b30c1d",
        ),
        library(
            "onnxruntime_ep_openvino/openvino_runtime.manifest",
            1_287,
            "0b94828d5885d5fc2e088df42e4bbf3c68481eca13e8fb00cb3e64325fa797d9",
        ),
        library(
            "onnxruntime_ep_openvino/tbb12.dll",
            439_064,
            "22c2df89b57d734283341ca8d031ca6cda7cdc84d27dba7d75e369d6be58213d",
        ),
        library(
            "onnxruntime_ep_openvino/tbbbind_2_5.dll",
            239_896,
            "747aad0a7544f1a17ff2479cf56e066952c60b091613b40fb33d28cbbe63183f",
        ),
        library(
            "onnxruntime_ep_openvino/tbbmalloc.dll",
            143_128,
            "2fbaf41783d9d42cd9e96b0654c21e5a165f2b00e16b489e267eb8d32d74afb2",
        ),
        library(
            "onnxruntime_ep_openvino/tbbmalloc_proxy.dll",
            71_448,
            "3a28e8e197079d101d1d980bc7658530108c137f08593c9150db41218d27d3b1",
        ),
        file(
            Role::Text,
            "onnxruntime_ep_openvino/third-party-programs.txt",
            13_789,
            "32b1b5ff9693ee3b4a35caa9c73581a5390b4513ba8b87d5a79f463c2af91a06",
        ),
    ],
};
