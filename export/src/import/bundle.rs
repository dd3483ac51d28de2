//! The folder of an imported bundle: manifest, golden tiles and model card.

use kiln_files::publish::Staged;
use kiln_runtime::bundle::manifest::{Dim, FileEntry, Manifest, Model, Port, Provenance, SCHEMA, Threshold, TileSpec};
use kiln_runtime::bundle::write_names;
use kiln_runtime::decision::{PROBABILITIES, SCORE};
use kiln_runtime::golden::Golden;
use kiln_runtime::scorer::rows;
use kiln_runtime::{Outputs, Runtime};
use kiln_tile::SIDE;
use serde_json::{Value, json};

use super::compare::ReferenceOutput;
use super::model::Foreign;
use super::plan::Plan;
use super::prove::Proven;
use super::spec::{Input, Meaning};
use super::tiles::{Data, TileSet};
use super::{ImportRequest, ImportedOutput, card};
use crate::export::{GOLDEN_TILES, bytes, publish};
use crate::manifest::{self, batch_dim, json_of};
use crate::{BundleError, Result, VariantReport};

/// Kind of model in the manifest.
const KIND: &str = "imported";

/// Everything that the bundle states.
pub(super) struct Facts<'a> {
    pub(super) request: &'a ImportRequest,
    pub(super) foreign: &'a Foreign,
    pub(super) input: &'a Input,
    pub(super) plan: &'a Plan,
    pub(super) threshold: &'a Threshold,
    pub(super) data: Option<&'a Data>,
    pub(super) set: &'a TileSet,
    pub(super) reference: &'a [ReferenceOutput],
    pub(super) runtime: &'static Runtime,
}

/// Each output of a bundle with its origin.
pub(super) fn outputs(plan: &Plan) -> Vec<ImportedOutput> {
    let output = |name: &str, from: &str, by: &str| ImportedOutput {
        name: name.to_owned(),
        from: from.to_owned(),
        by: by.to_owned(),
    };
    let mut outputs = Vec::new();
    match (&plan.score, &plan.head) {
        (Some(score), _) => {
            outputs.push(output(SCORE, &score.output, if score.negative { "sign changed" } else { "unchanged" }));
        }
        (None, Some(head)) if plan.has_probabilities() => {
            outputs.push(output(SCORE, &head.output, "1 less the probabilities of normal classes"));
        }
        (None, Some(head)) => outputs.push(output(SCORE, &head.output, step(head.meaning, head.columns))),
        (None, None) => {}
    }
    if let Some(head) = plan.head.as_ref().filter(|_| plan.has_probabilities()) {
        outputs.push(output(PROBABILITIES, &head.output, step(head.meaning, head.columns)));
    }
    outputs.extend(plan.kept.iter().map(|kept| output(&kept.name, &kept.output, "unchanged")));
    outputs
}

/// The operation that makes probabilities.
fn step(meaning: Meaning, columns: usize) -> &'static str {
    match (meaning, columns) {
        (Meaning::Logits, 1) => "sigmoid",
        (Meaning::Logits, _) => "softmax",
        (Meaning::LogProbabilities, _) => "exponential",
        _ => "unchanged",
    }
}

