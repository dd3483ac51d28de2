//! The report as an HTML page.

use maud::{Markup, html};

use super::html::{figure_section, shell};
use super::{Report, latency, latent, metrics, parity, subgroups};

/// Renders all sections of a report.
pub(super) fn page(report: &Report) -> String {
    let main = html! {
        @if let Some(figures) = &report.metrics { (metrics::section(figures)) }
        @for found in report.metrics.iter().flat_map(|metrics| &metrics.subgroups) { (subgroups::section(found)) }
        @if let Some(found) = report.metrics.as_ref().and_then(|metrics| metrics.latent.as_ref()) { (latent::section(found)) }
        @for figure in &report.figures { (figure_section(figure)) }
        @if let Some(found) = &report.parity { (parity::section(found)) }
        @if let Some(found) = &report.latency { (latency::section(found)) }
        @if let Some(config) = &report.config { (configuration(config)) }
    };
    shell(&report.title, &report.summary, &report.facts, &main)
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
