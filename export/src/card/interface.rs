//! Sections on inputs, outputs and graphs.

use std::fmt::Write as _;

use kiln_runtime::bundle::manifest::{Dim, Manifest, Port};
use kiln_tile::stain::StainPlace;
use serde_json::Value;

pub(crate) fn ports(manifest: &Manifest) -> String {
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

/// The stain normalisation and its place.
fn stain(manifest: &Manifest) -> String {
    let Some(stain) = manifest.tile.stain_normalisation else { return String::new() };
    let method = stain.normaliser.method();
    match stain.place {
        StainPlace::Graph => format!(
            "\nStains are normalised to those of the training tiles inside the graph ({method}); its input is tiles as decoded.\n"
        ),
        StainPlace::Runtime => format!(
            "\n**The graph does not normalise stains.** The model was trained on stain-normalised tiles ({method}); \
             the target is in `manifest.json`, `tile.stain_normalisation`. `kiln` does it before the graph. \
             Another program that feeds tiles as decoded gets wrong scores.\n"
        ),
    }
}

/// Graphs of other precisions than fp32, with their losses on the validation split.
pub(crate) fn variants(manifest: &Manifest) -> String {
    let others: Vec<_> = manifest.variants.iter().filter(|variant| variant.gate.is_some()).collect();
    if others.is_empty() {
        return String::new();
    }
    let mut text = String::from("| precision | file | AUROC lost | decisions changed |\n|---|---|---|---|\n");
    for variant in others {
        let number = |name: &str| variant.gate.as_ref().and_then(|gate| gate[name].as_f64());
        let _ = writeln!(
            text,
            "| {} | `{}` | {} | {:.2} % |",
            variant.precision,
            variant.file,
            number("auroc_lost").map_or("unknown".to_owned(), |lost| format!("{lost:.4}")),
            100.0 * number("decisions_changed_share").unwrap_or(f64::NAN)
        );
    }
    text.push_str("\nMeasured on tiles that were not calibrated on; all other figures are those of fp32.\n");
    text
}

pub(super) fn parity(report: &Value) -> String {
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
