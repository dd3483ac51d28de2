//! The table of execution providers: one row each with its names, its needs, the runtime wheel that has it and the family
//! that reads its options. A new provider is a row here and a file beside this one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::cpu::CpuOptions;
use super::cuda::CudaOptions;
use super::family::{ProviderFamily, Typed};
use super::openvino::OpenVinoOptions;
use super::option::OptionDoc;
use super::passed_through;
use super::plugin::{self, Plugin};
use super::tensorrt::TensorRtOptions;
use crate::error::{Error, Result};
use crate::library::{PluginWheel, RuntimeWheel};

/// One execution provider.
struct Row {
    name: &'static str,
    onnx_name: &'static str,
    needs: &'static str,
    wheel: Option<RuntimeWheel>,
    plugin: Option<PluginWheel>,
    fastest_precision: &'static str,
    family: &'static dyn ProviderFamily,
}

/// Declares the enum and the table from rows of `Kind = "name" ("ONNX Runtime's name"), needs "...", options FAMILY;`. Three
/// optional parts follow `needs`: `wheel WHEEL,` for the runtime wheel that has the provider, `plugin WHEEL,` for the plugin
/// wheel that brings it to a library without it, and `fastest "PRECISION",` for the precision that is likely the fastest on it. That is int8 on CPUs, whose 8-bit products are two to four times as
/// fast while 16 bits gain nothing, and fp16 on NVIDIA GPUs; elsewhere nothing was measured, and fp32 is the default.
macro_rules! providers {
    ($(
        $(#[doc = $doc:literal])+ $kind:ident = $name:literal ($onnx_name:literal), needs $needs:literal,
        $(wheel $wheel:ident,)? $(plugin $plugin:ident,)? $(fastest $precision:literal,)? options $family:expr;
    )*) => {
        /// An execution provider.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ProviderKind {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $kind,)*
        }

        impl ProviderKind {
            /// Every provider of the table.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];
        }

        /// In the order of [`ProviderKind`].
        static TABLE: &[Row] = &[$(Row {
            name: $name,
            onnx_name: $onnx_name,
            needs: $needs,
            wheel: [$(Some(RuntimeWheel::$wheel),)? None][0],
            plugin: [$(Some(PluginWheel::$plugin),)? None][0],
            fastest_precision: [$($precision,)? "fp32"][0],
            family: $family,
        },)*];
    };
}

