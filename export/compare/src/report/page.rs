//! The report as one HTML page, without scripts or other files.

use kiln_train::report::{shell, table, verdict};
use maud::{Markup, PreEscaped, html};

use super::chart;
use super::text::MATRIX_COLUMNS as MATRIX;
use super::text::{decisions_line, failed_rows, flip_row, matrix_row, percent, score, side_line, small, summary};
use super::tile_row::tile_row;
use super::{PairReport, Report};
use crate::decisions::Decisions;
use crate::difference::OutputDifference;
use crate::engine::{Compared, Picture};

/// Rows that a table of tiles has at most.
const LISTED: usize = 12;

const STYLE: &str = include_str!("compare.css");

/// Renders the report as an HTML page.
#[must_use]
pub fn html(compared: &Compared) -> String {
    let report = &compared.report;
    let main = html! {
        style { (PreEscaped(STYLE)) }
        section {
            (verdict(report.passed, if report.passed { "Same answers, within the limits" } else { "The answers differ" }))
            @if report.comparisons.len() > 1 { (matrix(report)) }
        }
        @for (at, pair) in report.comparisons.iter().enumerate() {
            (section(report, pair, compared, at))
        }
        @if !report.tiles.failed.is_empty() { (failed(report)) }
    };
    let title = match report.comparisons.as_slice() {
        [pair] => format!("{} against {}", pair.candidate.facts.label, report.reference.facts.label),
        pairs => format!("{} candidates against {}", pairs.len(), report.reference.facts.label),
    };
    shell(&title, &summary(report), &facts(report), &main)
}

fn facts(report: &Report) -> Vec<(String, String)> {
    let mut facts = vec![
        ("Reference".to_owned(), format!("{}: {}", report.reference.facts.label, side_line(&report.reference))),
        ("Tiles".to_owned(), format!("{} ({})", report.tiles.count, report.tiles.source)),
        ("Labelled tiles".to_owned(), report.tiles.labelled.to_string()),
    ];
    if let Some(weights) = &report.reference.facts.weights_sha256 {
        facts.push(("Weights".to_owned(), weights.chars().take(16).collect()));
    }
    facts
}

