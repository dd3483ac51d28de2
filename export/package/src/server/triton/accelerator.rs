//! The `optimization` block: the execution provider that runs the graph in Triton's ONNX Runtime backend, and its options.
//! Keys are those of the backend's documentation (onnxruntime_backend, README); none of them ran on a GPU here.

use kiln_runtime::ProviderKind;

use super::message::{Accelerator, AcceleratorEntry, ExecutionAccelerators, ModelOptimizationPolicy};
use super::shape::dims;
use crate::error::{Error, Result};
use crate::graph::Port;
use crate::request::PackageRequest;
use crate::source::Source;

/// The block for the request's provider; none for the CPU, whose kernels are the backend's own.
///
/// # Errors
/// [`Error::Option`] if the provider does not support the precision.
pub(super) fn optimization(
    request: &PackageRequest,
    source: &Source,
    model: &str,
    max_batch: i32,
) -> Result<Option<ModelOptimizationPolicy>> {
    let mut accelerators = ExecutionAccelerators::default();
    match request.provider {
        ProviderKind::OpenVino => accelerators.cpu_execution_accelerator.push(accelerator("openvino", vec![])),
        ProviderKind::Cuda => accelerators.gpu_execution_accelerator.push(accelerator("cuda", cuda())),
        ProviderKind::TensorRt => {
            let keys = tensorrt(request, source, model, max_batch)?;
            accelerators.gpu_execution_accelerator.push(accelerator("tensorrt", keys));
        }
        _ => return Ok(None),
    }
    Ok(Some(ModelOptimizationPolicy { execution_accelerators: Some(accelerators) }))
}

/// A dynamic batcher makes batches of many sizes. The exhaustive search, cuDNN's default here, would start anew for each of
/// them while serving.
fn cuda() -> Vec<(&'static str, String)> {
    vec![("cudnn_conv_algo_search", "HEURISTIC".to_owned()), ("cudnn_conv_use_max_workspace", "1".to_owned())]
}

/// TensorRT engines have the precision of the graph, are built once for the whole range of batches, and are cached.
fn tensorrt(
    request: &PackageRequest,
    source: &Source,
    model: &str,
    max_batch: i32,
) -> Result<Vec<(&'static str, String)>> {
    let precision_mode = precision_mode(&source.variant.precision)?;
    let cache = format!("{}/kiln-tensorrt-{model}-{}", request.engine_cache.trim_end_matches('/'), source.weights_id());
    let mut keys = vec![
        ("precision_mode", precision_mode.to_owned()),
        ("trt_engine_cache_enable", "1".to_owned()),
        ("trt_engine_cache_path", cache.clone()),
        ("trt_timing_cache_enable", "1".to_owned()),
        ("trt_timing_cache_path", cache),
    ];
    if max_batch > 0 {
        keys.push(("trt_profile_min_shapes", shape_profile(&source.graph.inputs, 1)));
        keys.push(("trt_profile_opt_shapes", shape_profile(&source.graph.inputs, max_batch)));
        keys.push(("trt_profile_max_shapes", shape_profile(&source.graph.inputs, max_batch)));
    }
    Ok(keys)
}

/// TensorRT's name of a precision.
pub(super) fn precision_mode(precision: &str) -> Result<&'static str> {
    match precision {
        "fp32" => Ok("FP32"),
        "fp16" => Ok("FP16"),
        other => {
            let reason = format!(
                "TensorRT does not support unsigned 8-bit activations, which the {other} graph has; package fp32 or fp16 for \
                 it"
            );
            Err(Error::option("precisions", reason))
        }
    }
}

/// `tile:8x256x256x3`, one entry for each input.
fn shape_profile(inputs: &[Port], batch: i32) -> String {
    let shape = |port: &Port| {
        let (dims, reshaped) = dims(port, 1);
        let rest = reshaped.unwrap_or(dims);
        let sizes: Vec<String> = std::iter::once(i64::from(batch)).chain(rest).map(|size| size.to_string()).collect();
        format!("{}:{}", port.name, sizes.join("x"))
    };
    inputs.iter().map(shape).collect::<Vec<_>>().join(",")
}

fn accelerator(name: &str, keys: Vec<(&str, String)>) -> Accelerator {
    let entry = |(key, value): (&str, String)| AcceleratorEntry { key: key.to_owned(), value };
    Accelerator { name: name.to_owned(), parameters: keys.into_iter().map(entry).collect() }
}
