//! The parity section, from the names that `kiln verify --json` keeps.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::Deserialize;

use super::page::{table, verdict};

/// How far ONNX Runtime's outputs are from burn's. Reads `kiln verify --json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Parity {
    /// Whether every output is within its tolerance and no decision changed.
    pub passed: bool,
    /// One entry an output.
    pub outputs: Vec<OutputParity>,
    /// Tiles that would be called otherwise.
    pub decisions_changed: u64,
    /// Tiles compared.
    pub tiles: u64,
    /// The provider that was asked for.
    pub provider: String,
    /// How many graph nodes ran on which provider.
    #[serde(default)]
    pub nodes: BTreeMap<String, u64>,
}

/// How far one output is off.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OutputParity {
    /// Name in the graph.
    pub name: String,
    /// Largest absolute difference.
    pub max_abs: f64,
    /// Mean absolute difference.
    pub mean_abs: f64,
    /// Largest relative difference.
    pub max_rel: f64,
    /// Cosine similarity.
    pub cosine: f64,
    /// The largest absolute difference that is accepted.
    pub tolerance: f64,
}

pub(super) fn section(parity: &Parity) -> Markup {
    let words =
        if parity.passed { "ONNX Runtime gives what burn gives" } else { "ONNX Runtime does not give what burn gives" };
    let words = format!("{words}: {} tiles, {} decisions changed", parity.tiles, parity.decisions_changed);
    let rows: Vec<Vec<String>> = parity.outputs.iter().map(row).collect();
    let nodes: Vec<String> = parity.nodes.iter().map(|(provider, count)| format!("{count} on {provider}")).collect();
    html! {
        section {
            h2 { "Parity" }
            (verdict(parity.passed, &words))
            (table(
                "Difference between burn and ONNX Runtime",
                &["output", "largest", "mean", "largest relative", "cosine", "tolerance"],
                &rows,
            ))
            p.note { "Provider " (parity.provider) @if !nodes.is_empty() { "; graph nodes: " (nodes.join(", ")) } "." }
        }
    }
}

fn row(output: &OutputParity) -> Vec<String> {
    vec![
        output.name.clone(),
        format!("{:.1e}", output.max_abs),
        format!("{:.1e}", output.mean_abs),
        format!("{:.1e}", output.max_rel),
        format!("{:.7}", output.cosine),
        format!("{:.0e}", output.tolerance),
    ]
}
