//! The facts about a side: in reports, and beside saved answers.

use std::collections::BTreeMap;

use kiln_runtime::bench::Machine;
use serde::{Deserialize, Serialize};

/// The kind of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SideKind {
    /// A trained run, by burn on the CPU.
    Run,
    /// A bundle, by ONNX Runtime in this process.
    Bundle,
    /// A model server.
    Endpoint,
    /// Arrays of another program.
    Arrays,
}

/// Facts about a side. They hold no name of a machine or a user and no path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SideFacts {
    /// A short name: `cnn (burn)`, `bundle@int8:openvino`.
    pub label: String,
    /// The kind.
    pub kind: SideKind,
    /// True if the answers were read from a file.
    #[serde(default)]
    pub saved: bool,
    /// The model's name; empty if unknown.
    pub model: String,
    /// Precision of the graph: `fp32`, `fp16`, `int8`; none if unknown.
    #[serde(default)]
    pub precision: Option<String>,
    /// The execution provider, `burn`, or the server's product.
    #[serde(default)]
    pub provider: Option<String>,
    /// Nodes that each provider ran; empty if unknown.
    #[serde(default)]
    pub nodes: BTreeMap<String, usize>,
    /// True if ONNX Runtime's graph optimiser was off.
    #[serde(default)]
    pub unoptimised: bool,
    /// SHA-256 of the trained weights; none if unknown.
    #[serde(default)]
    pub weights_sha256: Option<String>,
    /// SHA-256 of the graph's file; none if there is none here.
    #[serde(default)]
    pub graph_sha256: Option<String>,
    /// Versions of the programs, such as `kiln`, `burn`, `onnxruntime`.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// The machine that computed the answers; none if unknown.
    #[serde(default)]
    pub machine: Option<Machine>,
    /// Tiles that score at or above this are anomalous; none if unknown.
    #[serde(default)]
    pub threshold: Option<f64>,
    /// Class names in the order of `probabilities`; empty if the model has none.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Labels that count as normal.
    #[serde(default)]
    pub normal_classes: Vec<String>,
    /// The largest difference of each output from the fp32 graph that the export measured, for fp16 and int8.
    #[serde(default)]
    pub gate: BTreeMap<String, f64>,
}

impl SideFacts {
    /// Facts with a kind, a label and a threshold, and nothing else.
    #[must_use]
    pub fn new(kind: SideKind, label: impl Into<String>, threshold: f64) -> Self {
        Self {
            label: label.into(),
            kind,
            saved: false,
            model: String::new(),
            precision: None,
            provider: None,
            nodes: BTreeMap::new(),
            unoptimised: false,
            weights_sha256: None,
            graph_sha256: None,
            versions: BTreeMap::new(),
            machine: None,
            threshold: Some(threshold),
            classes: Vec::new(),
            normal_classes: Vec::new(),
            gate: BTreeMap::new(),
        }
    }

    /// The precision that limits depend on.
    pub(crate) fn precision_or_fp32(&self) -> &str {
        self.precision.as_deref().unwrap_or("fp32")
    }
}
