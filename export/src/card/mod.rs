//! The model card, `README.md` of a bundle, in the sections of Mitchell et al. (FAT* 2019): intended use, data, figures,
//! failures and decision rule. Its content comes from the manifest and the run's split alone; sections without data are left
//! out.

mod figures;
mod interface;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kiln_runtime::bundle::manifest::Manifest;
use kiln_train::data::Split;
use kiln_train::metrics::ThresholdRule;
use kiln_train::training::SplitFacts;
use serde_json::Value;

use figures::{baselines, calibration, failures, figures};
use interface::parity;
pub(crate) use interface::{ports, variants};

/// The card's Markdown.
pub(crate) fn card(manifest: &Manifest, split: &BTreeMap<Split, SplitFacts>) -> String {
    let sections = [
        ("Intended use", intended_use(manifest)),
        ("Data", data(manifest, split)),
        ("Figures", figures(manifest)),
        ("Baselines", baselines(&manifest.metrics)),
        ("Decision", decision(manifest)),
        ("Where it fails", failures(&manifest.metrics)),
        ("Calibration", calibration(&manifest.metrics)),
        ("Training", training(&manifest.provenance.config)),
        ("Inputs and outputs", ports(manifest)),
        ("Precisions", variants(manifest)),
        ("Parity", parity(&manifest.parity)),
        ("Provenance", provenance(manifest)),
        ("Limits", limits(manifest, split)),
    ];
    let mut text = format!(
        "# {}\n\nA {} with {} weights for 256x256 tissue tiles, exported by Kiln {}. **For research; not for \
         diagnosis.**\n",
        manifest.model.name,
        manifest.model.kind,
        manifest.model.parameters,
        tool(manifest, "kiln")
    );
    for (title, body) in sections {
        if !body.is_empty() {
            let _ = write!(text, "\n## {title}\n\n{}\n", body.trim_end());
        }
    }
    text
}

fn intended_use(manifest: &Manifest) -> String {
    let does = if manifest.classes.is_empty() {
        "scores tiles by their difference from the normal tiles of its training"
    } else {
        "scores tiles by the probability of an anomalous class"
    };
    format!(
        "Research; not for diagnosis. The model {does}: to rank tiles for a second look, to compare methods, to test a \
         deployment. It is no medical device, it was not validated on patients, and must not be used for decisions about \
         a person."
    )
}

fn data(manifest: &Manifest, split: &BTreeMap<Split, SplitFacts>) -> String {
    let labels: Vec<&String> = split.values().flat_map(|facts| facts.labels.keys()).collect();
    let mut labels: Vec<&String> = labels;
    labels.sort();
    labels.dedup();
    let mut text = String::from("| split | tiles | groups |");
    labels.iter().for_each(|label| text.push_str(&format!(" {} |", escaped(label))));
    let _ = write!(text, "\n|---|---|---|{}\n", "---|".repeat(labels.len()));
    for (name, facts) in split {
        let groups = if facts.by_group { facts.groups.to_string() } else { "unknown".to_owned() };
        let _ = write!(text, "| {name} | {} | {groups} |", facts.tiles);
        for label in &labels {
            let _ = write!(text, " {} |", facts.labels.get(*label).copied().unwrap_or(0));
        }
        text.push('\n');
    }
    let apart = if split.values().all(|facts| facts.by_group) {
        "No group (slide, patient or source image) is in two splits."
    } else {
        "Groups (slide, patient, source image) are not known for all tiles, so tiles of one slide may be in two splits \
         and the figures may be too good."
    };
    let _ = write!(
        text,
        "\n{apart} Weights were learnt on train; the kept epoch and the threshold were chosen on val; figures are of test. \
         Normal: {}.\n",
        list(&manifest.normal_classes)
    );
    text
}

/// Labels in a sentence; a label with a comma is quoted.
pub(crate) fn list(labels: &[String]) -> String {
    let named = |label: &String| {
        if label.contains(',') { format!("\"{}\"", escaped(label)) } else { escaped(label) }
    };
    labels.iter().map(named).collect::<Vec<_>>().join(", ")
}

