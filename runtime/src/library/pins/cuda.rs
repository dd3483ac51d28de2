//! The `cuda` wheel: CUDA, TensorRT and the CPU.

use kiln_files::platform::Platform;

use super::{LICENCE, LINUX_X64_TAG, NOTICES, Pins, Role, WINDOWS_LICENCE, WINDOWS_NOTICES, WINDOWS_X64_TAG, file};

const DISTRIBUTION: &str = "onnxruntime-gpu";
const VERSION: &str = "1.31.1";

pub(super) static LINUX_X64: Pins = Pins {
    wheel: "cuda",
    platform: Platform::LinuxX64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: LINUX_X64_TAG,
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

pub(super) static WINDOWS_X64: Pins = Pins {
    wheel: "cuda",
    platform: Platform::WindowsX64,
    distribution: DISTRIBUTION,
    version: VERSION,
    tag: WINDOWS_X64_TAG,
    wheel_sha256: "fd98341ba71c093153f0dcfc53eb69d57f706866fb45e94e5b0cde5d97a50dbf",
    files: &[
        file(
            Role::Core,
            "onnxruntime/capi/onnxruntime.dll",
            18_881_336,
            "e07ca50bd2abf864ea5d6f9501d611c99508583d3f75f56348f36e2a67a04d16",
        ),
        file(
            Role::Core,
            "onnxruntime/capi/onnxruntime_providers_shared.dll",
            21_816,
            "573c69a95204dc0fa6227b84412f99257305eab1f03493945b7bcb744bc0b3a4",
        ),
        file(
            Role::Provider("cuda"),
            "onnxruntime/capi/onnxruntime_providers_cuda.dll",
            194_397_496,
            "b40447663dfedfd13d9a1f243d68e15184d06c81b59aff677d505982b00f7aa1",
        ),
        file(
            Role::Provider("tensorrt"),
            "onnxruntime/capi/onnxruntime_providers_tensorrt.dll",
            912_184,
            "aed5285b4f74b53c5b2d097ccd4274feb37f1e531d9583911674e1f62c02b703",
        ),
        WINDOWS_LICENCE,
        WINDOWS_NOTICES,
    ],
};
