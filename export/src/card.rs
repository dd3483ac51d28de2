//! The model card, `README.md` of a bundle, in the sections that Mitchell et al. (FAT* 2019) ask for: what the model is
//! for and what not, on which tiles it was made and measured, how well it does and where it fails, how it decides. All of
//! it comes from the manifest and the run's split; what is not known is not said.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kiln_runtime::bundle::manifest::{Dim, Manifest, Port};
use kiln_tile::stain::StainPlace;
use kiln_train::data::Split;
use kiln_train::training::SplitFacts;
use serde_json::Value;

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
        "scores tiles by how much they differ from the normal tiles that it learnt from"
    } else {
        "scores tiles by how likely they are to be of an anomalous class"
    };
    format!(
        "Research; not for diagnosis. The model {does}: to rank tiles for a second look, to compare methods, to test a \
         deployment. It is no medical device, it was not validated on patients, and no decision about a person may rest \
         on it."
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
        "\n{apart} Weights were found on train; the kept epoch and the threshold were chosen on val; figures are of test. \
         Normal: {}.\n",
        list(&manifest.normal_classes)
    );
    text
}

/// Labels in a sentence; one that has a comma itself stands in quotes.
fn list(labels: &[String]) -> String {
    let named = |label: &String| {
        if label.contains(',') { format!("\"{}\"", escaped(label)) } else { escaped(label) }
    };
    labels.iter().map(named).collect::<Vec<_>>().join(", ")
}

/// A label as text of a Markdown table: neither the end of a cell nor HTML.
fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('|', "\\|").replace('&', "&amp;").replace('<', "&lt;").replace('`', "\\`")
}

/// A named figure, and where it stands in `metrics.json`.
type Row = (&'static str, &'static str);

fn figures(manifest: &Manifest) -> String {
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
    if let Some(caution) = metrics.pointer("/intervals/caution").and_then(Value::as_str) {
        let _ = write!(text, "\nCaution: {caution}.\n");
    }
    text
}

fn baselines(metrics: &Value) -> String {
    let rows: [Row; 3] = [
        ("AUROC of colour statistics alone (logistic regression)", "/baseline/colour_auroc"),
        ("AUROC of the distance to normal colour (normal tiles only)", "/baseline/neighbours_auroc"),
        ("the model's AUROC less that of colour statistics", "/baseline/gain"),
    ];
    let table = table(metrics, &rows);
    if table.is_empty() {
        String::new()
    } else {
        format!("What knows nothing but colour, on the same tiles:\n\n{table}")
    }
}

/// Rows of the figures that are there; nothing where none is.
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

/// Three digits behind the point, or in powers of ten where that would say nothing.
fn short(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.01 { format!("{value:.2e}") } else { format!("{value:.3}") }
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

/// What a rule prefers.
fn rule(name: &str) -> &'static str {
    match name {
        "max_f1" => "the highest F1",
        "youden" => "the highest sensitivity + specificity - 1",
        _ => "see the configuration",
    }
}

fn failures(metrics: &Value) -> String {
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
        let _ = write!(text, "\n{all} groups hold wrong calls, most in {}.\n", groups.join(", "));
    }
    text
}

fn calibration(metrics: &Value) -> String {
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

/// What the weights came from, in a few lines; the whole configuration stands in `manifest.json`.
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

fn ports(manifest: &Manifest) -> String {
    let mut text = String::from("| name | type | shape | meaning |\n|---|---|---|---|\n");
    for port in manifest.inputs.iter().chain(&manifest.outputs) {
        let _ = writeln!(text, "| `{}` | {} | {} | {} |", port.name, port.dtype, shape(port), port.meaning);
    }
    let _ = write!(
        text,
        "\nTiles that are not 256x256 are handled by the policy `{}`. Resolution: {}.\n",
        manifest.tile.size_policy,
        manifest.tile.micrometres_per_pixel.map_or("unknown".to_owned(), |value| format!("{value} µm/px"))
    );
    text.push_str(&stain(manifest));
    text
}

/// Whose business the stains of a tile are.
fn stain(manifest: &Manifest) -> String {
    let Some(stain) = manifest.tile.stain_normalisation else { return String::new() };
    let method = stain.normaliser.method();
    match stain.place {
        StainPlace::Graph => format!(
            "\nStains are brought to those of the training tiles inside the graph ({method}): it takes tiles as decoded.\n"
        ),
        StainPlace::Runtime => format!(
            "\n**The graph does not normalise stains.** The model learnt from tiles whose stains were brought to one look \
             ({method}); the target is in `manifest.json`, `tile.stain_normalisation`. `kiln` does it before the graph. \
             Another program that feeds tiles as decoded gets wrong scores.\n"
        ),
    }
}

/// Other graphs than fp32, with what they cost on the validation split.
fn variants(manifest: &Manifest) -> String {
    let others: Vec<_> = manifest.variants.iter().filter(|variant| variant.gate.is_some()).collect();
    if others.is_empty() {
        return String::new();
    }
    let mut text = String::from("| precision | file | AUROC lost | decisions changed |\n|---|---|---|---|\n");
    for variant in others {
        let number = |name: &str| variant.gate.as_ref().and_then(|gate| gate[name].as_f64()).unwrap_or(f64::NAN);
        let _ = writeln!(
            text,
            "| {} | `{}` | {:.4} | {:.2} % |",
            variant.precision,
            variant.file,
            number("auroc_lost"),
            100.0 * number("decisions_changed_share")
        );
    }
    text.push_str("\nMeasured on the validation split; the figures above are those of fp32.\n");
    text
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
        format!("The test split holds {test} groups; how tiles of other groups fare is known no better than the intervals say."),
    ];
    let learnt = manifest.metrics.pointer("/baseline/gain/low").and_then(Value::as_f64);
    if learnt.is_some_and(|low| low <= 0.0) {
        limits.push(
            "The model is not shown to rank better than colour statistics alone: it may have learnt staining, not tissue."
                .to_owned(),
        );
    }
    if manifest.tile.micrometres_per_pixel.is_none() {
        limits.push("The resolution of the tiles is not known, so a tile of another one cannot be told.".to_owned());
    }
    limits.into_iter().map(|limit| format!("- {limit}\n")).collect()
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
