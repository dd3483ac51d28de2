//! The model card, `README.md` of a bundle: what a person must know before using the model, from the manifest alone.

use std::fmt::Write as _;

use kiln_runtime::bundle::manifest::{Dim, Manifest, Port};
use serde_json::Value;

/// The card's Markdown.
pub(crate) fn card(manifest: &Manifest) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    line(format!("# {}", manifest.model.name));
    line(String::new());
    line(format!(
        "A {} with {} weights for 256x256 tissue tiles, exported by Kiln {}. **For research; not for diagnosis.**",
        manifest.model.kind,
        manifest.model.parameters,
        tool(manifest, "kiln")
    ));
    line(String::new());
    line("## Figures".to_owned());
    line(String::new());
    line(figures(manifest));
    line("## Decision".to_owned());
    line(String::new());
    line(format!(
        "A tile with `score >= {}` is anomalous. The threshold was chosen by the rule `{}` on the {}.",
        manifest.threshold.value, manifest.threshold.rule, manifest.threshold.chosen_on
    ));
    line(classes(manifest));
    line("## Inputs and outputs".to_owned());
    line(String::new());
    line("| name | type | shape | meaning |".to_owned());
    line("|---|---|---|---|".to_owned());
    for port in manifest.inputs.iter().chain(&manifest.outputs) {
        line(format!("| `{}` | {} | {} | {} |", port.name, port.dtype, shape(port), port.meaning));
    }
    line(String::new());
    line(format!(
        "Tiles that are not 256x256 are handled by the policy `{}`. Resolution: {}.",
        manifest.tile.size_policy,
        manifest.tile.micrometres_per_pixel.map_or("unknown".to_owned(), |value| format!("{value} µm/px"))
    ));
    line(String::new());
    line("## Parity".to_owned());
    line(String::new());
    line(parity(&manifest.parity));
    line("## Provenance".to_owned());
    line(String::new());
    line(format!("- data: SHA-256 `{}`", manifest.provenance.data_sha256));
    line(format!("- weights: SHA-256 `{}`", manifest.provenance.weights_sha256));
    if let Some(revision) = &manifest.provenance.git_revision {
        line(format!("- git revision: `{revision}`"));
    }
    for (name, version) in &manifest.provenance.tools {
        line(format!("- {name}: {version}"));
    }
    line(String::new());
    line("## Limits".to_owned());
    line(String::new());
    line(
        "The figures hold for tiles like those of the test split. Another organ, stain, scanner or resolution needs its \
         own evaluation, and its own threshold, before any use."
            .to_owned(),
    );
    text
}

fn figures(manifest: &Manifest) -> String {
    let metrics = &manifest.metrics;
    let rows = [
        ("AUROC", "auroc"),
        ("AUPR", "aupr"),
        ("accuracy", "accuracy"),
        ("precision", "precision"),
        ("recall", "recall"),
        ("F1", "f1"),
        ("AUROC of colour statistics alone", "baseline/colour_auroc"),
    ];
    let mut text = format!("On the {} tiles of the run's test split, with 95 % intervals:\n\n", metrics["n"]);
    text.push_str("| figure | value | interval |\n|---|---|---|\n");
    for (name, pointer) in rows {
        if let Some(interval) = metrics.pointer(&format!("/{pointer}")).filter(|value| value.is_object()) {
            let number = |end: &str| interval[end].as_f64().unwrap_or(f64::NAN);
            let _ =
                writeln!(text, "| {name} | {:.3} | {:.3} to {:.3} |", number("value"), number("low"), number("high"));
        }
    }
    text
}

fn classes(manifest: &Manifest) -> String {
    let normal = manifest.normal_classes.join(", ");
    if manifest.classes.is_empty() {
        return format!("The model learnt from tiles labelled {normal} alone.\n");
    }
    format!("Classes, in the order of `probabilities`: {}. Normal: {normal}.\n", manifest.classes.join(", "))
}

fn parity(report: &Value) -> String {
    let mut text = format!(
        "ONNX Runtime against burn on {} tiles, batches {}; decisions changed: {}.\n\n",
        report["tiles"], report["batches"], report["decisions_changed"]
    );
    text.push_str("| output | largest difference | mean difference | cosine |\n|---|---|---|---|\n");
    for output in report["outputs"].as_array().into_iter().flatten() {
        let number = |name: &str| output[name].as_f64().unwrap_or(f64::NAN);
        let name = output["name"].as_str().unwrap_or("");
        let _ = writeln!(
            text,
            "| `{name}` | {:.2e} | {:.2e} | {:.8} |",
            number("max_abs"),
            number("mean_abs"),
            number("cosine")
        );
    }
    text
}

fn shape(port: &Port) -> String {
    let sizes: Vec<String> = port
        .shape
        .iter()
        .map(|dim| match dim {
            Dim::Fixed(size) => size.to_string(),
            Dim::Symbolic(name) => name.clone(),
        })
        .collect();
    format!("[{}]", sizes.join(", "))
}

fn tool<'a>(manifest: &'a Manifest, name: &str) -> &'a str {
    manifest.provenance.tools.get(name).map_or("", String::as_str)
}
