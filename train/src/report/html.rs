//! Parts of an HTML page: the document, figures, tables, verdicts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Figure;

const STYLE: &str = include_str!("report.css");

/// Renders the whole document with title, summary, facts and `main`.
#[must_use]
pub fn shell(title: &str, summary: &str, short: &[(String, String)], main: &Markup) -> String {
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

/// Renders a section with a picture, its heading and its caption.
#[must_use]
pub fn figure_section(figure: &Figure) -> Markup {
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

/// True if a cell has a word that is too long for a column, such as a list of keys.
fn is_long(cell: &str) -> bool {
    cell.split_whitespace().any(|word| word.chars().count() > 24)
}

/// Renders a table in a scrollable box, so that a wide table does not widen the page on a narrow screen.
#[must_use]
pub fn table(caption: &str, columns: &[&str], rows: &[Vec<String>]) -> Markup {
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

/// Renders a verdict in words and a sign; the colour repeats it.
#[must_use]
pub fn verdict(good: bool, words: &str) -> Markup {
    html! {
        p.verdict.good[good].bad[!good] { (if good { "✓ " } else { "✗ " }) (words) }
    }
}
