//! Every execution provider that ort knows on this kind of machine, in one table: the name that users type, the name
//! that ONNX Runtime uses, what a machine must have. A row here is all that a new provider needs besides its file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::library::Package;

/// Declares the enum and its names from the table's rows.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal, $onnx_name:literal, needs $needs:literal;)*) => {
        /// An execution provider.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ProviderKind {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $kind,)*
        }

        impl ProviderKind {
            /// Every provider that Kiln knows.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name that users type.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The name that ONNX Runtime uses; empty for a plugin, which brings its own.
            #[must_use]
            pub fn onnx_name(self) -> &'static str {
                match self { $(Self::$kind => $onnx_name,)* }
            }

            /// What a machine must have beside the library.
            #[must_use]
            pub fn needs(self) -> &'static str {
                match self { $(Self::$kind => $needs,)* }
            }
        }
    };
}

kinds! {
    /// ONNX Runtime's own kernels, in every library.
    Cpu = "cpu", "CPUExecutionProvider", needs "no more than the library";
    /// NVIDIA CUDA.
    Cuda = "cuda", "CUDAExecutionProvider", needs "an NVIDIA GPU with its driver, CUDA 13 and cuDNN 9";
    /// NVIDIA TensorRT.
    TensorRt = "tensorrt", "TensorrtExecutionProvider",
        needs "an NVIDIA GPU with its driver, CUDA 13, cuDNN 9 and TensorRT 10";
    /// Intel OpenVINO.
    OpenVino = "openvino", "OpenVINOExecutionProvider", needs "an x86-64 CPU and a graph whose nodes OpenVINO takes";
    /// NVIDIA TensorRT for RTX.
    NvTensorRtRtx = "nvtensorrtrtx", "NvTensorRTRTXExecutionProvider", needs "an NVIDIA RTX GPU and TensorRT for RTX";
    /// AMD ROCm; ONNX Runtime 1.23 was the last release with it.
    Rocm = "rocm", "ROCMExecutionProvider", needs "an AMD GPU with ROCm";
    /// AMD MIGraphX.
    MiGraphX = "migraphx", "MIGraphXExecutionProvider", needs "an AMD GPU with ROCm and MIGraphX";
    /// AMD Vitis AI.
    VitisAi = "vitisai", "VitisAIExecutionProvider", needs "an AMD NPU or adaptive SoC with Vitis AI";
    /// Intel oneDNN.
    OneDnn = "onednn", "DnnlExecutionProvider", needs "a library built with oneDNN";
    /// Google XNNPACK.
    Xnnpack = "xnnpack", "XnnpackExecutionProvider", needs "a library built with XNNPACK";
    /// Arm Compute Library.
    Acl = "acl", "ACLExecutionProvider", needs "an Arm CPU and a library built with the Arm Compute Library";
    /// Arm NN; removed from ONNX Runtime since.
    ArmNn = "armnn", "ArmNNExecutionProvider", needs "an Arm CPU and a library built with Arm NN";
    /// Apple Core ML.
    CoreMl = "coreml", "CoreMLExecutionProvider", needs "macOS or iOS";
    /// Microsoft DirectML.
    DirectMl = "directml", "DmlExecutionProvider", needs "Windows with a DirectX 12 GPU";
    /// Android's Neural Networks API.
    Nnapi = "nnapi", "NnapiExecutionProvider", needs "Android";
    /// Qualcomm AI Engine Direct.
    Qnn = "qnn", "QNNExecutionProvider", needs "a Qualcomm SoC with the QNN libraries";
    /// Huawei CANN.
    Cann = "cann", "CANNExecutionProvider", needs "a Huawei Ascend NPU with CANN";
    /// Rockchip NPU.
    Rknpu = "rknpu", "RknpuExecutionProvider", needs "a Rockchip NPU";
    /// VeriSilicon NPU.
    Vsinpu = "vsinpu", "VSINPUExecutionProvider", needs "a VeriSilicon NPU";
    /// Apache TVM.
    Tvm = "tvm", "TvmExecutionProvider", needs "a library built with TVM";
    /// WebGPU, natively through Dawn.
    WebGpu = "webgpu", "WebGpuExecutionProvider", needs "a GPU with Vulkan, Metal or Direct3D 12";
    /// Azure: sends requests to a cloud service and runs no tile model, which opening a session says.
    Azure = "azure", "AzureExecutionProvider", needs "a graph made of Azure's remote operators";
    /// A provider in a library of its own, named by the user.
    Plugin = "plugin", "", needs "the devices that the provider's library drives";
}

