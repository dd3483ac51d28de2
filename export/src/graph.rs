//! A run's model as an ONNX graph whose metadata suffice to use the bare file.

use burn::tensor::{DType, Device, Int, Tensor};
use kiln_runtime::bundle::manifest::StainNormalisation;
use kiln_runtime::bundle::write_names;
use kiln_tile::SIDE;
use kiln_train::model::{ModelVisitor, OutputTensor, Preprocessing, Scores, TileModel};
use kiln_train::training::Run;

use super::manifest::{json_of, pixels};
use super::{Batch, BurnModel, Result};
use burn_onnx_export::{AnyTensor, Exporter, OnnxModel, Recorded};

/// Records the model of `run` and lowers it, with the metadata that a user of the bare file needs.
///
/// # Errors
/// All operations that cannot be lowered.
pub fn graph(run: &Run, burn: &BurnModel, batch: Batch, opset: Option<i64>) -> Result<OnnxModel> {
    let exporter = exporter(run, batch, 2, opset)?;
    let (preprocessing, normal) = (burn.preprocessing(), burn.normal());
    Ok(burn.zoo().accept(Export { exporter, preprocessing, normal })?)
}

/// As [`graph`], with the recording that the graph comes from, for `tiles` tiles at once; see
/// [`Exporter::export_recorded`]. A graph with a symbolic batch is recorded with at least 2 tiles.
///
/// # Errors
/// As [`graph`].
pub fn recorded(
    run: &Run,
    burn: &BurnModel,
    batch: Batch,
    tiles: usize,
    opset: Option<i64>,
) -> Result<(OnnxModel, Recorded)> {
    let exporter = exporter(run, batch, tiles, opset)?;
    Ok(burn.zoo().accept(ExportRecorded { exporter, preprocessing: burn.preprocessing(), normal: burn.normal() })?)
}

/// The exporter of a run's graph, with its metadata. `tiles` is the recorded size of a symbolic batch.
fn exporter(run: &Run, batch: Batch, tiles: usize, opset: Option<i64>) -> Result<Exporter<Tensor<4, Int>>> {
    let side = SIDE as usize;
    let (size, axis) = match batch {
        Batch::Dynamic => (tiles, "batch"),
        Batch::Fixed(number) => (number, ""),
    };
    let sample = Tensor::<4, Int>::zeros([size, side, side, 3], (&Device::flex(), DType::U8));
    let exporter =
        Exporter::new().describe(&run.config.name, description(run)).input("tile", sample, [axis, "", "", ""]);
    let exporter = match opset {
        Some(opset) => exporter.opset(opset),
        None => exporter,
    };
    Ok(metadata(run)?.into_iter().fold(exporter, |exporter, (key, value)| exporter.metadata(key, value)))
}

/// Exports the model itself instead of the zoo, so that names in the graph begin with the parts of the model.
struct Export {
    exporter: Exporter<Tensor<4, Int>>,
    preprocessing: Preprocessing,
    normal: usize,
}

impl ModelVisitor for Export {
    type Output = burn_onnx_export::Result<OnnxModel>;

    fn visit<M: TileModel>(self, model: &M) -> Self::Output {
        let (preprocessing, normal) = (self.preprocessing, self.normal);
        self.exporter.export(model, |model, tile| named(model.score(preprocessing.apply(tile), normal)))
    }
}

/// As [`Export`], with the recording.
struct ExportRecorded {
    exporter: Exporter<Tensor<4, Int>>,
    preprocessing: Preprocessing,
    normal: usize,
}

impl ModelVisitor for ExportRecorded {
    type Output = burn_onnx_export::Result<(OnnxModel, Recorded)>;

    fn visit<M: TileModel>(self, model: &M) -> Self::Output {
        let (preprocessing, normal) = (self.preprocessing, self.normal);
        self.exporter.export_recorded(model, |model, tile| named(model.score(preprocessing.apply(tile), normal)))
    }
}

fn description(run: &Run) -> String {
    format!("A {} for 256x256 tissue tiles. For research; not for diagnosis.", run.config.model.phrase())
}

fn named(scores: Scores) -> Vec<(&'static str, AnyTensor)> {
    let any = |tensor| match tensor {
        OutputTensor::Rank1(tensor) => AnyTensor::from(tensor),
        OutputTensor::Rank2(tensor) => tensor.into(),
        OutputTensor::Rank3(tensor) => tensor.into(),
        OutputTensor::Rank4(tensor) => tensor.into(),
    };
    scores.into_outputs().into_iter().map(|(name, tensor)| (name, any(tensor))).collect()
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
