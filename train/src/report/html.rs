//! The page around the sections: head, style, facts, figures, configuration.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Figure, Report, latency, metrics, parity};

const STYLE: &str = include_str!("report.css");

pub(super) fn page(report: &Report) -> String {
    let main = html! {
        @if let Some(figures) = &report.metrics { (metrics::section(figures)) }
        @for figure in &report.figures { (figure_section(figure)) }
        @if let Some(found) = &report.parity { (parity::section(found)) }
        @if let Some(found) = &report.latency { (latency::section(found)) }
        @if let Some(config) = &report.config { (configuration(config)) }
    };
    shell(&report.title, &report.summary, &report.facts, &main)
}

/// The document around the sections.
pub(crate) fn shell(title: &str, summary: &str, short: &[(String, String)], main: &Markup) -> String {
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
                    p { (summary) }
                    @if !short.is_empty() { (facts(short)) }
                }
                main { (main) }
                footer { p { "Made by Kiln " (env!("CARGO_PKG_VERSION")) ". For research; not a medical device." } }
            }
        }
    };
    document.into_string()
}

fn facts(facts: &[(String, String)]) -> Markup {
    html! {
        dl {
            @for (name, value) in facts {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// A picture with its heading and its words.
pub(crate) fn figure_section(figure: &Figure) -> Markup {
    let (width, height) = figure.picture.shown_size();
    let source = format!("data:image/png;base64,{}", STANDARD.encode(figure.picture.png()));
    html! {
        section {
            h2 { (figure.title) }
            figure {
                img src=(source) alt=(figure.alternative) width=(width) height=(height);
                figcaption { (figure.caption) }
            }
        }
    }
}

fn configuration(config: &str) -> Markup {
    html! {
        section {
            h2 { "Configuration" }
            details {
                summary { "The resolved configuration of the run" }
                pre tabindex="0" { code { (config) } }
            }
        }
    }
}

/// Whether a cell holds a word, such as a list of keys, that no column has room for.
fn is_long(cell: &str) -> bool {
    cell.split_whitespace().any(|word| word.chars().count() > 24)
}

/// A table inside a box that scrolls by itself, so that a narrow screen does not scroll the page. Cells wrap first.
pub(crate) fn table(caption: &str, columns: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        div.scroll role="region" aria-label=(caption) tabindex="0" {
            table {
                caption { (caption) }
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (at, cell) in row.iter().enumerate() {
                                @if at == 0 { th scope="row" { (cell) } } @else { td.long[is_long(cell)] { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A verdict in a word and a sign; the colour only repeats it.
pub(super) fn verdict(good: bool, words: &str) -> Markup {
    html! {
        p.verdict.good[good].bad[!good] { (if good { "✓ " } else { "✗ " }) (words) }
    }
}