providers! {
    /// ONNX Runtime's own kernels, in every library.
    Cpu = "cpu" ("CPUExecutionProvider"), needs "no more than the library",
        wheel Cpu, fastest "int8", options Typed::<CpuOptions>::FAMILY;
    /// NVIDIA CUDA.
    Cuda = "cuda" ("CUDAExecutionProvider"), needs "an NVIDIA GPU with its driver, CUDA 13 and cuDNN 9",
        wheel Cuda, fastest "fp16", options Typed::<CudaOptions>::FAMILY;
    /// NVIDIA TensorRT.
    TensorRt = "tensorrt" ("TensorrtExecutionProvider"), needs "an NVIDIA GPU with its driver, CUDA 13, cuDNN 9 and TensorRT 10",
        wheel Cuda, fastest "fp16", options Typed::<TensorRtOptions>::FAMILY;
    /// Intel OpenVINO.
    OpenVino = "openvino" ("OpenVINOExecutionProvider"), needs "an x86-64 CPU and a graph whose nodes OpenVINO takes",
        wheel Openvino, fastest "int8", options Typed::<OpenVinoOptions>::FAMILY;
    /// Intel OpenVINO as a plugin, newer than the one in the `openvino` runtime wheel.
    OpenVinoPlugin = "openvino-plugin" ("OpenVINOExecutionProvider"), needs "an Intel CPU, GPU or NPU",
        plugin OpenVino, options &plugin::OPENVINO;
    /// NVIDIA TensorRT for RTX; `tensorrt-rtx` is another name for it.
    NvTensorRtRtx = "nvtensorrtrtx" ("NvTensorRTRTXExecutionProvider"), needs "an NVIDIA RTX GPU with its driver",
        plugin TensorRtRtx, fastest "fp16", options &passed_through::NV_TENSORRT_RTX;
    /// AMD ROCm; ONNX Runtime 1.23 was the last release with it.
    Rocm = "rocm" ("ROCMExecutionProvider"), needs "an AMD GPU with ROCm", options &passed_through::ROCM;
    /// AMD MIGraphX.
    MiGraphX = "migraphx" ("MIGraphXExecutionProvider"), needs "an AMD GPU with ROCm and MIGraphX",
        options &passed_through::MIGRAPHX;
    /// AMD Vitis AI.
    VitisAi = "vitisai" ("VitisAIExecutionProvider"), needs "an AMD NPU or adaptive SoC with Vitis AI",
        options &passed_through::VITIS_AI;
    /// Intel oneDNN.
    OneDnn = "onednn" ("DnnlExecutionProvider"), needs "a library built with oneDNN", options &passed_through::ONE_DNN;
    /// Google XNNPACK.
    Xnnpack = "xnnpack" ("XnnpackExecutionProvider"), needs "a library built with XNNPACK", options &passed_through::XNNPACK;
    /// Arm Compute Library.
    Acl = "acl" ("ACLExecutionProvider"), needs "an Arm CPU and a library built with the Arm Compute Library",
        options &passed_through::ACL;
    /// Arm NN; newer releases of ONNX Runtime have removed it.
    ArmNn = "armnn" ("ArmNNExecutionProvider"), needs "an Arm CPU and a library built with Arm NN",
        options &passed_through::ARM_NN;
    /// Apple Core ML.
    CoreMl = "coreml" ("CoreMLExecutionProvider"), needs "macOS or iOS", wheel Cpu, options &passed_through::CORE_ML;
    /// Microsoft DirectML.
    DirectMl = "directml" ("DmlExecutionProvider"), needs "Windows with a DirectX 12 GPU", options &passed_through::DIRECT_ML;
    /// Android's Neural Networks API.
    Nnapi = "nnapi" ("NnapiExecutionProvider"), needs "Android", options &passed_through::NNAPI;
    /// Qualcomm AI Engine Direct.
    Qnn = "qnn" ("QNNExecutionProvider"), needs "a Qualcomm SoC with the QNN libraries", options &passed_through::QNN;
    /// Huawei CANN.
    Cann = "cann" ("CANNExecutionProvider"), needs "a Huawei Ascend NPU with CANN", options &passed_through::CANN;
    /// Rockchip NPU.
    Rknpu = "rknpu" ("RknpuExecutionProvider"), needs "a Rockchip NPU", options &passed_through::RKNPU;
    /// VeriSilicon NPU.
    Vsinpu = "vsinpu" ("VSINPUExecutionProvider"), needs "a VeriSilicon NPU", options &passed_through::VSINPU;
    /// Apache TVM.
    Tvm = "tvm" ("TvmExecutionProvider"), needs "a library built with TVM", options &passed_through::TVM;
    /// WebGPU, natively through Dawn.
    WebGpu = "webgpu" ("WebGpuExecutionProvider"), needs "a GPU with Vulkan, Metal or Direct3D 12",
        plugin WebGpu, options &passed_through::WEB_GPU;
    /// Azure: sends requests to a cloud service and runs no tile model; opening a session with it is an error.
    Azure = "azure" ("AzureExecutionProvider"), needs "a graph made of Azure's remote operators",
        options &passed_through::AZURE;
    /// A provider in a library that the user names.
    Plugin = "plugin" (""), needs "the devices that the provider's library drives", wheel Cpu, options &Plugin;
}

