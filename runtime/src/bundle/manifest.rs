//! `manifest.json`: all that deployment needs to know of a bundle, as types. The writer lives in `kiln-export`; field
//! names are stable (other programs read them), and a reader refuses a schema version that it does not know.

use std::collections::BTreeMap;

use kiln_tile::stain::{StainNormaliser, StainPlace};
use kiln_tile::{Decoder, ScoreRule, SizePolicy};
use serde::{Deserialize, Serialize};

/// The schema version that this release writes and reads.
pub const SCHEMA: u32 = 1;

/// The whole of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Schema version: [`SCHEMA`].
    pub schema: u32,
    /// What the model is.
    pub model: Model,
    /// Graph inputs, in graph order.
    pub inputs: Vec<Port>,
    /// Graph outputs, in graph order.
    pub outputs: Vec<Port>,
    /// Class names in the order of `probabilities`; empty where the model has none.
    pub classes: Vec<String>,
    /// The class names that count as normal (a subset of `classes`, or the training labels of a VAE).
    pub normal_classes: Vec<String>,
    /// From which score on a tile is called anomalous.
    pub threshold: Threshold,
    /// How the score is put together, where it is of several parts. For people: the graph does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<ScoreRule>,
    /// What must happen to a file before it is a `tile`.
    pub tile: TileSpec,
    /// Graph files by precision, `fp32` first.
    pub variants: Vec<Variant>,
    /// Every file of the bundle but `manifest.json` itself, sorted by path.
    pub files: Vec<FileEntry>,
    /// Where the bundle comes from.
    pub provenance: Provenance,
    /// How far ONNX Runtime was from burn when the bundle was made.
    pub parity: serde_json::Value,
    /// `metrics.json` of the run: figures on its test split.
    pub metrics: serde_json::Value,
}

/// The model's kind and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// `cnn`, `vae`, `hybrid`, `transfer` or `memory_bank`.
    pub kind: String,
    /// Name of the run.
    pub name: String,
    /// Number of trained weights.
    pub parameters: u64,
}

/// One graph input or output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Name in the graph.
    pub name: String,
    /// ONNX element type, lower case: `uint8`, `float32`.
    pub dtype: String,
    /// Dimensions: a number, or the name of a symbolic axis.
    pub shape: Vec<Dim>,
    /// What the values mean, with unit and range.
    pub meaning: String,
}

/// A dimension of a [`Port`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    /// Fixed length.
    Fixed(u64),
    /// Symbolic axis, such as `batch`.
    Symbolic(String),
}

/// The decision rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// `score >= value` is anomalous.
    pub value: f64,
    /// The rule by which it was chosen, such as `max_f1`.
    pub rule: String,
    /// The data on which it was chosen, such as `validation split, 160 tiles`.
    pub chosen_on: String,
}

/// How files become tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TileSpec {
    /// Width and height in pixels: 256.
    pub side: u32,
    /// What is done with other sizes.
    pub size_policy: SizePolicy,
    /// Resolution in micrometres per pixel, if known.
    pub micrometres_per_pixel: Option<f64>,
    /// How tiles are brought to the stains of the training tiles; none where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stain_normalisation: Option<StainNormalisation>,
}

/// Stain normalisation with its fitted target, and who applies it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StainNormalisation {
    /// `method` and `target`.
    #[serde(flatten)]
    pub normaliser: StainNormaliser,
    /// `graph`: the graph takes tiles as decoded. `runtime`: whoever calls the graph normalises before.
    #[serde(rename = "where")]
    pub place: StainPlace,
}

impl From<StainNormaliser> for StainNormalisation {
    fn from(normaliser: StainNormaliser) -> Self {
        Self { normaliser, place: normaliser.place() }
    }
}

impl TileSpec {
    /// Turns files into tiles as the graph takes them.
    #[must_use]
    pub fn decoder(&self) -> Decoder {
        Decoder::new(self.size_policy).with_stain(self.before_graph())
    }

    /// The stain normalisation that a caller of the graph must apply.
    #[must_use]
    pub fn before_graph(&self) -> Option<StainNormaliser> {
        let stain = self.stain_normalisation.filter(|stain| stain.place == StainPlace::Runtime);
        stain.map(|stain| stain.normaliser)
    }
}

/// One graph file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// `fp32`, `fp16`, `int8`.
    pub precision: String,
    /// File name inside the bundle.
    pub file: String,
    /// Batch rule: `dynamic`, or a fixed number.
    pub batch: Dim,
    /// What the variant lost against fp32 on the validation split; none for fp32 itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<serde_json::Value>,
}

/// One file and what its bytes must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path inside the bundle, with forward slashes.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// Where a bundle comes from. Holds no time stamp: the same run gives the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The run's resolved configuration.
    pub config: serde_json::Value,
    /// SHA-256 over the data set's labels, groups and tile digests.
    pub data_sha256: String,
    /// SHA-256 of the run's weights file.
    pub weights_sha256: String,
    /// Git revision of the tree that trained the run, where it was one.
    pub git_revision: Option<String>,
    /// Tool name to version: `kiln`, `burn`, `onnxruntime`, `opset`.
    pub tools: BTreeMap<String, String>,
}
