//! `manifest.json` from a run, a graph and the gate's report.

use kiln_runtime::bundle::manifest::{
    Dim, FileEntry, Manifest, Model, Port, Provenance, SCHEMA, Threshold, TileSpec, Variant,
};
use kiln_runtime::parity::ParityReport;
use kiln_runtime::{Outputs, Session};
use kiln_tile::SIDE;
use kiln_tile::stain::StainPlace;
use kiln_train::config::Weights;
use kiln_train::training::Run;
use serde_json::{Value, json};

use super::variant::VariantReport;
use super::{Batch, BundleError, Result};

/// The graph's file.
pub(crate) const MODEL: &str = "model.onnx";

/// The inputs of a manifest beside the files.
pub(crate) struct Parts<'a> {
    pub(crate) run: &'a Run,
    pub(crate) batch: Batch,
    pub(crate) slide_rule: Option<&'a str>,
    pub(crate) opset: i64,
    pub(crate) session: &'a Session,
    pub(crate) golden: &'a Outputs,
    pub(crate) parity: &'a ParityReport,
    pub(crate) variants: &'a [VariantReport],
}

impl Parts<'_> {
    /// The manifest over `files`.
    pub(crate) fn manifest(&self, files: Vec<FileEntry>) -> Result<Manifest> {
        let (run, facts) = (self.run, &self.run.facts);
        Ok(Manifest {
            schema: SCHEMA,
            model: Model {
                kind: run.config.model.kind().to_owned(),
                name: run.config.name.clone(),
                parameters: facts.parameters,
            },
            inputs: vec![self.input()],
            outputs: self.outputs(),
            classes: if run.config.model.has_classes() { facts.classes.names.clone() } else { Vec::new() },
            normal_classes: facts.classes.normal_names().to_vec(),
            threshold: Threshold {
                value: facts.threshold.value,
                rule: facts.threshold.rule.clone(),
                chosen_on: facts.threshold.chosen_on.clone(),
            },
            score: facts.score.clone(),
            tile: TileSpec {
                side: SIDE,
                size_policy: run.config.data.size_policy,
                micrometres_per_pixel: run.config.data.micrometres_per_pixel,
                stain_normalisation: facts.stain_normalisation.map(Into::into),
            },
            variants: self.variants()?,
            slide_rule: self.slide_rule.map(str::to_owned),
            files,
            provenance: self.provenance()?,
            parity: json_of(self.parity)?,
            metrics: run.metrics()?,
        })
    }

    fn variants(&self) -> Result<Vec<Variant>> {
        variants(&self.batch_dim("dynamic"), self.variants)
    }

    fn batch_dim(&self, symbolic: &str) -> Dim {
        batch_dim(self.batch, symbolic)
    }

    fn input(&self) -> Port {
        let side = Dim::Fixed(u64::from(SIDE));
        Port {
            name: "tile".to_owned(),
            dtype: "uint8".to_owned(),
            shape: vec![self.batch_dim("batch"), side.clone(), side, Dim::Fixed(3)],
            meaning: format!("RGB pixels {}, rows from the top; scaling is inside the graph", pixels(self.run)),
        }
    }

    fn outputs(&self) -> Vec<Port> {
        let in_graph_order = self.session.outputs().iter().map(|port| port.name.clone());
        in_graph_order
            .filter_map(|name| self.golden.arrays.get(&name).map(|array| (name, array.shape().to_vec())))
            .map(|(name, shape)| Port {
                meaning: self.meaning(&name),
                dtype: "float32".to_owned(),
                shape: std::iter::once(self.batch_dim("batch"))
                    .chain(shape.iter().skip(1).map(|size| Dim::Fixed(*size as u64)))
                    .collect(),
                name,
            })
            .collect()
    }

    fn meaning(&self, name: &str) -> String {
        let fitted_score = self.run.facts.score.is_some();
        self.run.config.model.settings().output_meaning(name, fitted_score).to_owned()
    }

    fn provenance(&self) -> Result<Provenance> {
        let facts = &self.run.facts;
        let mut config = json_of(&self.run.config)?;
        // Local paths stay private; the digest identifies the tiles.
        if let Some(path) = config.pointer_mut("/data/path") {
            *path = Value::Null;
        }
        if matches!(self.run.config.model.settings().backbone(), Some(backbone) if matches!(backbone.weights, Weights::File(_)))
        {
            for place in ["/model/backbone/weights", "/model/transfer/backbone/weights"] {
                if let Some(weights) = config.pointer_mut(place) {
                    *weights = Value::Null;
                }
            }
        }
        let tools = [
            ("kiln", facts.kiln.clone()),
            ("burn", facts.burn.clone()),
            ("onnxruntime", self.session.runtime().version().to_owned()),
            ("opset", self.opset.to_string()),
        ];
        Ok(Provenance {
            config,
            data_sha256: facts.data_sha256.clone(),
            weights_sha256: facts.weights_sha256.clone(),
            git_revision: facts.git_revision.clone(),
            tools: tools.into_iter().map(|(name, version)| (name.to_owned(), version)).collect(),
        })
    }
}

/// The batch axis of a graph. A symbolic one has the name `symbolic`.
pub(crate) fn batch_dim(batch: Batch, symbolic: &str) -> Dim {
    match batch {
        Batch::Dynamic => Dim::Symbolic(symbolic.to_owned()),
        Batch::Fixed(number) => Dim::Fixed(number as u64),
    }
}

/// fp32 first, then the variants that passed their gates.
pub(crate) fn variants(batch: &Dim, reports: &[VariantReport]) -> Result<Vec<Variant>> {
    let variant = |precision: &str, file: &str, gate| Variant {
        precision: precision.to_owned(),
        file: file.to_owned(),
        batch: batch.clone(),
        gate,
    };
    let mut variants = vec![variant("fp32", MODEL, None)];
    for report in reports.iter().filter(|report| report.published) {
        variants.push(variant(&report.precision, &report.file, Some(json_of(report)?)));
    }
    Ok(variants)
}

/// The processing of the graph's input pixels.
pub(crate) fn pixels(run: &Run) -> &'static str {
    match run.facts.stain_normalisation.map(|stain| stain.place()) {
        None | Some(StainPlace::Graph) => "as decoded",
        Some(StainPlace::Runtime) => "decoded and with their stains normalised",
    }
}

pub(crate) fn json_of(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| BundleError::Manifest { reason: error.to_string() })
}

/// `manifest.json`, indented, with a final newline.
pub(crate) fn text(manifest: &Manifest) -> Result<Vec<u8>> {
    let text = serde_json::to_vec_pretty(&json!(manifest));
    let mut text = text.map_err(|error| BundleError::Manifest { reason: error.to_string() })?;
    text.push(b'\n');
    Ok(text)
}
