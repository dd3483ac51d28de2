//! The comparison as one HTML page, in the shell of a run's report. The curve, the divergences and the table of values are
//! this crate's.

use kiln_train::picture::Picture;
use kiln_train::report::{Figure, figure_section, shell, verdict};
use maud::{Markup, PreEscaped, html};

use super::{HEADINGS, cells};
use crate::layers::LayersReport;

const STYLE: &str = include_str!("page.css");

/// Columns of words, which may be wrapped: operator and verdict.
const WORDS: [usize; 2] = [1, 10];

/// The page. `curve` is the picture of [`super::curve`].
#[must_use]
pub fn page(report: &LayersReport, curve: Option<&Picture>) -> String {
    let title = format!("{} against {}", report.b, report.a);
    let summary = "Every intermediate value of the candidate beside that of the reference, with its error.";
    let main = html! {
        style { (PreEscaped(STYLE)) }
        section { (verdict(report.passed, &report.conclusion())) }
        @if let Some(curve) = curve { (figure_section(&figure(curve))) }
        @if !report.causes.is_empty() { (divergences(report)) }
        (values(report))
        (rest(report))
    };
    shell(&title, summary, &facts(report), &main)
}

fn facts(report: &LayersReport) -> Vec<(String, String)> {
    let mut facts = vec![
        ("Reference", report.a.clone()),
        ("Candidate", report.b.clone()),
        ("Tiles", format!("{}, {}", report.tiles.len(), report.inputs)),
        ("Values", report.rows.len().to_string()),
        ("ONNX Runtime", report.onnxruntime.clone()),
    ];
    let nodes: Vec<String> = report.nodes.iter().map(|(provider, count)| format!("{count} on {provider}")).collect();
    if !nodes.is_empty() {
        facts.push(("Nodes", nodes.join(", ")));
    }
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn figure(curve: &Picture) -> Figure {
    Figure {
        title: "Growth of the error".to_owned(),
        alternative: "Error as carried along and of each node alone, over the values in the order of execution"
            .to_owned(),
        caption:
            "Each error is divided by the value's largest magnitude; numbers are those of the table below. The line is the \
             error of both sides run end to end; a dot is the error that a node makes when it reads the reference's values, \
             and a node without a dot makes none."
                .to_owned(),
        picture: curve.clone(),
    }
}

fn divergences(report: &LayersReport) -> Markup {
    html! {
        section {
            h2 { "Divergences" }
            ol {
                @for cause in &report.causes {
                    li {
                        a href=(format!("#value-{}", cause.row + 1)) { "Value " (cause.row + 1) } ", "
                        code { (cause.location.node) } " (" (cause.location.operator) ")"
                        @if !cause.location.module.is_empty() { " in " code { (cause.location.module) } }
                        ": "
                        @if cause.reasons.is_empty() { "both graphs have the same node, so the runtime computes it differently." }
                        @else { (marked(&cause.reasons.join("; "))) "." }
                    }
                }
            }
        }
    }
}

fn values(report: &LayersReport) -> Markup {
    html! {
        section {
            h2 { "Values" }
            div.scroll role="region" aria-label="Every compared value" tabindex="0" {
                table.values {
                    caption {
                        "In the order of execution. The first five figures are the error as carried along; " b { "own max" }
                        " is the error of the node alone, " b { "allowed" } " the largest that rounding explains."
                    }
                    thead { tr { th scope="col" { "#" } @for heading in HEADINGS { th scope="col" { (heading) } } } }
                    tbody {
                        @for (number, row) in report.rows.iter().enumerate() {
                            tr.parted[row.verdict.is_beyond()] id=(format!("value-{}", number + 1)) {
                                td { (number + 1) }
                                @for (at, cell) in cells(row).into_iter().enumerate() {
                                    @if at == 0 { th scope="row" { (breakable(&cell)) } }
                                    @else { td.word[WORDS.contains(&at)] { (cell) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A sentence whose names in backticks are code.
fn marked(sentence: &str) -> Markup {
    html! {
        @for (at, part) in sentence.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A name that may break behind each slash.
fn breakable(name: &str) -> Markup {
    html! { @for part in name.split_inclusive('/') { (part) wbr; } }
}

fn rest(report: &LayersReport) -> Markup {
    let problems: Vec<_> = report.rows.iter().filter_map(|row| Some((&row.value, row.problem.as_ref()?))).collect();
    html! {
        @if !problems.is_empty() {
            section {
                h2 { "Not compared" }
                ul { @for (value, problem) in problems { li { code { (value) } ": " (problem) } } }
            }
        }
        @if !report.without_counterpart.is_empty() {
            section {
                h2 { "Values that only the candidate has" }
                p { @for name in &report.without_counterpart { code { (name) } " " } }
            }
        }
    }
}
