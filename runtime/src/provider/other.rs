//! Providers whose options are passed through: the keys are checked against what ort and ONNX Runtime document, the
//! values are ONNX Runtime's to judge. None of them has run on hardware with Kiln.

use std::collections::BTreeMap;

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};

use super::ProviderKind;

/// Options by ONNX Runtime's own keys.
pub type PassThrough = BTreeMap<String, String>;

/// The keys that a provider takes.
pub(crate) fn keys(kind: ProviderKind) -> &'static [&'static str] {
    match kind {
        ProviderKind::NvTensorRtRtx => &[
            "device_id",
            "enable_cuda_graph",
            "nv_max_workspace_size",
            "nv_max_shared_mem_size",
            "nv_profile_min_shapes",
            "nv_profile_opt_shapes",
            "nv_profile_max_shapes",
            "nv_multi_profile_enable",
            "nv_runtime_cache_path",
        ],
        ProviderKind::Rocm => &[
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
        ],
        ProviderKind::MiGraphX => {
            &["device_id", "fp16", "fp8", "int8", "exhaustive_tune", "mem_limit", "save_model", "load_model"]
        }
        ProviderKind::VitisAi => {
            &["config_file", "cache_dir", "cache_key", "enable_cache_file_io_in_mem", "xclbin", "opt_level", "target"]
        }
        ProviderKind::OneDnn => &["use_arena"],
        ProviderKind::Xnnpack => &["intra_op_num_threads"],
        ProviderKind::Acl => &["fast_math"],
        ProviderKind::ArmNn => &["use_arena"],
        ProviderKind::CoreMl => &[
            "EnableOnSubgraphs",
            "RequireStaticInputShapes",
            "ModelFormat",
            "SpecializationStrategy",
            "MLComputeUnits",
            "ProfileComputePlan",
            "AllowLowPrecisionAccumulationOnGPU",
            "ModelCacheDirectory",
        ],
        ProviderKind::DirectMl => &["device_id"],
        ProviderKind::Nnapi => &["fp16", "nchw", "disable_cpu", "cpu_only"],
        ProviderKind::Qnn => &[
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
        ],
        ProviderKind::Cann => &[
            "device_id",
            "npu_mem_limit",
            "arena_extend_strategy",
            "enable_cann_graph",
            "dump_graphs",
            "dump_om_model",
            "precision_mode",
            "op_select_impl_mode",
            "optypelist_for_implmode",
        ],
        ProviderKind::WebGpu => &[
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
        ],
        _ => &[],
    }
}

/// Values that are no text for ort: what they must be, or nothing if they are right.
pub(crate) fn check(kind: ProviderKind, options: &PassThrough) -> Result<(), String> {
    let switches: &[&str] = match kind {
        ProviderKind::MiGraphX => &["fp16", "fp8", "int8", "exhaustive_tune"],
        ProviderKind::OneDnn | ProviderKind::ArmNn => &["use_arena"],
        ProviderKind::Acl => &["fast_math"],
        ProviderKind::Nnapi => keys(kind),
        _ => &[],
    };
    let numbers: &[&str] = match kind {
        ProviderKind::MiGraphX => &["device_id", "mem_limit"],
        ProviderKind::DirectMl => &["device_id"],
        _ => &[],
    };
    for (key, value) in options {
        if switches.contains(&key.as_str()) && switch(value).is_none() {
            return Err(format!("`{key}` is `{value}`; it takes true or false"));
        }
        if numbers.contains(&key.as_str()) && value.parse::<u32>().is_err() {
            return Err(format!("`{key}` is `{value}`; it takes a whole number"));
        }
    }
    Ok(())
}

fn switch(value: &str) -> Option<bool> {
    match value {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn registration(kind: ProviderKind, options: &PassThrough) -> ExecutionProviderDispatch {
    let dispatch = match kind {
        ProviderKind::NvTensorRtRtx => passed(ep::NVRTX::default(), options).build(),
        ProviderKind::Rocm => passed(ep::ROCm::default(), options).build(),
        ProviderKind::VitisAi => passed(ep::Vitis::default(), options).build(),
        ProviderKind::OneDnn => passed(ep::OneDNN::default(), options).build(),
        ProviderKind::Xnnpack => passed(ep::XNNPACK::default(), options).build(),
        ProviderKind::CoreMl => passed(ep::CoreML::default(), options).build(),
        ProviderKind::Qnn => passed(ep::QNN::default(), options).build(),
        ProviderKind::Cann => passed(ep::CANN::default(), options).build(),
        ProviderKind::WebGpu => passed(ep::WebGPU::default(), options).build(),
        ProviderKind::MiGraphX => migraphx(options).build(),
        kind => built(kind, options),
    };
    dispatch.error_on_failure()
}

/// Providers that ort gives fixed options.
fn built(kind: ProviderKind, options: &PassThrough) -> ExecutionProviderDispatch {
    let on = |key: &str| options.get(key).and_then(|value| switch(value)).unwrap_or_default();
    match kind {
        ProviderKind::Acl => ep::ACL::default().with_fast_math(on("fast_math")).build(),
        #[allow(deprecated)]
        ProviderKind::ArmNn => ep::ArmNN::default().with_arena_allocator(on("use_arena")).build(),
        ProviderKind::DirectMl => {
            let device = number(options, "device_id").unwrap_or_default();
            ep::DirectML::default().with_device_id(device).build()
        }
        ProviderKind::Nnapi => ep::NNAPI::default()
            .with_fp16(on("fp16"))
            .with_nchw(on("nchw"))
            .with_disable_cpu(on("disable_cpu"))
            .with_cpu_only(on("cpu_only"))
            .build(),
        ProviderKind::Rknpu => ep::RKNPU::default().build(),
        ProviderKind::Vsinpu => ep::VSINPU::default().build(),
        ProviderKind::Azure => ep::Azure::default().build(),
        _ => ep::TVM::default().build(),
    }
}

fn migraphx(options: &PassThrough) -> ep::MIGraphX {
    let on = |key: &str| options.get(key).and_then(|value| switch(value)).unwrap_or_default();
    let mut provider = ep::MIGraphX::default()
        .with_device_id(number(options, "device_id").unwrap_or_default())
        .with_fp16(on("fp16"))
        .with_fp8(on("fp8"))
        .with_int8(on("int8"))
        .with_exhaustive_tune(on("exhaustive_tune"));
    if let Some(limit) = number(options, "mem_limit") {
        provider = provider.with_mem_limit(limit);
    }
    if let Some(path) = options.get("save_model") {
        provider = provider.with_save_model(path);
    }
    if let Some(path) = options.get("load_model") {
        provider = provider.with_load_model(path);
    }
    provider
}

fn number<T: std::str::FromStr>(options: &PassThrough, key: &str) -> Option<T> {
    options.get(key).and_then(|value| value.parse().ok())
}

fn passed<P: ArbitrarilyConfigurableExecutionProvider>(provider: P, options: &PassThrough) -> P {
    options.iter().fold(provider, |provider, (key, value)| provider.with_arbitrary_config(key, value))
}
