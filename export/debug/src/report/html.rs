//! The comparison as one HTML page: no scripts, no external files, light and dark colours, tables that screen readers
//! understand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kiln_train::picture::Picture;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{HEADINGS, cells};
use crate::layers::LayersReport;

const STYLE: &str = include_str!("page.css");

/// The page. `curve` is the picture of [`super::curve`].
#[must_use]
pub fn page(report: &LayersReport, curve: Option<&Picture>) -> String {
    let title = format!("{} against {}", report.b, report.a);
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Kiln" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    p.verdict.good[report.passed].bad[!report.passed] {
                        (if report.passed { "✓ " } else { "✗ " }) (report.conclusion())
                    }
                    (facts(report))
                }
                main {
                    @if let Some(curve) = curve { (figure(curve)) }
                    @if !report.causes.is_empty() { (divergences(report)) }
                    (values(report))
                    (rest(report))
                }
                footer { p { "Made by Kiln " (env!("CARGO_PKG_VERSION")) ". For research; not a medical device." } }
            }
        }
    };
    document.into_string()
}

fn facts(report: &LayersReport) -> Markup {
    let nodes: Vec<String> = report.nodes.iter().map(|(provider, count)| format!("{count} on {provider}")).collect();
    html! {
        dl {
            div { dt { "Reference" } dd { (report.a) } }
            div { dt { "Candidate" } dd { (report.b) } }
            div { dt { "Tiles" } dd { (report.tiles.len()) ", " (report.inputs) } }
            div { dt { "Values" } dd { (report.rows.len()) } }
            div { dt { "ONNX Runtime" } dd { (report.onnxruntime) } }
            @if !nodes.is_empty() { div { dt { "Nodes" } dd { (nodes.join(", ")) } } }
        }
    }
}

fn figure(curve: &Picture) -> Markup {
    let (width, height) = curve.shown_size();
    let source = format!("data:image/png;base64,{}", STANDARD.encode(curve.png()));
    html! {
        section {
            h2 { "Growth of the error" }
            figure {
                img src=(source) width=(width) height=(height) alt="Error as carried along and of each node alone, over the values in the order of execution";
                figcaption {
                    "Each error is divided by the value's largest magnitude. The full line is the error of both sides run end to end; the \
                     dashed line is the error that each node makes when it reads the reference's values."
                }
            }
        }
    }
}

fn divergences(report: &LayersReport) -> Markup {
    html! {
        section {
            h2 { "Divergences" }
            ol {
                @for cause in &report.causes {
                    li {
                        code { (cause.location.node) } " (" (cause.location.operator) ")"
                        @if !cause.location.module.is_empty() { " in " code { (cause.location.module) } }
                        ": "
                        @if cause.reasons.is_empty() { "both graphs have the same node, so the runtime computes it differently." }
                        @else { (cause.reasons.join("; ")) "." }
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
                table {
                    caption {
                        "In the order of execution. The first five figures are the error as carried along; `own max` is the error of the node \
                         alone, `allowed` the largest that rounding explains."
                    }
                    thead { tr { @for heading in HEADINGS { th scope="col" { (heading) } } } }
                    tbody {
                        @for row in &report.rows {
                            tr.parted[row.verdict.is_beyond()] {
                                @for (at, cell) in cells(row).into_iter().enumerate() {
                                    @if at == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
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