/// A label as text of a Markdown table: neither the end of a cell nor HTML.
pub(crate) fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('|', "\\|").replace('&', "&amp;").replace('<', "&lt;").replace('`', "\\`")
}

fn decision(manifest: &Manifest) -> String {
    let threshold = &manifest.threshold;
    let mut text = format!(
        "A tile with `score >= {}` is anomalous. The threshold was chosen by the rule `{}` ({}) on the {}.\n",
        threshold.value,
        threshold.rule,
        rule(&threshold.rule),
        threshold.chosen_on
    );
    if let Some(rule) = &manifest.score {
        let parts = rule.parts.iter().map(|part| format!("{:.4} x {}", part.weight, part.name.replace('_', " ")));
        let sum: Vec<String> = parts.chain([format!("{:.4}", rule.intercept)]).collect();
        let _ = write!(
            text,
            "\nThe score is the logistic function of {}; the weights were fitted on the {}.\n",
            sum.join(" + "),
            rule.fitted_on
        );
    }
    if !manifest.classes.is_empty() {
        let _ = write!(text, "\nClasses, in the order of `probabilities`: {}.\n", list(&manifest.classes));
    }
    if let Some(counts) = manifest.metrics.get("confusion").filter(|counts| counts.is_object()) {
        let _ = write!(
            text,
            "\n| truth on test | called anomalous | called normal |\n|---|---|---|\n| anomalous | {} | {} |\n| normal | {} | \
             {} |\n",
            counts["true_positive"], counts["false_negative"], counts["false_positive"], counts["true_negative"]
        );
    }
    text
}

/// The criterion of a rule.
fn rule(name: &str) -> String {
    name.parse::<ThresholdRule>().map_or_else(|_| "see the configuration".to_owned(), |rule| rule.description())
}

/// The main keys of the configuration; all of it is in `manifest.json`.
fn training(config: &Value) -> String {
    let keys = [
        ("seed", "/training/seed"),
        ("epochs, at most", "/training/epochs"),
        ("tiles a step", "/training/batch"),
        ("learning rate", "/training/learning_rate"),
        ("epochs compared by", "/training/best"),
        ("stain normalisation", "/data/stain_normalisation"),
        ("augmentation", "/data/augmentation"),
    ];
    let line = |(name, pointer): &(&str, &str)| {
        let value = config.pointer(pointer).filter(|value| !value.is_null())?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(format!("- {name}: `{value}`\n"))
    };
    keys.iter().filter_map(line).collect()
}

fn provenance(manifest: &Manifest) -> String {
    let provenance = &manifest.provenance;
    let mut text =
        format!("- data: SHA-256 `{}`\n- weights: SHA-256 `{}`\n", provenance.data_sha256, provenance.weights_sha256);
    if let Some(revision) = &provenance.git_revision {
        let _ = writeln!(text, "- git revision: `{revision}`");
    }
    for (name, version) in &provenance.tools {
        let _ = writeln!(text, "- {name}: {version}");
    }
    text
}

fn limits(manifest: &Manifest, split: &BTreeMap<Split, SplitFacts>) -> String {
    let test = split.get(&Split::Test).map_or(0, |facts| facts.groups);
    let mut limits = vec![
        "The figures hold for tiles like those of the test split. Another organ, stain, scanner or resolution needs its \
         own evaluation, and its own threshold, before any use."
            .to_owned(),
        format!("The test split holds {test} groups; performance on other groups is known only within the intervals."),
    ];
    let learnt = manifest.metrics.pointer("/baseline/gain/low").and_then(Value::as_f64);
    if learnt.is_some_and(|low| low <= 0.0) {
        limits.push(
            "The model is not shown to rank better than colour statistics alone: it may have learnt staining, not tissue."
                .to_owned(),
        );
    }
    if manifest.tile.micrometres_per_pixel.is_none() {
        limits.push(
            "The resolution of the tiles is unknown, so tiles of another resolution cannot be detected.".to_owned(),
        );
    }
    limits.into_iter().map(|limit| format!("- {limit}\n")).collect()
}

fn tool<'a>(manifest: &'a Manifest, name: &str) -> &'a str {
    manifest.provenance.tools.get(name).map_or("", String::as_str)
}
