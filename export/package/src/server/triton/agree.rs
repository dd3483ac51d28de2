//! Compares a configuration with a graph, by the rules that Triton's ONNX Runtime backend applies when it loads a model, and
//! with the files that Kiln wrote beside it. A configuration that would fail on a server fails here, with the field named.

use super::message::{DataType, ModelConfig, ModelTensorReshape};
use super::shape::dims;
use super::{Disagreement, LABELLED, LABELS};
use crate::graph::{BatchRule, Port, ServedGraph};
use crate::plan::MODEL;

/// A declared tensor, input or output.
struct Declared<'a> {
    name: &'a str,
    kind: Option<DataType>,
    dims: &'a [i64],
    reshape: Option<&'a ModelTensorReshape>,
}

/// Compares a configuration with the graph of a model called `model`.
///
/// # Errors
/// The first field that disagrees.
pub(super) fn agrees(config: &ModelConfig, model: &str, graph: &ServedGraph) -> Result<(), Disagreement> {
    if config.name != model {
        return Err(("name".to_owned(), format!("is `{}`, and the model's folder `{model}`", config.name)));
    }
    if config.backend != "onnxruntime" && config.platform != "onnxruntime_onnx" {
        let reason = format!("is `{}`, and the graph needs `onnxruntime`", config.backend);
        return Err(("backend".to_owned(), reason));
    }
    let file = &config.default_model_filename;
    if !file.is_empty() && file != MODEL {
        return Err(("default_model_filename".to_owned(), format!("is `{file}`, and the graph's file `{MODEL}`")));
    }
    let max_batch = config.max_batch_size.unwrap_or(0);
    batch_agrees(config, max_batch, graph)?;
    ports_agree("input", &inputs(config), &graph.inputs, max_batch)?;
    ports_agree("output", &outputs(config), &graph.outputs, max_batch)?;
    warmup_agrees(config, max_batch)
}

/// Compares the names of files in a configuration with the files that were written for the model: labels, if it has
/// classes, and warm-up samples. `has` reports whether a file was written.
///
/// # Errors
/// The first field that disagrees.
pub(super) fn files_agree(
    config: &ModelConfig,
    has_classes: bool,
    has: impl Fn(&str) -> bool,
) -> Result<(), Disagreement> {
    for (at, output) in config.output.iter().enumerate() {
        let expected = if has_classes && output.name == LABELLED { LABELS } else { "" };
        if output.label_filename != expected {
            let reason = format!("of `{}` is `{}`; Kiln wrote `{expected}`", output.name, output.label_filename);
            return Err((format!("output[{at}].label_filename"), reason));
        }
    }
    for (at, warmup) in config.model_warmup.iter().enumerate() {
        for input in warmup.inputs.iter().filter_map(|entry| entry.value.as_ref()) {
            if let Some(file) = input.input_data_file.as_ref().filter(|file| !has(file)) {
                let reason = format!("is `{}`, which Kiln did not write", file.escape_debug());
                return Err((format!("model_warmup[{at}].inputs.input_data_file"), reason));
            }
        }
    }
    Ok(())
}

/// Checks that clients of `old` work with `new`: same ports, and batching in both or neither.
///
/// # Errors
/// The first field that differs.
pub(super) fn serves_as(old: &ModelConfig, new: &ModelConfig) -> Result<(), Disagreement> {
    let batches = |config: &ModelConfig| config.max_batch_size.unwrap_or(0) > 0;
    if batches(old) != batches(new) {
        let sizes = (old.max_batch_size.unwrap_or(0), new.max_batch_size.unwrap_or(0));
        return Err(("max_batch_size".to_owned(), format!("was {} and would become {}", sizes.0, sizes.1)));
    }
    for (kind, old, new) in [("input", inputs(old), inputs(new)), ("output", outputs(old), outputs(new))] {
        if old.len() != new.len() {
            let names = |all: &[Declared]| all.iter().map(|one| one.name.to_owned()).collect::<Vec<_>>().join(", ");
            return Err((kind.to_owned(), format!("was [{}] and would become [{}]", names(&old), names(&new))));
        }
        for (at, (was, becomes)) in old.iter().zip(&new).enumerate() {
            if (was.name, was.kind, was.dims) != (becomes.name, becomes.kind, becomes.dims) {
                return Err((
                    format!("{kind}[{at}]"),
                    format!("was {} and would become {}", was.shown(), becomes.shown()),
                ));
            }
        }
    }
    Ok(())
}

