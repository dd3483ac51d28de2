//! Makes the configuration of a model as typed messages.

use super::accelerator::optimization;
use super::message::{
    DataType, InstanceKind, Latest, ModelConfig, ModelDynamicBatching, ModelInput, ModelInstanceGroup, ModelOutput,
    ModelTensorReshape, ModelVersionPolicy,
};
use super::parameters::parameters;
use super::shape::{dims, max_batch};
use super::warmup::{Sample, warmup};
use super::{LABELLED, LABELS};
use crate::error::Result;
use crate::graph::Port;
use crate::plan::MODEL;
use crate::request::PackageRequest;
use crate::source::Source;

/// The whole configuration.
pub(super) fn config(
    request: &PackageRequest,
    source: &Source,
    model: &str,
    samples: &[Sample],
) -> Result<ModelConfig> {
    let max_batch = max_batch(request, &source.graph);
    let has_classes = !source.bundle.manifest.classes.is_empty();
    let batching = ModelDynamicBatching { max_queue_delay_microseconds: request.max_queue_delay_us };
    Ok(ModelConfig {
        name: model.to_owned(),
        platform: String::new(),
        // Triton's own default, stated: a new version takes over, and the old one ends with its last request.
        version_policy: Some(ModelVersionPolicy { latest: Some(Latest { num_versions: 1 }) }),
        max_batch_size: Some(max_batch),
        input: source.graph.inputs.iter().map(|port| input(port, max_batch)).collect(),
        output: source.graph.outputs.iter().map(|port| output(port, max_batch, has_classes)).collect(),
        instance_group: vec![instances(request)],
        default_model_filename: MODEL.to_owned(),
        dynamic_batching: (max_batch > 1).then_some(batching),
        optimization: optimization(request, source, model, max_batch)?,
        parameters: parameters(source),
        model_warmup: samples.iter().map(|sample| warmup(sample, &source.graph, max_batch)).collect(),
        backend: "onnxruntime".to_owned(),
    })
}

fn input(port: &Port, max_batch: i32) -> ModelInput {
    let (dims, shape) = dims(port, max_batch);
    let reshape = shape.map(|shape| ModelTensorReshape { shape });
    ModelInput { name: port.name.clone(), data_type: DataType::from(port.element).into(), dims, reshape }
}

fn output(port: &Port, max_batch: i32, has_classes: bool) -> ModelOutput {
    let (dims, shape) = dims(port, max_batch);
    let label_filename = if has_classes && port.name == LABELLED { LABELS } else { "" };
    ModelOutput {
        name: port.name.clone(),
        data_type: DataType::from(port.element).into(),
        dims,
        label_filename: label_filename.to_owned(),
        reshape: shape.map(|shape| ModelTensorReshape { shape }),
    }
}

fn instances(request: &PackageRequest) -> ModelInstanceGroup {
    let kind = if request.needs_gpu() { InstanceKind::Gpu } else { InstanceKind::Cpu };
    ModelInstanceGroup { count: i32::try_from(request.instances).unwrap_or(i32::MAX), kind: kind.into() }
}
