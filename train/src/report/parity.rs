//! The parity section.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::Deserialize;

use super::html::{table, verdict};

/// Differences between the outputs of ONNX Runtime and burn, with the field names of the verification's JSON.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Parity {
    /// True if every output is within its tolerance and no decision changed.
    pub passed: bool,
    /// One entry per output.
    pub outputs: Vec<OutputParity>,
    /// Number of tiles with another decision.
    pub decisions_changed: u64,
    /// Number of compared tiles.
    pub tiles: u64,
    /// The requested execution provider.
    pub provider: String,
    /// Number of graph nodes on each provider.
    #[serde(default)]
    pub nodes: BTreeMap<String, u64>,
}

/// Differences of one output.
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
    /// The largest accepted absolute difference.
    pub tolerance: f64,
}

pub(super) fn section(parity: &Parity) -> Markup {
    let words = if parity.passed { "ONNX Runtime agrees with burn" } else { "ONNX Runtime does not agree with burn" };
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