fn batch_agrees(config: &ModelConfig, max_batch: i32, graph: &ServedGraph) -> Result<(), Disagreement> {
    match graph.batch {
        BatchRule::Fixed(length) if max_batch > 0 => Err((
            "max_batch_size".to_owned(),
            format!("is {max_batch}, and the graph's batch is fixed at {length}: expected 0, and dims with the batch"),
        )),
        _ if max_batch < 0 => Err(("max_batch_size".to_owned(), format!("is {max_batch}"))),
        _ if max_batch == 0 && config.dynamic_batching.is_some() => {
            Err(("dynamic_batching".to_owned(), "needs a max_batch_size of at least 1".to_owned()))
        }
        _ => Ok(()),
    }
}

fn ports_agree(kind: &str, declared: &[Declared], ports: &[Port], max_batch: i32) -> Result<(), Disagreement> {
    for (at, one) in declared.iter().enumerate() {
        let field = |part: &str| format!("{kind}[{at}].{part}");
        let Some(port) = ports.iter().find(|port| port.name == one.name) else {
            let names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
            return Err((field("name"), format!("is `{}`, and the graph has {}", one.name, names.join(", "))));
        };
        let kind = DataType::from(port.element);
        if one.kind != Some(kind) {
            let reason = format!("of `{}` is {}, and the graph has {}", one.name, one.kind_name(), kind.triton_name());
            return Err((field("data_type"), reason));
        }
        let (dims, shape) = dims(port, max_batch);
        if one.dims != dims {
            let batch = if max_batch > 0 { " without the batch" } else { "" };
            return Err((
                field("dims"),
                format!("of `{}` are {:?}, and the graph has {dims:?}{batch}", one.name, one.dims),
            ));
        }
        if one.reshape.map(|reshape| reshape.shape.clone()) != shape {
            return Err((field("reshape"), format!("of `{}`: the graph's own shape is {shape:?}", one.name)));
        }
    }
    match ports.iter().find(|port| declared.iter().all(|one| one.name != port.name)) {
        Some(port) => Err((kind.to_owned(), format!("`{}` of the graph is not declared", port.name))),
        None => Ok(()),
    }
}

/// Checks that every warm-up request feeds every input with the declared type and dimensions.
fn warmup_agrees(config: &ModelConfig, max_batch: i32) -> Result<(), Disagreement> {
    for (at, warmup) in config.model_warmup.iter().enumerate() {
        if i64::from(warmup.batch_size) > i64::from(max_batch.max(1)) {
            let reason = format!("is {}, over the model's {}", warmup.batch_size, max_batch.max(1));
            return Err((format!("model_warmup[{at}].batch_size"), reason));
        }
        for input in &config.input {
            let entry = warmup.inputs.iter().find(|entry| entry.key == input.name);
            let given = entry.and_then(|entry| entry.value.as_ref());
            if given.is_none_or(|given| given.data_type != input.data_type || given.dims != input.dims) {
                let reason = format!("`{}` is missing, or differs from the input in type or dims", input.name);
                return Err((format!("model_warmup[{at}].inputs"), reason));
            }
        }
    }
    Ok(())
}

impl Declared<'_> {
    fn shown(&self) -> String {
        format!("{}: {} {:?}", self.name, self.kind_name(), self.dims)
    }

    fn kind_name(&self) -> String {
        self.kind.unwrap_or(DataType::Invalid).triton_name()
    }
}

fn inputs(config: &ModelConfig) -> Vec<Declared<'_>> {
    let declared = config.input.iter().map(|one| Declared {
        name: &one.name,
        kind: DataType::try_from(one.data_type).ok(),
        dims: &one.dims,
        reshape: one.reshape.as_ref(),
    });
    declared.collect()
}

fn outputs(config: &ModelConfig) -> Vec<Declared<'_>> {
    let declared = config.output.iter().map(|one| Declared {
        name: &one.name,
        kind: DataType::try_from(one.data_type).ok(),
        dims: &one.dims,
        reshape: one.reshape.as_ref(),
    });
    declared.collect()
}
