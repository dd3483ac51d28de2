//! Models on a backbone, the whole way: train, export with parity, score. The backbones are small and their weights
//! random, so that a test takes seconds; `train`'s own tests compare them with PyTorch.

use std::fs;

use crate::support::{fixture, kiln, read_csv, read_json, scratch};

/// A tenth of EfficientNet-Lite0's first three stages.
const BACKBONE: &str = "{name: efficientnet-lite0, weights: random, stages: [2, 3], width: 0.25}";

fn config(model: &str) -> String {
    format!(
        "name: small\nmodel: {model}\n\
         data:\n  normal_classes: [benign]\n  split: {{train: 0.7, val: 0.15, test: 0.15}}\n\
         training: {{seed: 42, epochs: 3, batch: 8, learning_rate: 0.005}}\nbootstrap_resamples: 200\n"
    )
}

#[test]
fn a_frozen_backbone_is_trained_once_from_kept_features_and_exported_whole() {
    let (fixture, folder) = (fixture(), scratch());
    let text = config(&format!("{{kind: transfer, backbone: {BACKBONE}, views: 2, dense: [8], dropout: 0.1}}"));
    let path = folder.path().join("transfer.yaml");
    fs::write(&path, text).unwrap();
    let train = |out: &str| {
        let mut command = crate::support::command();
        command.env("KILN_CACHE", folder.path().join("cache"));
        command.arg("train").arg(&path).arg("--data").arg(fixture.tiles()).arg("--out").arg(folder.path().join(out));
        crate::support::finish(command).code(0)
    };
    let features = |outcome: &crate::support::Outcome| outcome.stderr().contains("features of");
    let first = train("a");
    let kept: Vec<_> = fs::read_dir(folder.path().join("cache/features")).unwrap().collect();
    // One file for the tiles as they are, one for each view.
    assert_eq!(kept.len(), 3, "{}", first.stderr());
    let second = train("b");
    assert!(!features(&second));
    let weights = |run: &str| read_json(&folder.path().join(run).join("run.json"))["weights_sha256"].clone();
    assert_eq!(weights("a"), weights("b"));

    let bundle = folder.path().join("bundle");
    kiln!("export", folder.path().join("a"), "--out", &bundle).code(0);
    let manifest = read_json(&bundle.join("manifest.json"));
    assert_eq!(manifest["model"]["kind"], "transfer");
    assert_eq!(manifest["classes"], serde_json::json!(["benign", "anomalous"]));
    let names: Vec<_> = manifest["outputs"].as_array().unwrap().iter().map(|output| output["name"].clone()).collect();
    assert_eq!(names, ["score", "probabilities"]);
    let (header, rows) = read_csv(&kiln!("score", &bundle, fixture.tile(0)).code(0).stdout());
    assert!(header.contains(&"p_benign".to_owned()) && rows.len() == 1);
}

#[test]
fn a_backbone_that_learns_too_is_exported_with_what_it_learnt() {
    let (fixture, folder) = (fixture(), scratch());
    let path = folder.path().join("tuned.yaml");
    fs::write(&path, config(&format!("{{kind: transfer, backbone: {BACKBONE}, frozen: false, dense: []}}"))).unwrap();
    let run = folder.path().join("run");
    let sets = ["training.epochs=1", "training.learning_rate=0.0003"];
    kiln!("train", &path, "--data", fixture.tiles(), "--out", &run, "--set", sets[0], "--set", sets[1]).code(0);
    let exported = kiln!("--json", "export", &run, "--out", folder.path().join("bundle")).code(0).json();
    assert_eq!(exported["parity"]["passed"], true);
}

#[test]
fn a_memory_bank_gives_a_score_and_a_map_and_knows_no_classes() {
    let (fixture, folder) = (fixture(), scratch());
    let banks = "tile: {entries: 16, neighbours: 2}, patch: {side: 8, of_each_tile: 4, entries: 24}";
    let path = folder.path().join("bank.yaml");
    fs::write(&path, config(&format!("{{kind: memory_bank, backbone: {BACKBONE}, {banks}}}"))).unwrap();
    let run = folder.path().join("run");
    kiln!("train", &path, "--data", fixture.tiles(), "--out", &run).code(0);
    let history = fs::read_to_string(run.join("history.jsonl")).unwrap();
    assert_eq!(history.lines().count(), 1);

    let bundle = folder.path().join("bundle");
    kiln!("export", &run, "--out", &bundle).code(0);
    let manifest = read_json(&bundle.join("manifest.json"));
    assert_eq!(manifest["classes"], serde_json::json!([]));
    let outputs = manifest["outputs"].as_array().unwrap();
    assert_eq!(outputs[1]["name"], "error_map");
    assert_eq!(outputs[1]["shape"], serde_json::json!(["batch", 256, 256]));
    assert!(outputs[0]["meaning"].as_str().unwrap().contains("distance"));
}

#[test]
fn what_does_not_fit_a_backbone_is_named() {
    let (fixture, folder) = (fixture(), scratch());
    let path = folder.path().join("bank.yaml");
    let say = |model: &str, code: i32, words: &[&str]| {
        fs::write(&path, config(model)).unwrap();
        kiln!("train", &path, "--data", fixture.tiles(), "--out", folder.path().join("run")).code(code).says(words);
    };
    say("{kind: transfer, backbone: {name: resnet18, stages: [2, 5]}}", 2, &["model.backbone.stages", "1 to 4"]);
    say("{kind: transfer, backbone: {nmae: resnet18}}", 2, &["nmae", "did you mean `name`"]);
    say("{kind: transfer, backbone: {name: resnet18, stages: [4], weights: nowhere.bpk}}", 2, &["nowhere.bpk"]);
    say("{kind: memory_bank, tile: null, patch: null}", 2, &["`tile`, `patch` or both"]);
    let other = folder.path().join("other");
    fs::write(&path, config(&format!("{{kind: memory_bank, backbone: {BACKBONE}, tile: {{entries: 5000}}}}"))).unwrap();
    kiln!("train", &path, "--data", fixture.tiles(), "--out", &other).code(2).says(&["model.tile", "5000"]);
    kiln!("weights", "fetch", "resnet18").code(3).says(&["none are pinned", "kiln weights import"]);
    kiln!("weights", "import", &path, "--backbone", "resnet18", "--out", folder.path().join("w")).code(2);
}