impl Facts<'_> {
    /// Name of the model: stated, else that of the file.
    pub(super) fn name(&self) -> String {
        let stem = || self.foreign.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        self.request.spec.name.clone().or_else(stem).unwrap_or_else(|| KIND.to_owned())
    }

    /// The graph's `metadata_props`, so that a bare `model.onnx` explains itself.
    pub(super) fn metadata(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("kiln.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("kiln.model", KIND.to_owned()),
            ("kiln.normal_classes", write_names(&self.plan.normal_classes)),
            ("kiln.threshold", self.threshold.value.to_string()),
            ("kiln.threshold_rule", self.threshold.rule.clone()),
            ("kiln.size_policy", self.request.size_policy.to_string()),
            ("kiln.layout", "NHWC, RGB, u8, 256x256, as decoded; preprocessing is inside the graph".to_owned()),
            ("kiln.weights_sha256", self.foreign.sha256.clone()),
            ("kiln.imported_input", self.input.to_string()),
        ];
        if self.plan.has_probabilities() {
            pairs.push(("kiln.classes", write_names(&self.plan.classes)));
        }
        if let Some(resolution) = self.request.spec.micrometres_per_pixel {
            pairs.push(("kiln.micrometres_per_pixel", resolution.to_string()));
        }
        if let Some(licence) = &self.request.spec.licence {
            pairs.push(("kiln.licence", licence.clone()));
        }
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Writes the remaining files and publishes the folder. Returns the bytes of the graph and its weights.
    pub(super) fn publish(
        &self,
        staged: Staged,
        proven: &Proven,
        expected: &Outputs,
        variants: &[VariantReport],
    ) -> Result<u64> {
        let of_variants: u64 = variants.iter().filter(|report| report.published).map(|report| report.bytes).sum();
        let model_bytes = bytes(staged.path())?.saturating_sub(of_variants);
        let tiles = self.set.first(GOLDEN_TILES).to_vec();
        let outputs = rows(expected, 0, tiles.len());
        let golden = Golden { tiles, decoded: None, outputs };
        let manifest = |files: Vec<FileEntry>| -> Result<Manifest> {
            let manifest = self.manifest(files, proven, expected, variants)?;
            manifest.check().map_err(|reason| BundleError::Manifest { reason })?;
            Ok(manifest)
        };
        let target = (self.request.out.as_path(), self.request.replace);
        publish(staged, target, &golden, manifest, |manifest| Ok(card::card(manifest)))?;
        Ok(model_bytes)
    }

    fn manifest(
        &self,
        files: Vec<FileEntry>,
        proven: &Proven,
        expected: &Outputs,
        variants: &[VariantReport],
    ) -> Result<Manifest> {
        let batch = |symbolic: &str| batch_dim(proven.batch, symbolic);
        let side = Dim::Fixed(u64::from(SIDE));
        let input = Port {
            name: "tile".to_owned(),
            dtype: "uint8".to_owned(),
            shape: vec![batch("batch"), side.clone(), side, Dim::Fixed(3)],
            meaning: "RGB pixels as decoded, rows from the top; preprocessing is inside the graph".to_owned(),
        };
        let port = |output: ImportedOutput| {
            let shape = expected.arrays.get(&output.name).map(|array| array.shape().to_vec()).unwrap_or_default();
            let rest = shape.into_iter().skip(1).map(|size| Dim::Fixed(size as u64));
            Port {
                meaning: self.meaning(&output),
                dtype: "float32".to_owned(),
                shape: std::iter::once(batch("batch")).chain(rest).collect(),
                name: output.name,
            }
        };
        Ok(Manifest {
            schema: SCHEMA,
            model: Model { kind: KIND.to_owned(), name: self.name(), parameters: self.foreign.parameters() },
            inputs: vec![input],
            outputs: outputs(self.plan).into_iter().map(port).collect(),
            classes: self.plan.classes.clone(),
            normal_classes: self.plan.normal_classes.clone(),
            threshold: self.threshold.clone(),
            score: None,
            tile: TileSpec {
                side: SIDE,
                size_policy: self.request.size_policy,
                micrometres_per_pixel: self.request.spec.micrometres_per_pixel,
                stain_normalisation: None,
            },
            variants: manifest::variants(&batch("dynamic"), variants)?,
            slide_rule: self.request.slide_rule.clone(),
            files,
            provenance: self.provenance()?,
            parity: json_of(&proven.parity)?,
            metrics: json!({}),
        })
    }

    fn meaning(&self, output: &ImportedOutput) -> String {
        let from = format!("`{}` of the model, {}", output.from, output.by);
        let what = match output.name.as_str() {
            SCORE if self.plan.score.is_some() => "anomaly score; higher is more anomalous",
            SCORE => "probability of an anomalous tile, 0 to 1",
            PROBABILITIES => "probability of each class, 0 to 1, in the order of `classes`",
            name => match self.plan.kept.iter().find(|kept| kept.name == name).map(|kept| kept.meaning) {
                Some(Meaning::Map) => "map over the tile",
                Some(Meaning::Embedding) => "vector that describes the tile",
                _ => "output of the model",
            },
        };
        format!("{what}; {from}")
    }

    /// The origin. It has no path of this machine; digests identify the files.
    fn provenance(&self) -> Result<Provenance> {
        let proto = &self.foreign.proto;
        let spec = &self.request.spec;
        let config = json!({
            "import": {
                "input": json_of(self.input)?,
                "outputs": json_of(&outputs(self.plan))?,
                "dropped": json_of(&self.plan.dropped)?,
                "licence": spec.licence,
                "model": {
                    "file": self.foreign.path.file_name().map(|name| name.to_string_lossy().into_owned()),
                    "sha256": self.foreign.sha256,
                    "producer": format!("{} {}", proto.producer_name, proto.producer_version).trim(),
                    "opset": self.foreign.opset,
                },
                "tiles": self.set.origin,
                "reference": if self.reference.is_empty() { Value::Null } else { json_of(&self.reference)? },
            }
        });
        let mut tools = vec![
            ("kiln", env!("CARGO_PKG_VERSION").to_owned()),
            ("onnxruntime", self.runtime.version().to_owned()),
            ("opset", self.foreign.opset.to_string()),
        ];
        if !proto.producer_name.is_empty() {
            tools.push(("producer", format!("{} {}", proto.producer_name, proto.producer_version).trim().to_owned()));
        }
        Ok(Provenance {
            config,
            data_sha256: self.data.map(Data::sha256).transpose()?.unwrap_or_default(),
            weights_sha256: self.foreign.sha256.clone(),
            git_revision: None,
            tools: tools.into_iter().map(|(name, version)| (name.to_owned(), version)).collect(),
        })
    }
}