fn matrix(report: &Report) -> Markup {
    html! {
        div.scroll role="region" aria-label="All candidates" tabindex="0" {
            table.matrix {
                caption { "All candidates beside the reference, on the same tiles" }
                thead { tr { @for column in MATRIX { th scope="col" { (column) } } } }
                tbody {
                    @for (at, pair) in report.comparisons.iter().enumerate() {
                        @let cells = matrix_row(pair);
                        tr.passes[pair.passed].fails[!pair.passed] {
                            @for (column, cell) in cells.iter().enumerate() {
                                @if column == 0 {
                                    th scope="row" { a href=(format!("#pair-{at}")) { (cell) } }
                                } @else {
                                    td.verdict-cell[column == 1].words[column + 1 == cells.len()] { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn section(report: &Report, pair: &PairReport, compared: &Compared, at: usize) -> Markup {
    let label = &pair.candidate.facts.label;
    let pictures: Vec<&Picture> = compared.pictures.iter().filter(|picture| picture.comparison == at).collect();
    let scores = compared.scores.get(at).map_or(&[][..], Vec::as_slice);
    html! {
        section id=(format!("pair-{at}")) {
            h2 { (label) }
            p.note { (side_line(&pair.candidate)) }
            @if let Some(error) = &pair.error {
                (verdict(false, "It did not answer"))
                p { (error) }
            } @else {
                (verdict(pair.passed, if pair.passed { "Within its limits" } else { "Beyond its limits" }))
                @if !pair.findings.is_empty() {
                    ul.findings { @for finding in &pair.findings { li { (finding.text) } } }
                }
                h3 { "Outputs" }
                (outputs(pair))
                @for output in pair.outputs.iter().filter(|output| !output.passed) { (problem(output)) }
                div.charts {
                    (chart::quantiles(&pair.outputs))
                    @if let Some(decisions) = &pair.decisions {
                        (chart::scores(
                            scores,
                            [decisions.threshold, decisions.candidate_threshold],
                            [&report.reference.facts.label, label],
                        ))
                    }
                }
                @if let Some(decisions) = &pair.decisions { (decision_section(decisions)) }
                (maps(pair))
                @if !pictures.is_empty() {
                    h3 { "Tiles with the largest differences" }
                    @for picture in pictures { (tile_row(picture)) }
                }
            }
        }
    }
}

fn outputs(pair: &PairReport) -> Markup {
    let columns = [
        "output",
        "",
        "max abs",
        "mean abs",
        "p99",
        "p99.9",
        "max rel",
        "ULP",
        "cosine",
        "SNR dB",
        "outside",
        "tolerance",
    ];
    let row = |output: &OutputDifference| {
        vec![
            output.name.clone(),
            if output.passed { "✓" } else { "✗" }.to_owned(),
            small(output.max_abs),
            small(output.mean_abs),
            small(output.quantiles.p99),
            small(output.quantiles.p99_9),
            small(output.max_rel),
            output.ulp_max.to_string(),
            format!("{:.7}", output.cosine),
            output.snr_db.map_or_else(|| "—".to_owned(), |snr| format!("{snr:.1}")),
            percent(output.outside_share),
            small(output.tolerance),
        ]
    };
    let exact = pair.outputs.iter().all(|output| output.quantiles.exact);
    html! {
        (table("Differences over all tiles", &columns, &pair.outputs.iter().map(row).collect::<Vec<_>>()))
        @if !exact { p.note { "Quantiles of more than a million elements are within 0.05 %." } }
    }
}

fn problem(output: &OutputDifference) -> Markup {
    let rows: Vec<Vec<String>> = output
        .worst
        .iter()
        .take(LISTED)
        .map(|tile| {
            let place: Vec<String> = tile.at.iter().map(ToString::to_string).collect();
            vec![
                tile.path.clone(),
                small(tile.max_abs),
                small(tile.mean_abs),
                tile.outside.to_string(),
                place.join(", "),
            ]
        })
        .collect();
    html! {
        p { b { (output.name) } ": " (output.problem.as_deref().unwrap_or_default()) }
        @if !rows.is_empty() {
            (table(
                &format!("Tiles with the largest differences of {}", output.name),
                &["tile", "max abs", "mean abs", "elements outside", "at"],
                &rows,
            ))
        }
    }
}

fn decision_section(decisions: &Decisions) -> Markup {
    let flips: Vec<Vec<String>> = decisions.flipped.iter().take(LISTED).map(flip_row).collect();
    let changes: Vec<Vec<String>> = decisions
        .changed_classes
        .iter()
        .take(LISTED)
        .map(|change| {
            vec![
                change.path.clone(),
                change.reference.clone(),
                change.candidate.clone(),
                score(f64::from(change.margin)),
            ]
        })
        .collect();
    html! {
        h3 { "Decisions" }
        (verdict(decisions.passed, &decisions_line(decisions)))
        @if let (Some(closest), Some(path)) = (decisions.closest_to_threshold, &decisions.closest_path) {
            p.note { "The score closest to the threshold is " (small(closest)) " away: " (path) "." }
        }
        @if !flips.is_empty() {
            (table(
                &format!("Tiles on another side of the threshold: {} of {}", flips.len(), decisions.flips),
                &["tile", "label", "reference", "candidate", "margin of reference", "margin of candidate"],
                &flips,
            ))
        }
        @if !changes.is_empty() {
            (table(
                &format!("Tiles with another most probable class: {} of {}", changes.len(), decisions.class_changes),
                &["tile", "reference", "candidate", "lead that was lost"],
                &changes,
            ))
        }
    }
}

fn maps(pair: &PairReport) -> Markup {
    let rows: Vec<Vec<String>> = pair
        .outputs
        .iter()
        .filter_map(|output| {
            let map = output.map.as_ref()?;
            Some(vec![
                output.name.clone(),
                format!("{} at row {}, column {}", map.path, map.y, map.x),
                format!("{:.4}", map.iou_mean),
                format!("{:.4} ({})", map.iou_min, map.iou_min_path),
                map.border_ratio.map_or_else(|| "—".to_owned(), |ratio| format!("{ratio:.1}")),
            ])
        })
        .collect();
    html! {
        @if !rows.is_empty() {
            h3 { "Maps" }
            (table(
                "Differences of maps; overlap of the bright parts as intersection over union",
                &["map", "largest difference", "mean overlap", "least overlap", "border over inside"],
                &rows,
            ))
        }
    }
}

fn failed(report: &Report) -> Markup {
    let rows = failed_rows(report, LISTED);
    html! {
        section {
            h2 { "Tiles that could not be read" }
            (table(&format!("{} of {}", rows.len(), report.tiles.failed.len()), &["tile", "reason"], &rows))
        }
    }
}
