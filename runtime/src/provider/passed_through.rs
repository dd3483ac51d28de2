//! Providers whose options are passed through: the keys are those that ort and ONNX Runtime document, the values are
//! checked by ONNX Runtime. None of them has run on hardware with Kiln.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};
use serde_yaml::Mapping;

use super::configured::{ConfiguredProvider, SessionSetup, dispatch};
use super::family::ProviderFamily;
use super::option::{Settings, known_keys, text};

/// A provider whose options are passed through.
pub(crate) struct PassedThrough {
    /// Keys of ONNX Runtime.
    keys: &'static [&'static str],
    /// Keys whose value ort takes as a boolean.
    switches: &'static [&'static str],
    /// Keys whose value ort takes as a number.
    numbers: &'static [&'static str],
    /// The provider with its options.
    build: fn(&Options) -> ExecutionProviderDispatch,
}

/// Options by ONNX Runtime's keys.
#[derive(Debug, Clone, Default)]
struct Options(BTreeMap<String, String>);

impl Options {
    fn is_on(&self, key: &str) -> bool {
        self.0.get(key).and_then(|value| switch(value)).unwrap_or_default()
    }

    fn number<T: FromStr>(&self, key: &str) -> Option<T> {
        self.0.get(key).and_then(|value| value.parse().ok())
    }
}

fn switch(value: &str) -> Option<bool> {
    match value {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

impl PassedThrough {
    /// A provider that takes every value as text.
    const fn new<P>(keys: &'static [&'static str]) -> Self
    where
        P: ArbitrarilyConfigurableExecutionProvider + Default + Into<ExecutionProviderDispatch>,
    {
        Self { keys, switches: &[], numbers: &[], build: |options| dispatch(P::default(), &options.0) }
    }

    /// A provider without options.
    const fn without_options(build: fn(&Options) -> ExecutionProviderDispatch) -> Self {
        Self { keys: &[], switches: &[], numbers: &[], build }
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        for (key, value) in &options.0 {
            if self.switches.contains(&key.as_str()) && switch(value).is_none() {
                return Err(format!("`{key}` is `{value}`; it takes true or false"));
            }
            if self.numbers.contains(&key.as_str()) && value.parse::<u32>().is_err() {
                return Err(format!("`{key}` is `{value}`; it takes a whole number"));
            }
        }
        Ok(())
    }
}

impl ProviderFamily for PassedThrough {
    fn passed_through(&self) -> &'static [&'static str] {
        self.keys
    }

    fn configure(&self, written: &Mapping) -> Result<Arc<dyn ConfiguredProvider>, String> {
        known_keys(written, self.keys)?;
        let options = Options(written.iter().map(|(key, value)| (text(key), text(value))).collect());
        self.check(&options)?;
        Ok(Arc::new(Configured { build: self.build, options }))
    }

    fn defaults(&self) -> Arc<dyn ConfiguredProvider> {
        Arc::new(Configured { build: self.build, options: Options::default() })
    }
}

/// A provider with the options that the user wrote.
struct Configured {
    build: fn(&Options) -> ExecutionProviderDispatch,
    options: Options,
}

/// Without the function's address, which differs between processes: resuming compares the text.
impl fmt::Debug for Configured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Other").field(&self.options.0).finish()
    }
}

impl Settings for Configured {
    fn settings(&self) -> Vec<(&str, String)> {
        self.options.0.iter().map(|(key, value)| (key.as_str(), value.clone())).collect()
    }
}

impl ConfiguredProvider for Configured {
    fn registration(&self, _setup: &SessionSetup<'_>) -> Option<ExecutionProviderDispatch> {
        Some((self.build)(&self.options))
    }
}

pub(crate) static NV_TENSORRT_RTX: PassedThrough = PassedThrough::new::<ep::NVRTX>(&[
    "device_id",
    "enable_cuda_graph",
    "nv_max_workspace_size",
    "nv_max_shared_mem_size",
    "nv_profile_min_shapes",
    "nv_profile_opt_shapes",
    "nv_profile_max_shapes",
    "nv_multi_profile_enable",
    "nv_runtime_cache_path",
]);

pub(crate) static ROCM: PassedThrough = PassedThrough::new::<ep::ROCm>(&[
    "device_id",
    "gpu_mem_limit",
    "arena_extend_strategy",
    "miopen_conv_exhaustive_search",
    "miopen_conv_use_max_workspace",
    "do_copy_in_default_stream",
    "enable_hip_graph",
    "tunable_op_enable",
    "tunable_op_tuning_enable",
    "tunable_op_max_tuning_duration_ms",
]);

pub(crate) static MIGRAPHX: PassedThrough = PassedThrough {
    keys: &["device_id", "fp16", "fp8", "int8", "exhaustive_tune", "mem_limit", "save_model", "load_model"],
    switches: &["fp16", "fp8", "int8", "exhaustive_tune"],
    numbers: &["device_id", "mem_limit"],
    build: migraphx,
};