impl ProviderKind {
    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The name that users type.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The name that ONNX Runtime uses; empty for a plugin, whose library names it.
    #[must_use]
    pub fn onnx_name(self) -> &'static str {
        self.row().onnx_name
    }

    /// The hardware and software that a machine must have beside the library.
    #[must_use]
    pub fn needs(self) -> &'static str {
        self.row().needs
    }

    /// The runtime wheel that has this provider on this system; none if only a library of the user's own has it.
    #[must_use]
    pub fn wheel(self) -> Option<RuntimeWheel> {
        self.wheel_on(std::env::consts::OS)
    }

    /// The same for a system, which is named as in [`std::env::consts::OS`]: `coreml` is in the wheel for macOS alone. A
    /// plugin is in no wheel and is loaded by any; it names the smallest.
    fn wheel_on(self, os: &str) -> Option<RuntimeWheel> {
        if self.plugin().is_some() {
            return Some(RuntimeWheel::Cpu);
        }
        let has = |wheel: &RuntimeWheel| self == Self::Plugin || wheel.providers_on(os).contains(&self.name());
        self.row().wheel.filter(has)
    }

    /// The plugin wheel that brings the provider to a library that was built without it.
    #[must_use]
    pub fn plugin(self) -> Option<PluginWheel> {
        self.row().plugin
    }

    /// The precision that is likely the fastest on this provider.
    #[must_use]
    pub fn fastest_precision(self) -> &'static str {
        self.row().fastest_precision
    }

    /// The typed options, one row each; empty if options are passed through.
    #[must_use]
    pub fn options(self) -> &'static [OptionDoc] {
        self.row().family.options()
    }

    /// The keys of ONNX Runtime that are passed through to a provider without typed options.
    #[must_use]
    pub fn passed_through(self) -> &'static [&'static str] {
        self.row().family.passed_through()
    }

    pub(super) fn family(self) -> &'static dyn ProviderFamily {
        self.row().family
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
        let wanted = name.trim();
        let has_name = |kind: &&Self| {
            let plugin = kind.plugin().map_or("", PluginWheel::name);
            kind.name().eq_ignore_ascii_case(wanted) || (!plugin.is_empty() && plugin.eq_ignore_ascii_case(wanted))
        };
        let known = Self::ALL.iter().find(has_name);
        known.copied().ok_or_else(|| Error::UnknownProvider {
            name: name.to_owned(),
            known: Self::ALL.iter().map(|kind| kind.name()).collect(),
        })
    }
}

/// The user's name for a name of ONNX Runtime's; a name that is not in the table is returned unchanged.
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
        let own: Vec<_> = all.iter().filter(|kind| **kind != ProviderKind::OpenVinoPlugin).collect();
        assert_eq!(own.iter().map(|kind| kind.onnx_name()).collect::<BTreeSet<_>>().len(), own.len());
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
    fn every_wheel_names_the_providers_whose_rows_name_it_on_every_system() {
        for (os, wheel) in
            ["linux", "macos", "windows"].into_iter().flat_map(|os| RuntimeWheel::ALL.map(|wheel| (os, wheel)))
        {
            let listed: BTreeSet<ProviderKind> =
                wheel.providers_on(os).iter().map(|name| name.parse().unwrap()).collect();
            let has = |kind: &&ProviderKind| {
                kind.wheel_on(os) == Some(wheel) && **kind != ProviderKind::Plugin && kind.plugin().is_none()
            };
            let rows: BTreeSet<_> = ProviderKind::ALL.iter().filter(has).copied().collect();
            assert!(rows.is_subset(&listed), "{wheel} on {os}");
            let rest: Vec<_> = listed.difference(&rows).copied().collect();
            assert!(rest.is_empty() || rest == [ProviderKind::Cpu], "{wheel} on {os}");
        }
        assert_eq!(ProviderKind::CoreMl.wheel_on("macos"), Some(RuntimeWheel::Cpu));
        assert_eq!(ProviderKind::CoreMl.wheel_on("linux"), None);
    }

    #[test]
    fn each_plugin_wheel_has_one_provider_with_its_name() {
        for wheel in PluginWheel::ALL {
            let kind: ProviderKind = wheel.name().parse().unwrap();
            assert_eq!(kind.plugin(), Some(wheel));
            assert_eq!(kind.onnx_name(), wheel.onnx_name());
            assert_eq!(kind.wheel(), Some(RuntimeWheel::Cpu), "the smallest library loads it");
        }
        assert_eq!("tensorrt-rtx".parse::<ProviderKind>().unwrap(), ProviderKind::NvTensorRtRtx);
        assert_eq!(user_name("OpenVINOExecutionProvider"), "openvino");
    }

    #[test]
    fn names_of_onnx_runtime_become_the_users_names() {
        assert_eq!(user_name("OpenVINOExecutionProvider"), "openvino");
        assert_eq!(user_name("QNNExecutionProvider"), "qnn");
        assert_eq!(user_name("SomeExecutionProvider"), "SomeExecutionProvider");
    }
}
