//! `manifest.json` as types: all that deployment needs from a bundle. Field names are stable, since other programs read
//! them, and unknown schema versions are refused. Writing is left to `kiln-export`.

use std::collections::BTreeMap;

use kiln_tile::stain::{StainNormaliser, StainPlace};
use kiln_tile::{Decoder, ScoreRule, SizePolicy};
use serde::{Deserialize, Serialize};

use super::json;

/// The schema version that this release writes and reads.
pub const SCHEMA: u32 = 1;

/// The content of `manifest.json`.
///
/// ```
/// use kiln_runtime::bundle::Manifest;
///
/// let json = r#"{
///     "schema": 1,
///     "model": {"kind": "cnn", "name": "demo", "parameters": 1200},
///     "inputs": [{"name": "tile", "dtype": "uint8", "shape": ["batch", 256, 256, 3], "meaning": "RGB"}],
///     "outputs": [{"name": "score", "dtype": "float32", "shape": ["batch"], "meaning": "0 to 1"}],
///     "classes": [], "normal_classes": [],
///     "threshold": {"value": 0.5, "rule": "max_f1", "chosen_on": "validation split, 160 tiles"},
///     "tile": {"side": 256, "size_policy": "error", "micrometres_per_pixel": 0.5},
///     "variants": [{"precision": "fp32", "file": "model.onnx", "batch": "dynamic"}],
///     "files": [],
///     "provenance": {"config": {}, "data_sha256": "", "weights_sha256": "", "git_revision": null, "tools": {}},
///     "parity": {}, "metrics": {}
/// }"#;
/// let manifest = Manifest::from_json(json.as_bytes())?;
/// manifest.check()?;
/// assert_eq!(manifest.threshold.value, 0.5);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Schema version: [`SCHEMA`].
    pub schema: u32,
    /// The model's kind and size.
    pub model: Model,
    /// Graph inputs, in graph order.
    pub inputs: Vec<Port>,
    /// Graph outputs, in graph order.
    pub outputs: Vec<Port>,
    /// Class names in the order of `probabilities`; empty if the model has none.
    pub classes: Vec<String>,
    /// The class names that count as normal (a subset of `classes`, or the training labels of a VAE).
    pub normal_classes: Vec<String>,
    /// The threshold and its origin.
    pub threshold: Threshold,
    /// The rule that joins the parts of the score, if it has several. For people: the graph applies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<ScoreRule>,
    /// The decoding of image files to `tile`.
    pub tile: TileSpec,
    /// Graph files by precision, `fp32` first.
    pub variants: Vec<Variant>,
    /// The rule that makes a slide's score of its tiles' scores: `max`, `top_mean:10`, `area_mm2:0.05`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slide_rule: Option<String>,
    /// Every file of the bundle but `manifest.json` itself, sorted by path.
    pub files: Vec<FileEntry>,
    /// The bundle's origin.
    pub provenance: Provenance,
    /// Differences between ONNX Runtime and burn, measured at export.
    pub parity: serde_json::Value,
    /// `metrics.json` of the run: metrics on its test split.
    pub metrics: serde_json::Value,
}

impl Manifest {
    /// Reads a manifest. Keys that appear twice, encodings other than UTF-8 and deep nesting are refused; the values are
    /// left to [`Manifest::check`].
    ///
    /// # Errors
    /// The fault, or the schema version if it is not [`SCHEMA`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let text = json::check(bytes)?;
        // The version first: another schema would fail on whichever key happens to differ.
        let header: Header = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if header.schema != SCHEMA {
            return Err(format!("schema {}; this release reads schema {SCHEMA}", header.schema));
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

/// The key that every schema version has.
#[derive(Deserialize)]
struct Header {
    schema: u32,
}

/// The model's kind and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// `cnn`, `vae`, `hybrid`, `transfer` or `memory_bank`; `imported` for a model of another tool.
    pub kind: String,
    /// Name of the run, or of the imported model.
    pub name: String,
    /// Number of weights.
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
    /// Meaning of the values, with unit and range.
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

/// The decoding of image files to tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TileSpec {
    /// Width and height in pixels: 256.
    pub side: u32,
    /// Treatment of images of other sizes.
    pub size_policy: SizePolicy,
    /// Resolution in micrometres per pixel, if known.
    pub micrometres_per_pixel: Option<f64>,
    /// Stain normalisation to the training tiles; none if tiles are not normalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stain_normalisation: Option<StainNormalisation>,
}

/// Stain normalisation with its fitted target and its place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StainNormalisation {
    /// `method` and `target`.
    #[serde(flatten)]
    pub normaliser: StainNormaliser,
    /// `graph`: the graph takes tiles as decoded. `runtime`: the caller of the graph normalises them first.
    #[serde(rename = "where")]
    pub place: StainPlace,
}

impl From<StainNormaliser> for StainNormalisation {
    fn from(normaliser: StainNormaliser) -> Self {
        Self { normaliser, place: normaliser.place() }
    }
}

impl TileSpec {
    /// Returns the decoder that turns image files into the graph's input.
    #[must_use]
    pub fn decoder(&self) -> Decoder {
        Decoder::new(self.size_policy).with_stain(self.before_graph())
    }

    /// The stain normalisation that the caller of the graph must apply, if any.
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
    /// Differences from fp32 on the validation split; none for fp32 itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<serde_json::Value>,
}

/// A file with its length and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path inside the bundle, with forward slashes.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// A bundle's origin. It has no time stamp, so the same run gives the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The run's resolved configuration.
    pub config: serde_json::Value,
    /// SHA-256 over the data set's labels, groups and tile digests.
    pub data_sha256: String,
    /// SHA-256 of the run's weights file.
    pub weights_sha256: String,
    /// Git revision of the source tree that trained the run, if there was one.
    pub git_revision: Option<String>,
    /// Tool name to version: `kiln`, `burn`, `onnxruntime`, `opset`.
    pub tools: BTreeMap<String, String>,
}
