//! The report as Markdown, for a comment or a job summary.

use super::text::{
    MATRIX_COLUMNS, OUTPUT_COLUMNS, decisions_line, failed_rows, flip_row, matrix_row, output_row, side_line, small,
    summary, verdict,
};
use super::{PairReport, Report};
use kiln_files::text::markdown_cell as cell;

/// Tiles and flips that a table lists at most.
const LISTED: usize = 10;

/// Renders the report as Markdown.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut text = format!("# Comparison: {}\n\n{}\n\n", verdict(report.passed), summary(report));
    text.push_str(&format!(
        "Reference: **{}** ({})\n\n",
        cell(&report.reference.facts.label),
        cell(&side_line(&report.reference))
    ));
    if report.comparisons.len() > 1 {
        let rows: Vec<Vec<String>> = report.comparisons.iter().map(matrix_row).collect();
        text.push_str(&table(&MATRIX_COLUMNS, &rows));
    }
    report.comparisons.iter().for_each(|pair| text.push_str(&section(pair)));
    if !report.tiles.failed.is_empty() {
        let rows = failed_rows(report, LISTED);
        text.push_str(&format!("## {} tiles could not be read\n\n", report.tiles.failed.len()));
        text.push_str(&table(&["tile", "reason"], &rows));
    }
    text
}

fn section(pair: &PairReport) -> String {
    let mut text = format!(
        "## {}: {}\n\n{}\n\n",
        cell(&pair.candidate.facts.label),
        verdict(pair.passed),
        cell(&side_line(&pair.candidate))
    );
    if let Some(error) = &pair.error {
        text.push_str(&format!("It did not answer: {}\n\n", cell(error)));
        return text;
    }
    for finding in &pair.findings {
        text.push_str(&format!("- {}\n", cell(&finding.text)));
    }
    if !pair.findings.is_empty() {
        text.push('\n');
    }
    text.push_str(&table(&OUTPUT_COLUMNS, &pair.outputs.iter().map(output_row).collect::<Vec<_>>()));
    for output in pair.outputs.iter().filter(|output| !output.passed) {
        let problem = output.problem.as_deref().unwrap_or_default();
        text.push_str(&format!("`{}`: {}\n\n", output.name, cell(problem)));
        let rows: Vec<Vec<String>> = output
            .worst
            .iter()
            .take(LISTED)
            .map(|worst| {
                vec![worst.path.clone(), small(worst.max_abs), small(worst.mean_abs), format!("{:?}", worst.at)]
            })
            .collect();
        if !rows.is_empty() {
            text.push_str(&table(&["worst tiles", "max abs", "mean abs", "at"], &rows));
        }
    }
    let Some(decisions) = &pair.decisions else { return text };
    text.push_str(&format!("Decisions: {}.\n\n", decisions_line(decisions)));
    let rows: Vec<Vec<String>> = decisions.flipped.iter().take(LISTED).map(flip_row).collect();
    if !rows.is_empty() {
        let columns = ["flipped tile", "label", "reference", "candidate", "margin of reference", "margin of candidate"];
        text.push_str(&table(&columns, &rows));
    }
    text
}

fn table(columns: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(columns.iter().map(|column| (*column).to_owned()).collect());
    text.push_str(&line(columns.iter().map(|_| "---".to_owned()).collect()));
    for row in rows {
        text.push_str(&line(row.iter().map(|text| cell(text)).collect()));
    }
    text.push('\n');
    text
}
