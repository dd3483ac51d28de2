//! The figures section: every figure with its interval, and what colour alone reaches beside it.

use maud::{Markup, html};

use super::page::{table, verdict};
use crate::metrics::{Interval, Metrics};

pub(super) fn section(metrics: &Metrics) -> Markup {
    let percent = 100.0 * metrics.intervals.level;
    let normal = metrics.n - metrics.anomalous;
    html! {
        section {
            h2 { "Figures" }
            (baseline(metrics))
            (table(
                &format!("{} tiles in {} groups: {} anomalous, {normal} normal", metrics.n, metrics.groups, metrics.anomalous),
                &["figure", "value", &format!("{percent:.0} % interval"), "chance or baseline"],
                &rows(metrics),
            ))
            (confusion(metrics))
            p.note {
                "Intervals: " (metrics.intervals.method)
                @if metrics.intervals.resamples > 0 { ", " (metrics.intervals.resamples) " resamples" }
                "."
                @if let Some(caution) = &metrics.intervals.caution { " Caution: " (caution) "." }
            }
        }
    }
}

/// Whether the model sees more than colour, said plainly.
fn baseline(metrics: &Metrics) -> Markup {
    let Some(gain) = metrics.baseline.gain else {
        return html! { p.note { "What colour alone reaches on these tiles was not measured." } };
    };
    let words = if gain.low > 0.0 {
        "The model ranks better than colour alone"
    } else if gain.high < 0.0 {
        "The model ranks worse than colour alone"
    } else {
        "The model is not shown to rank better than colour alone"
    };
    verdict(
        gain.low > 0.0,
        &format!("{words}: AUROC difference {:+.3} ({:+.3} to {:+.3})", gain.value, gain.low, gain.high),
    )
}

fn rows(metrics: &Metrics) -> Vec<Vec<String>> {
    let share = metrics.anomalous as f64 / metrics.n as f64;
    let colour = metrics.baseline.colour_auroc.map_or_else(
        || "0.5 by chance".to_owned(),
        |auroc| format!("{:.3} ({}) by colour alone", auroc.value, range(auroc)),
    );
    let row = |name: &str, figure: Interval, beside: String| {
        vec![name.to_owned(), format!("{:.3}", figure.value), range(figure), beside]
    };
    vec![
        row("AUROC", metrics.auroc, colour),
        row("AUPR (average precision)", metrics.aupr, format!("{share:.3} by chance")),
        row("accuracy", metrics.accuracy, format!("{:.3} by calling all alike", share.max(1.0 - share))),
        row("precision", metrics.precision, String::new()),
        row("recall (sensitivity)", metrics.recall, String::new()),
        row("specificity", metrics.specificity, String::new()),
        row("F1", metrics.f1, format!("{:.3} by calling all anomalous", 2.0 * share / (1.0 + share))),
    ]
}

fn range(interval: Interval) -> String {
    format!("{:.3} to {:.3}", interval.low, interval.high)
}

/// A threshold that may be a probability or a tiny reconstruction error.
fn short(threshold: f64) -> String {
    if threshold.abs() < 0.01 { format!("{threshold:.3e}") } else { format!("{threshold:.4}") }
}

fn confusion(metrics: &Metrics) -> Markup {
    let counts = metrics.confusion;
    let row = |name: &str, cells: [u64; 2]| vec![name.to_owned(), cells[0].to_string(), cells[1].to_string()];
    table(
        &format!("Calls at the threshold: anomalous from {} on", short(metrics.threshold)),
        &["truth", "called anomalous", "called normal"],
        &[
            row("anomalous", [counts.true_positive, counts.false_negative]),
            row("normal", [counts.false_positive, counts.true_negative]),
        ],
    )
}
