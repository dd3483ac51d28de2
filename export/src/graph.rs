//! A run's model as an ONNX graph that explains itself.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{DType, Device, Int, Tensor};
use kiln_runtime::bundle::manifest::StainNormalisation;
use kiln_runtime::bundle::write_names;
use kiln_tile::SIDE;
use kiln_train::model::{Scores, Zoo};
use kiln_train::training::Run;

use super::manifest::{json_of, pixels};
use super::{BurnModel, Result};
use burn_onnx_export::{AnyTensor, Exporter, OnnxModel};

/// The first axis of the graph's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Batch {
    /// Symbolic, named `batch`.
    #[default]
    Dynamic,
    /// A number, for servers and accelerators that want one.
    Fixed(usize),
}

impl FromStr for Batch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<usize>() {
            Ok(number) if (1..=1024).contains(&number) => Ok(Self::Fixed(number)),
            _ if text == "dynamic" => Ok(Self::Dynamic),
            _ => Err(format!("`{text}` is neither `dynamic` nor a number in 1..=1024")),
        }
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dynamic => f.write_str("dynamic"),
            Self::Fixed(number) => write!(f, "{number}"),
        }
    }
}

/// Records the model of `run` and lowers it. What is needed to use the bare file is in its metadata.
///
/// # Errors
/// Every operation that cannot be lowered, at once.
pub fn graph(run: &Run, burn: &BurnModel, batch: Batch, opset: Option<i64>) -> Result<OnnxModel> {
    let side = SIDE as usize;
    let (size, axis) = match batch {
        Batch::Dynamic => (2, "batch"),
        Batch::Fixed(number) => (number, ""),
    };
    let sample = Tensor::<4, Int>::zeros([size, side, side, 3], (&Device::flex(), DType::U8));
    let exporter =
        Exporter::new().describe(&run.config.name, description(run)).input("tile", sample, [axis, "", "", ""]);
    let exporter = match opset {
        Some(opset) => exporter.opset(opset),
        None => exporter,
    };
    let exporter = metadata(run)?.into_iter().fold(exporter, |exporter, (key, value)| exporter.metadata(key, value));
    let (normal, front) = (burn.normal(), burn.front());
    // The model itself rather than the zoo, so that the graph's names begin with the model's own parts.
    Ok(match burn.zoo() {
        Zoo::Cnn(cnn) => exporter.export(cnn, |cnn, tile| named(cnn.score(front.levels(tile), normal))),
        Zoo::Vae(vae) => exporter.export(vae, |vae, tile| named(vae.score(front.levels(tile)))),
        Zoo::Hybrid(hybrid) => exporter.export(hybrid, |hybrid, tile| named(hybrid.score(front.levels(tile), normal))),
        Zoo::Transfer(model) => exporter.export(model, |model, tile| named(model.score(front.levels(tile), normal))),
        Zoo::MemoryBank(bank) => exporter.export(bank, |bank, tile| named(bank.score(front.levels(tile)))),
    }?)
}

fn description(run: &Run) -> String {
    let kind = match run.config.model.kind() {
        "memory_bank" => "memory bank",
        "transfer" => "classifier on a pretrained backbone",
        kind => kind,
    };
    format!("A {kind} for 256x256 tissue tiles. For research; not for diagnosis.")
}

fn named(scores: Scores) -> Vec<(&'static str, AnyTensor)> {
    let mut outputs = vec![("score", AnyTensor::from(scores.score))];
    outputs.extend(scores.probabilities.map(|tensor| ("probabilities", tensor.into())));
    outputs.extend(scores.reconstruction.map(|tensor| ("reconstruction", tensor.into())));
    outputs.extend(scores.error_map.map(|tensor| ("error_map", tensor.into())));
    outputs.extend(scores.latent_mean.map(|tensor| ("latent_mean", tensor.into())));
    outputs.extend(scores.latent_log_variance.map(|tensor| ("latent_log_variance", tensor.into())));
    outputs
}

/// The graph's `metadata_props`. Lists are JSON arrays.
fn metadata(run: &Run) -> Result<Vec<(&'static str, String)>> {
    let facts = &run.facts;
    let mut pairs = vec![
        ("kiln.version", facts.kiln.clone()),
        ("kiln.model", run.config.model.kind().to_owned()),
        ("kiln.normal_classes", write_names(facts.classes.normal_names())),
        ("kiln.threshold", facts.threshold.value.to_string()),
        ("kiln.threshold_rule", facts.threshold.rule.clone()),
        ("kiln.size_policy", run.config.data.size_policy.to_string()),
        ("kiln.layout", format!("NHWC, RGB, u8, 256x256, {}; scaling is inside the graph", pixels(run))),
        ("kiln.burn_version", facts.burn.clone()),
        ("kiln.weights_sha256", facts.weights_sha256.clone()),
    ];
    if run.config.model.has_classes() {
        pairs.push(("kiln.classes", write_names(&facts.classes.names)));
    }
    if let Some(stain) = facts.stain_normalisation {
        pairs.push(("kiln.stain_normalisation", json_of(&StainNormalisation::from(stain))?.to_string()));
    }
    if let Some(resolution) = run.config.data.micrometres_per_pixel {
        pairs.push(("kiln.micrometres_per_pixel", resolution.to_string()));
    }
    Ok(pairs)
}
