//! The comparison as Markdown, for issues and reviews.

use std::fmt::Write as _;

use super::{HEADINGS, cells};
use crate::layers::LayersReport;

/// A table with a row for each value.
#[must_use]
pub fn table(report: &LayersReport) -> String {
    let mut text = format!("| {} |\n|{}\n", HEADINGS.join(" | "), "---|".repeat(HEADINGS.len()));
    for (at, row) in report.rows.iter().enumerate() {
        let mut cells = cells(row).map(|cell| cell.replace('|', "\\|"));
        cells[0] = format!("`{}`", cells[0]);
        if report.first == Some(at) {
            cells[10] = format!("**{}**", cells[10]);
        }
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// The whole report.
#[must_use]
pub fn markdown(report: &LayersReport) -> String {
    let mut text = format!("# {} against {}\n\n{}\n\n", report.b, report.a, report.conclusion());
    let nodes: Vec<String> =
        report.nodes.iter().map(|(provider, count)| format!("{count} nodes on {provider}")).collect();
    let _ = writeln!(
        text,
        "{} values on {} tiles ({}); ONNX Runtime {}{}\n",
        report.rows.len(),
        report.tiles.len(),
        report.inputs,
        report.onnxruntime,
        if nodes.is_empty() { String::new() } else { format!(", {}", nodes.join(", ")) }
    );
    if !report.causes.is_empty() {
        text.push_str("## Divergences\n\n");
        for cause in &report.causes {
            let _ = writeln!(text, "- {}", cause.sentence());
        }
        text.push('\n');
    }
    text.push_str("## Values\n\n");
    text.push_str(&table(report));
    let problems: Vec<_> = report.rows.iter().filter_map(|row| Some((&row.value, row.problem.as_ref()?))).collect();
    if !problems.is_empty() {
        text.push_str("\n## Not compared\n\n");
        for (value, problem) in problems {
            let _ = writeln!(text, "- `{value}`: {problem}");
        }
    }
    if !report.without_counterpart.is_empty() {
        let names: Vec<String> = report.without_counterpart.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "\nWithout a counterpart in the reference: {}", names.join(", "));
    }
    text
}
