//! The metrics section: every metric with its interval and its baseline.

use maud::{Markup, html};

use super::html::{table, verdict};
use crate::metrics::{Calibration, CalibrationBin, ClassFailures, Failures, GroupFailures, Interval, Metrics};

pub(super) fn section(metrics: &Metrics) -> Markup {
    let percent = 100.0 * metrics.intervals.level;
    let normal = metrics.n - metrics.anomalous;
    html! {
        section {
            h2 { "Metrics" }
            @if let Some(caution) = &metrics.caution { (verdict(false, caution)) }
            (baseline(metrics))
            (table(
                &format!("{} tiles in {} groups: {} anomalous, {normal} normal", metrics.n, metrics.groups, metrics.anomalous),
                &["metric", "value", &format!("{percent:.0} % interval"), "chance or baseline"],
                &rows(metrics),
            ))
            (confusion(metrics))
            @if let Some(calibration) = &metrics.calibration { (reliability(calibration)) }
            @if let Some(failures) = &metrics.failures { (failed(failures)) }
            p.note {
                "Intervals: " (metrics.intervals.method)
                @if metrics.intervals.resamples > 0 { ", " (metrics.intervals.resamples) " resamples" }
                "."
                @if let Some(caution) = &metrics.intervals.caution { " Caution: " (caution) "." }
            }
        }
    }
}

/// The verdict on the model against the colour baseline.
fn baseline(metrics: &Metrics) -> Markup {
    let Some(gain) = metrics.baseline.gain else {
        return html! { p.note { "The colour baseline was not evaluated on these tiles." } };
    };
    let words = if gain.low > 0.0 {
        "The model ranks better than colour alone"
    } else if gain.high < 0.0 {
        "The model ranks worse than colour alone"
    } else {
        "The model does not rank significantly better than colour alone"
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
        vec![name.to_owned(), format!("{:.3}", figure.value), together(&range(figure)), beside]
    };
    let mut rows = vec![
        row("AUROC", metrics.auroc, colour),
        row("AUPR (average precision)", metrics.aupr, format!("{share:.3} by chance")),
        row("accuracy", metrics.accuracy, format!("{:.3} by one decision for all", share.max(1.0 - share))),
        row("precision", metrics.precision, String::new()),
        row("recall (sensitivity)", metrics.recall, String::new()),
        row("specificity", metrics.specificity, String::new()),
        row("F1", metrics.f1, format!("{:.3} if all are anomalous", 2.0 * share / (1.0 + share))),
    ];
    let neighbours = metrics.baseline.neighbours_auroc.map_or_else(String::new, |auroc| {
        format!("{:.3} ({}) by distance to normal colour", auroc.value, range(auroc))
    });
    if !neighbours.is_empty() {
        rows[0][3] = format!("{}; {neighbours}", rows[0][3]);
    }
    let tpr = [
        ("true positives at 1 % false positives", metrics.tpr_at_1_percent_fpr),
        ("true positives at 5 % false positives", metrics.tpr_at_5_percent_fpr),
    ];
    rows.extend(tpr.into_iter().filter_map(|(name, figure)| Some(row(name, figure?, String::new()))));
    if let Some(calibration) = &metrics.calibration {
        rows.push(row(
            "Brier score",
            calibration.brier,
            format!("{:.3} by a constant probability", share * (1.0 - share)),
        ));
        rows.push(row("expected calibration error", calibration.ece, String::new()));
    }
    if let Some(errors) = metrics.reconstruction {
        rows.push(small("squared error, normal tiles", errors.mse_normal));
        rows.push(small("squared error, anomalous tiles", errors.mse_anomalous));
    }
    rows
}

/// A row in scientific notation, for small values.
fn small(name: &str, figure: Interval) -> Vec<String> {
    let range = format!("{:.2e} to {:.2e}", figure.low, figure.high);
    vec![name.to_owned(), format!("{:.2e}", figure.value), together(&range), String::new()]
}

fn reliability(calibration: &Calibration) -> Markup {
    let row = |bin: &CalibrationBin| {
        vec![format!("{:.3}", bin.mean_score), format!("{:.3}", bin.anomalous), bin.n.to_string()]
    };
    let rows: Vec<Vec<String>> = calibration.bins.iter().map(row).collect();
    table(
        "Calibration: predicted probability and observed frequency, in bins of equally many tiles",
        &["predicted", "observed", "tiles"],
        &rows,
    )
}

fn failed(failures: &Failures) -> Markup {
    let class = |class: &ClassFailures| {
        let truth = if class.anomalous { "anomalous" } else { "normal" };
        let share = 100.0 * class.wrong as f64 / class.n as f64;
        let label = class.label.clone();
        vec![label, truth.to_owned(), class.n.to_string(), class.wrong.to_string(), together(&format!("{share:.1} %"))]
    };
    let group = |group: &GroupFailures| {
        let counts = [group.n, group.false_positive, group.false_negative].map(|count| count.to_string());
        std::iter::once(group.group.clone()).chain(counts).collect()
    };
    let classes: Vec<Vec<String>> = failures.classes.iter().map(class).collect();
    let groups: Vec<Vec<String>> = failures.groups.iter().map(group).collect();
    html! {
        (table("Errors by label", &["label", "truth", "tiles", "wrong", "share"], &classes))
        @if !groups.is_empty() {
            (table(
                &format!("Groups with the most errors: {} of {}", groups.len(), failures.groups_with_failures),
                &["group", "tiles", "false alarms", "missed"],
                &groups,
            ))
        }
    }
}

/// Replaces spaces, so that the text stays on one line.
fn together(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

fn range(interval: Interval) -> String {
    format!("{:.3} to {:.3}", interval.low, interval.high)
}

/// Formats a threshold, in scientific notation if it is very small.
fn short(threshold: f64) -> String {
    if threshold.abs() < 0.01 { format!("{threshold:.3e}") } else { format!("{threshold:.4}") }
}

fn confusion(metrics: &Metrics) -> Markup {
    let counts = metrics.confusion;
    let row = |name: &str, cells: [u64; 2]| vec![name.to_owned(), cells[0].to_string(), cells[1].to_string()];
    table(
        &format!("Decisions at the threshold: anomalous at or above {}", short(metrics.threshold)),
        &["truth", "predicted anomalous", "predicted normal"],
        &[
            row("anomalous", [counts.true_positive, counts.false_negative]),
            row("normal", [counts.false_positive, counts.true_negative]),
        ],
    )
}