pub(crate) static VITIS_AI: PassedThrough = PassedThrough::new::<ep::Vitis>(&[
    "config_file",
    "cache_dir",
    "cache_key",
    "enable_cache_file_io_in_mem",
    "xclbin",
    "opt_level",
    "target",
]);

pub(crate) static ONE_DNN: PassedThrough =
    PassedThrough { switches: &["use_arena"], ..PassedThrough::new::<ep::OneDNN>(&["use_arena"]) };

pub(crate) static XNNPACK: PassedThrough = PassedThrough::new::<ep::XNNPACK>(&["intra_op_num_threads"]);

pub(crate) static ACL: PassedThrough = PassedThrough {
    keys: &["fast_math"],
    switches: &["fast_math"],
    numbers: &[],
    build: |options| ep::ACL::default().with_fast_math(options.is_on("fast_math")).build(),
};

#[allow(deprecated)]
pub(crate) static ARM_NN: PassedThrough = PassedThrough {
    keys: &["use_arena"],
    switches: &["use_arena"],
    numbers: &[],
    build: |options| ep::ArmNN::default().with_arena_allocator(options.is_on("use_arena")).build(),
};

pub(crate) static CORE_ML: PassedThrough = PassedThrough::new::<ep::CoreML>(&[
    "EnableOnSubgraphs",
    "RequireStaticInputShapes",
    "ModelFormat",
    "SpecializationStrategy",
    "MLComputeUnits",
    "ProfileComputePlan",
    "AllowLowPrecisionAccumulationOnGPU",
    "ModelCacheDirectory",
]);

pub(crate) static DIRECT_ML: PassedThrough = PassedThrough {
    keys: &["device_id"],
    switches: &[],
    numbers: &["device_id"],
    build: |options| ep::DirectML::default().with_device_id(options.number("device_id").unwrap_or_default()).build(),
};

pub(crate) static NNAPI: PassedThrough = PassedThrough {
    keys: &["fp16", "nchw", "disable_cpu", "cpu_only"],
    switches: &["fp16", "nchw", "disable_cpu", "cpu_only"],
    numbers: &[],
    build: nnapi,
};

pub(crate) static QNN: PassedThrough = PassedThrough::new::<ep::QNN>(&[
    "backend_path",
    "profiling_level",
    "profiling_file_path",
    "rpc_control_latency",
    "vtcm_mb",
    "htp_performance_mode",
    "qnn_saver_path",
    "qnn_context_priority",
    "htp_graph_finalization_optimization_mode",
    "soc_model",
    "htp_arch",
    "device_id",
    "enable_htp_fp16_precision",
    "enable_htp_weight_sharing",
    "offload_graph_io_quantization",
]);

pub(crate) static CANN: PassedThrough = PassedThrough::new::<ep::CANN>(&[
    "device_id",
    "npu_mem_limit",
    "arena_extend_strategy",
    "enable_cann_graph",
    "dump_graphs",
    "dump_om_model",
    "precision_mode",
    "op_select_impl_mode",
    "optypelist_for_implmode",
]);

pub(crate) static RKNPU: PassedThrough = PassedThrough::without_options(|_| ep::RKNPU::default().build());

pub(crate) static VSINPU: PassedThrough = PassedThrough::without_options(|_| ep::VSINPU.build());

pub(crate) static TVM: PassedThrough = PassedThrough::without_options(|_| ep::TVM::default().build());

pub(crate) static WEB_GPU: PassedThrough = PassedThrough::new::<ep::WebGPU>(&[
    "preferredLayout",
    "enableGraphCapture",
    "dawnBackendType",
    "deviceId",
    "storageBufferCacheMode",
    "uniformBufferCacheMode",
    "queryResolveBufferCacheMode",
    "defaultBufferCacheMode",
    "validationMode",
    "forceCpuNodeNames",
]);

pub(crate) static AZURE: PassedThrough = PassedThrough::without_options(|_| ep::Azure::default().build());

fn nnapi(options: &Options) -> ExecutionProviderDispatch {
    ep::NNAPI::default()
        .with_fp16(options.is_on("fp16"))
        .with_nchw(options.is_on("nchw"))
        .with_disable_cpu(options.is_on("disable_cpu"))
        .with_cpu_only(options.is_on("cpu_only"))
        .build()
}

fn migraphx(options: &Options) -> ExecutionProviderDispatch {
    let mut provider = ep::MIGraphX::default()
        .with_device_id(options.number("device_id").unwrap_or_default())
        .with_fp16(options.is_on("fp16"))
        .with_fp8(options.is_on("fp8"))
        .with_int8(options.is_on("int8"))
        .with_exhaustive_tune(options.is_on("exhaustive_tune"));
    if let Some(limit) = options.number("mem_limit") {
        provider = provider.with_mem_limit(limit);
    }
    if let Some(path) = options.0.get("save_model") {
        provider = provider.with_save_model(path);
    }
    if let Some(path) = options.0.get("load_model") {
        provider = provider.with_load_model(path);
    }
    provider.build()
}
