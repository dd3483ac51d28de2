//! A run's model as an ONNX graph whose metadata suffice to use the bare file.

use burn::tensor::{DType, Device, Int, Tensor};
use kiln_runtime::bundle::manifest::StainNormalisation;
use kiln_runtime::bundle::write_names;
use kiln_tile::SIDE;
use kiln_train::model::{ModelVisitor, OutputTensor, Preprocessing, Scores, TileModel};
use kiln_train::training::Run;

use super::manifest::{json_of, pixels};
use super::{Batch, BurnModel, Result};
use burn_onnx_export::{AnyTensor, Exporter, OnnxModel};

/// Records the model of `run` and lowers it, with the metadata that a user of the bare file needs.
///
/// # Errors
/// All operations that cannot be lowered.
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
    Ok(burn.zoo().accept(Export { exporter, preprocessing: burn.preprocessing(), normal: burn.normal() })?)
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
