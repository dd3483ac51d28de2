//! Sections with figures of the test split.

use std::fmt::Write as _;

use kiln_runtime::bundle::manifest::Manifest;
use serde_json::Value;

use super::escaped;

/// A figure's name, and its JSON pointer in `metrics.json`.
type Row = (&'static str, &'static str);

pub(super) fn figures(manifest: &Manifest) -> String {
    let metrics = &manifest.metrics;
    let rows: [Row; 13] = [
        ("AUROC", "/auroc"),
        ("AUPR", "/aupr"),
        ("accuracy", "/accuracy"),
        ("precision", "/precision"),
        ("recall (sensitivity)", "/recall"),
        ("specificity", "/specificity"),
        ("F1", "/f1"),
        ("true positives at 1 % false positives", "/tpr_at_1_percent_fpr"),
        ("true positives at 5 % false positives", "/tpr_at_5_percent_fpr"),
        ("Brier score", "/calibration/brier"),
        ("expected calibration error", "/calibration/ece"),
        ("squared error of the reconstruction, normal tiles", "/reconstruction/mse_normal"),
        ("squared error of the reconstruction, anomalous tiles", "/reconstruction/mse_anomalous"),
    ];
    let mut text = format!(
        "On the {} tiles ({} anomalous) of the run's test split, {} groups. Intervals are 95 %: {}, {} resamples.\n\n",
        metrics["n"],
        metrics["anomalous"],
        metrics["groups"],
        metrics.pointer("/intervals/method").and_then(Value::as_str).unwrap_or("not drawn"),
        metrics.pointer("/intervals/resamples").and_then(Value::as_u64).unwrap_or(0),
    );
    text.push_str(&table(metrics, &rows));
    for caution in ["/caution", "/intervals/caution"] {
        if let Some(caution) = metrics.pointer(caution).and_then(Value::as_str) {
            let _ = write!(text, "\nCaution: {caution}.\n");
        }
    }
    text
}

pub(super) fn baselines(metrics: &Value) -> String {
    let rows: [Row; 3] = [
        ("AUROC of colour statistics alone (logistic regression)", "/baseline/colour_auroc"),
        ("AUROC of the distance to normal colour (normal tiles only)", "/baseline/neighbours_auroc"),
        ("the model's AUROC less that of colour statistics", "/baseline/gain"),
    ];
    let table = table(metrics, &rows);
    if table.is_empty() {
        String::new()
    } else {
        format!("Methods that use colour alone, on the same tiles:\n\n{table}")
    }
}

/// A table of the figures that exist; empty if none does.
fn table(metrics: &Value, rows: &[Row]) -> String {
    let mut text = String::new();
    for (name, pointer) in rows {
        if let Some(interval) = metrics.pointer(pointer).filter(|value| value.is_object()) {
            let number = |end: &str| short(interval[end].as_f64().unwrap_or(f64::NAN));
            let _ = writeln!(text, "| {name} | {} | {} to {} |", number("value"), number("low"), number("high"));
        }
    }
    if text.is_empty() { text } else { format!("| figure | value | interval |\n|---|---|---|\n{text}") }
}

/// Three decimals, or scientific notation for small values.
fn short(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.01 { format!("{value:.2e}") } else { format!("{value:.3}") }
}

pub(super) fn failures(metrics: &Value) -> String {
    let Some(failures) = metrics.get("failures").filter(|failures| failures.is_object()) else { return String::new() };
    let mut text = String::from("| label | test tiles | wrong | mean score |\n|---|---|---|---|\n");
    for class in failures["classes"].as_array().into_iter().flatten() {
        let mean = short(class["mean_score"].as_f64().unwrap_or(f64::NAN));
        let label = escaped(class["label"].as_str().unwrap_or(""));
        let _ = writeln!(text, "| {label} | {} | {} | {mean} |", class["n"], class["wrong"]);
    }
    let groups: Vec<String> = failures["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .take(5)
        .map(|group| {
            let count = |name: &str| group[name].as_u64().unwrap_or(0);
            let name = escaped(group["group"].as_str().unwrap_or(""));
            format!("{name} ({} of {})", count("false_positive") + count("false_negative"), count("n"))
        })
        .collect();
    if !groups.is_empty() {
        let all = &failures["groups_with_failures"];
        let _ = write!(text, "\n{all} groups have wrong calls, most in {}.\n", groups.join(", "));
    }
    text
}

pub(super) fn calibration(metrics: &Value) -> String {
    let bins = metrics.pointer("/calibration/bins").and_then(Value::as_array);
    let Some(bins) = bins else { return String::new() };
    let mut text = String::from(
        "The score is a probability. Tiles of the test split in bins of equally many, from the lowest score up:\n\n\
         | mean score | share anomalous | tiles |\n|---|---|---|\n",
    );
    for bin in bins {
        let number = |name: &str| bin[name].as_f64().unwrap_or(f64::NAN);
        let _ = writeln!(text, "| {:.3} | {:.3} | {} |", number("mean_score"), number("anomalous"), bin["n"]);
    }
    text
}
