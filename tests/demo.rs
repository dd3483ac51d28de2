//! `kiln demo` with nothing prepared: it succeeds, and every file that it names exists.

use std::fs;

use crate::support::{install_library, kiln, read_csv, read_json, scratch};

const FILES: [&str; 16] = [
    "tiles/tiles.csv",
    "run/config.yaml",
    "run/split.csv",
    "run/model.bpk",
    "run/history.jsonl",
    "run/metrics.json",
    "run/run.json",
    "run/report.html",
    "run/pictures/loss.png",
    "run/pictures/roc_pr.png",
    "run/pictures/reconstructions.png",
    "bundle/manifest.json",
    "bundle/model.onnx",
    "bundle/golden.npz",
    "scores.csv",
    "report.html",
];

#[test]
fn it_ends_well_and_leaves_all_that_it_names() {
    install_library();
    let folder = scratch();
    let out = folder.path().join("demo");
    let said = kiln!(
        "--json",
        "demo",
        "--out",
        &out,
        "--tiles",
        "120",
        "--set",
        "training.epochs=1",
        "--set",
        "model.cnn.filters=[4, 8]",
        "--set",
        "model.filters=[4, 8]",
        "--set",
        "model.latent=8"
    );
    let said = said.code(0);
    for file in FILES {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    let summary = said.json();
    assert_eq!(summary["parity"]["passed"], true);
    assert_eq!(summary["parity"]["decisions_changed"], 0);
    assert_eq!(summary["scores"]["scored"], 120);
    assert!(summary["metrics"]["baseline"]["colour_auroc"]["value"].is_number());
    let (header, rows) = read_csv(&fs::read_to_string(out.join("scores.csv")).unwrap());
    assert_eq!(header, ["path", "score", "label", "status", "p_benign", "p_anomalous"]);
    assert_eq!(rows.len(), 120);
    assert_eq!(read_json(&out.join("bench.json")), summary["latency"]);
    assert_self_contained(&fs::read_to_string(out.join("report.html")).unwrap());
}

#[test]
fn it_replaces_nothing_but_an_earlier_demo() {
    let folder = scratch();
    fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    kiln!("demo", "--out", folder.path()).code(2).says(&["is not empty", "--out"]);
    assert!(folder.path().join("thesis.txt").is_file());
}

/// A report is one file that opens without a network.
pub fn assert_self_contained(html: &str) {
    assert!(html.contains("data:image/png;base64,"), "no picture is embedded");
    for loads in ["src=\"http", "src='http", "<script src", "<link", "@import"] {
        assert!(!html.contains(loads), "the report loads something: {loads}");
    }
}
