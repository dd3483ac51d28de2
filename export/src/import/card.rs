//! The model card of an imported bundle. It lists the checks of the import, and states that training and figures are
//! unknown.

use std::fmt::Write as _;

use kiln_runtime::bundle::manifest::Manifest;
use serde_json::Value;

use crate::card::{escaped, list, ports, variants};

/// The card's Markdown.
pub(super) fn card(manifest: &Manifest) -> String {
    let import = &manifest.provenance.config["import"];
    let sections = [
        ("Intended use", intended_use()),
        ("Origin", origin(manifest, import)),
        ("Preprocessing", preprocessing(import)),
        ("Decision", decision(manifest)),
        ("Inputs and outputs", ports(manifest)),
        ("Precisions", variants(manifest)),
        ("Parity", parity(manifest, import)),
        ("Limits", limits(manifest, import)),
    ];
    let mut text = format!(
        "# {}\n\nA model with {} weights for 256x256 tissue tiles, imported from ONNX by Kiln {}. **For research; not for \
         diagnosis.**\n",
        escaped(&manifest.model.name),
        manifest.model.parameters,
        manifest.provenance.tools.get("kiln").map_or("", String::as_str)
    );
    for (title, body) in sections.iter().filter(|(_, body)| !body.is_empty()) {
        let _ = write!(text, "\n## {title}\n\n{}\n", body.trim_end());
    }
    text
}

fn intended_use() -> String {
    "Research; not for diagnosis. The model scores tiles: to rank them for a second look, to compare methods, to test a \
     deployment. It is no medical device and must not be used for decisions about a person. Training data, figures and \
     failures are described by those who trained it."
        .to_owned()
}

fn origin(manifest: &Manifest, import: &Value) -> String {
    let text = |pointer: &str| import.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut lines = vec![
        format!("- file: `{}`", escaped(text("/model/file").unwrap_or(""))),
        format!("- SHA-256 `{}`", manifest.provenance.weights_sha256),
        format!("- opset {}", import["model"]["opset"]),
    ];
    if let Some(producer) = text("/model/producer") {
        lines.push(format!("- written by {}", escaped(producer)));
    }
    lines.push(format!("- licence: {}", text("/licence").map_or("not stated".to_owned(), escaped)));
    lines.join("\n")
}

fn preprocessing(import: &Value) -> String {
    let input = &import["input"];
    let mut lines = Vec::new();
    for (name, key) in [
        ("layout", "layout"),
        ("channels", "channels"),
        ("range", "range"),
        ("mean", "mean"),
        ("std", "std"),
        ("size", "size"),
        ("element type", "dtype"),
    ] {
        let value = &input[key];
        lines.push(format!("- {name}: `{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    if let Some(resize) = input["resize"].as_object() {
        let text: Vec<String> = resize.iter().map(|(key, value)| format!("{key} {value}")).collect();
        lines.push(format!("- resize: `{}`", text.join(", ").replace('"', "")));
    }
    format!("Inside the graph, as stated at import:\n\n{}\n", lines.join("\n"))
}

fn decision(manifest: &Manifest) -> String {
    let threshold = &manifest.threshold;
    let mut text = format!(
        "A tile with `score >= {}` is anomalous. The threshold was {} ({}).\n",
        threshold.value,
        if threshold.rule == "stated" {
            "stated".to_owned()
        } else {
            format!("chosen by the rule `{}`", threshold.rule)
        },
        escaped(&threshold.chosen_on)
    );
    if !manifest.classes.is_empty() {
        let (classes, normal) = (list(&manifest.classes), list(&manifest.normal_classes));
        let _ = write!(text, "\nClasses, in the order of `probabilities`: {classes}. Normal: {normal}.\n");
    }
    text
}

fn parity(manifest: &Manifest, import: &Value) -> String {
    let report = &manifest.parity;
    let mut text = format!(
        "This graph against the untouched model behind an independent preprocessing, on {}, batches {}.\n\n",
        import["tiles"].as_str().unwrap_or("tiles"),
        report["batches"]
    );
    text.push_str(&rows(report["outputs"].as_array()));
    if let Some(reference) = import["reference"].as_array() {
        text.push_str("\nThe model against its framework's own outputs:\n\n");
        text.push_str(&rows(Some(reference)));
    }
    text
}

fn rows(outputs: Option<&Vec<Value>>) -> String {
    let mut text = String::from("| output | largest difference | mean difference | allowed |\n|---|---|---|---|\n");
    for output in outputs.into_iter().flatten() {
        let number = |name: &str| output[name].as_f64().unwrap_or(f64::NAN);
        let name = escaped(output["name"].as_str().unwrap_or(""));
        let (most, mean, allowed) = (number("max_abs"), number("mean_abs"), number("tolerance"));
        let _ = writeln!(text, "| `{name}` | {most:.2e} | {mean:.2e} | {allowed:.0e} |");
    }
    text
}

fn limits(manifest: &Manifest, import: &Value) -> String {
    let mut limits = vec![
        "Nothing is known here of the model's accuracy. Evaluate it on labelled tiles before any use: `kiln evaluate`.",
    ];
    if import["reference"].is_null() {
        limits.push(
            "No outputs of the framework were given at import, so nothing shows that the preprocessing is that of the \
             training.",
        );
    }
    if manifest.tile.micrometres_per_pixel.is_none() {
        limits.push("The resolution of the tiles is unknown, so tiles of another resolution cannot be detected.");
    }
    limits.into_iter().map(|limit| format!("- {limit}\n")).collect()
}