impl ProviderKind {
    /// The package of `kiln runtime install` that has this provider; none for those that only a library of the user's
    /// own has.
    #[must_use]
    pub fn package(self) -> Option<Package> {
        match self {
            Self::Cpu | Self::Plugin => Some(Package::Cpu),
            Self::Cuda | Self::TensorRt => Some(Package::Cuda),
            Self::OpenVino => Some(Package::Openvino),
            _ => None,
        }
    }

    /// How to come by a library with this provider.
    #[must_use]
    pub fn how_to_get(self) -> String {
        match self.package() {
            Some(package) => format!("type `kiln runtime install {package}`"),
            None => "name a library that was built with it by --onnxruntime PATH".to_owned(),
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ProviderKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = Self::ALL.iter().find(|kind| kind.name().eq_ignore_ascii_case(name.trim()));
        known.copied().ok_or_else(|| Error::UnknownProvider {
            name: name.to_owned(),
            known: Self::ALL.iter().map(|kind| kind.name()).collect(),
        })
    }
}

/// ONNX Runtime's name of a provider as users type it; names that Kiln does not know stay as they are.
pub(crate) fn user_name(onnx_name: &str) -> String {
    let known = ProviderKind::ALL.iter().find(|kind| kind.onnx_name() == onnx_name);
    known.map_or_else(|| onnx_name.to_owned(), |kind| kind.name().to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        let all = ProviderKind::ALL;
        assert_eq!(all.iter().map(|kind| kind.name()).collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(all.iter().map(|kind| kind.onnx_name()).collect::<BTreeSet<_>>().len(), all.len());
        for kind in all {
            assert_eq!(kind.name().parse::<ProviderKind>().unwrap(), *kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn every_provider_of_ort_is_in_the_table_by_its_own_name() {
        use ort::ep::{self, ExecutionProvider as _};
        #[allow(deprecated)]
        let names = [
            ep::ACL::NAME,
            ep::ArmNN::NAME,
            ep::Azure::NAME,
            ep::CANN::NAME,
            ep::CoreML::NAME,
            ep::CPU::NAME,
            ep::CUDA::NAME,
            ep::DirectML::NAME,
            ep::MIGraphX::NAME,
            ep::NNAPI::NAME,
            ep::NVRTX::NAME,
            ep::OneDNN::NAME,
            ep::OpenVINO::NAME,
            ep::QNN::NAME,
            ep::RKNPU::NAME,
            ep::ROCm::NAME,
            ep::TensorRT::NAME,
            ep::TVM::NAME,
            ep::Vitis::NAME,
            ep::VSINPU::NAME,
            ep::WebGPU::NAME,
            ep::XNNPACK::NAME,
        ];
        let known: BTreeSet<_> =
            ProviderKind::ALL.iter().map(|kind| kind.onnx_name()).filter(|name| !name.is_empty()).collect();
        assert_eq!(known, names.into_iter().collect());
    }

    #[test]
    fn names_of_onnx_runtime_become_the_users_names() {
        assert_eq!(user_name("OpenVINOExecutionProvider"), "openvino");
        assert_eq!(user_name("QNNExecutionProvider"), "qnn");
        assert_eq!(user_name("SomeExecutionProvider"), "SomeExecutionProvider");
    }
}
