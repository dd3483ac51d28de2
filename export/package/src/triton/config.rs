//! The configuration of a model as typed messages.
//!
//! Dimensions leave the batch out where Triton batches, and hold it where it does not. Triton has no tensor without
//! dimensions, so an output such as `score` `[batch]` is declared as `[1]` with an empty reshape, and arrives as
//! `[batch, 1]` (Triton's model configuration, "Reshape").

use kiln_runtime::ProviderKind;
use kiln_runtime::bundle::manifest::Dim;
use kiln_runtime::bundle::write_names;
use protobuf::{EnumOrUnknown, MessageField};

use super::accelerator;
use super::warmup::{Sample, warmup};
use crate::error::Result;
use crate::graph::{BatchRule, Graph, Port};
use crate::proto::model_config::model_config::{ParametersEntry, Scheduling_choice};
use crate::proto::model_config::model_instance_group::Kind;
use crate::proto::model_config::model_version_policy::{Latest, Policy_choice};
use crate::proto::model_config::{
    ModelConfig, ModelDynamicBatching, ModelInput, ModelInstanceGroup, ModelOutput, ModelParameter, ModelTensorReshape,
    ModelVersionPolicy,
};
use crate::request::PackageRequest;
use crate::source::Source;

/// The output that has a label for each of its values.
const LABELLED: &str = "probabilities";

/// Triton's batch limit for a graph: the asked one where the batch is symbolic, 0 (no batching) where it is fixed.
pub(crate) fn max_batch(request: &PackageRequest, graph: &Graph) -> i32 {
    match graph.batch {
        BatchRule::Symbolic => i32::try_from(request.max_batch).unwrap_or(i32::MAX),
        BatchRule::Fixed(_) => 0,
    }
}

/// The whole configuration.
pub(crate) fn config(
    request: &PackageRequest,
    source: &Source,
    model: &str,
    samples: &[Sample],
) -> Result<ModelConfig> {
    let max_batch = max_batch(request, &source.graph);
    let classes = &source.bundle.manifest.classes;
    let mut config = ModelConfig {
        name: model.to_owned(),
        backend: "onnxruntime".to_owned(),
        max_batch_size: Some(max_batch),
        input: source.graph.inputs.iter().map(|port| input(port, max_batch)).collect(),
        output: source.graph.outputs.iter().map(|port| output(port, max_batch, !classes.is_empty())).collect(),
        version_policy: MessageField::some(newest_version()),
        instance_group: vec![instances(request)],
        optimization: accelerator::optimization(request, source, model, max_batch)?,
        model_warmup: samples.iter().map(|sample| warmup(sample, &source.graph, max_batch)).collect(),
        parameters: parameters(source),
        ..ModelConfig::default()
    };
    config.default_model_filename = "model.onnx".to_owned();
    if max_batch > 1 {
        config.scheduling_choice = Some(Scheduling_choice::DynamicBatching(ModelDynamicBatching {
            max_queue_delay_microseconds: request.max_queue_delay_us,
            ..ModelDynamicBatching::default()
        }));
    }
    Ok(config)
}

/// Dimensions as the configuration states them, and the shape that the graph itself has if it differs.
pub(super) fn dims(port: &Port, max_batch: i32) -> (Vec<i64>, Option<Vec<i64>>) {
    let number = |dim: &Dim| match dim {
        Dim::Fixed(length) => i64::try_from(*length).unwrap_or(i64::MAX),
        Dim::Symbolic(_) => -1,
    };
    let skipped = usize::from(max_batch > 0);
    let dims: Vec<i64> = port.shape.iter().skip(skipped).map(number).collect();
    if dims.is_empty() { (vec![1], Some(dims)) } else { (dims, None) }
}

fn input(port: &Port, max_batch: i32) -> ModelInput {
    let (dims, shape) = dims(port, max_batch);
    ModelInput {
        name: port.name.clone(),
        data_type: EnumOrUnknown::new(port.element.triton),
        dims,
        reshape: reshape(shape),
        ..ModelInput::default()
    }
}

fn output(port: &Port, max_batch: i32, labelled: bool) -> ModelOutput {
    let (dims, shape) = dims(port, max_batch);
    let mut output = ModelOutput {
        name: port.name.clone(),
        data_type: EnumOrUnknown::new(port.element.triton),
        dims,
        reshape: reshape(shape),
        ..ModelOutput::default()
    };
    if labelled && port.name == LABELLED {
        output.label_filename = super::LABELS.to_owned();
    }
    output
}

fn reshape(shape: Option<Vec<i64>>) -> MessageField<ModelTensorReshape> {
    shape.map(|shape| ModelTensorReshape { shape, ..ModelTensorReshape::default() }).into()
}

/// Triton's own default, stated: a new version takes over, and the old one ends with its last request.
fn newest_version() -> ModelVersionPolicy {
    let latest = Latest { num_versions: 1, ..Latest::default() };
    ModelVersionPolicy { policy_choice: Some(Policy_choice::Latest(latest)), ..ModelVersionPolicy::default() }
}

fn instances(request: &PackageRequest) -> ModelInstanceGroup {
    let kind = match request.provider {
        ProviderKind::Cuda | ProviderKind::TensorRt => Kind::KIND_GPU,
        _ => Kind::KIND_CPU,
    };
    ModelInstanceGroup {
        count: i32::try_from(request.instances).unwrap_or(i32::MAX),
        kind: EnumOrUnknown::new(kind),
        ..ModelInstanceGroup::default()
    }
}

/// What a client needs to turn a score into a decision, and where the model comes from: `GET v2/models/NAME/config`
/// shows it. The backend passes over keys that it does not know.
fn parameters(source: &Source) -> Vec<ParametersEntry> {
    let manifest = &source.bundle.manifest;
    let names = |names: &[String]| if names.is_empty() { String::new() } else { write_names(names) };
    let entries = [
        ("kiln.threshold", manifest.threshold.value.to_string()),
        ("kiln.classes", names(&manifest.classes)),
        ("kiln.normal_classes", names(&manifest.normal_classes)),
        ("kiln.precision", source.variant.precision.clone()),
        ("kiln.weights_sha256", manifest.provenance.weights_sha256.clone()),
    ];
    let entry = |(key, value): (&str, String)| ParametersEntry {
        key: key.to_owned(),
        value: MessageField::some(ModelParameter { string_value: value, ..ModelParameter::default() }),
        ..ParametersEntry::default()
    };
    entries.into_iter().filter(|(_, value)| !value.is_empty()).map(entry).collect()
}
