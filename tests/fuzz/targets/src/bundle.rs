//! A bundle: its manifest beside a real graph, and its graph beside a manifest that lists it.

use std::fs;
use std::path::{Component, Path};

use kiln_files::digest::sha256_hex;
use kiln_runtime::Bundle;
use serde_json::{Value, json};

use crate::protobuf::{bytes, number};
use crate::scratch;
use crate::target::Target;

pub(crate) const MANIFEST: Target = Target {
    name: "manifest",
    run: run_manifest,
    sound: sound_manifests,
    hostile: hostile_manifests,
    words: &[
        "\"schema\":",
        "\"model\":",
        "\"kind\":",
        "\"inputs\":",
        "\"outputs\":",
        "\"dtype\":",
        "\"shape\":",
        "\"classes\":",
        "\"normal_classes\":",
        "\"threshold\":",
        "\"tile\":",
        "\"variants\":",
        "\"files\":",
        "\"path\":",
        "\"bytes\":",
        "\"sha256\":",
        "\"provenance\":",
        "\"parity\":",
        "\"metrics\":",
        "\"stain_normalisation\":",
        "\"where\":",
        "\"method\":",
        "\"target\":",
        "\"dynamic\"",
        "\"batch\"",
        "../",
        "/etc/passwd",
        "..\\\\",
        "model.onnx",
        "null",
        "true",
        "1e999",
        "\\u0000",
        "\\ud800",
        "\u{feff}",
        "[[[[[[[[",
        "{\"a\":{\"a\":",
    ],
    rounds: 30_000,
    memory: 4 << 20,
};

pub(crate) const GRAPH: Target = Target {
    name: "graph",
    run: run_graph,
    sound: || vec![graph(), [graph(), weights(DATA, 16)].concat(), [graph(), nested(3)].concat()],
    hostile: || {
        let with = |extra: Vec<u8>| [graph(), extra].concat();
        vec![
            with(weights("../manifest.json", 0)),
            with(weights("/etc/passwd", 0)),
            with(weights("other.bin", 0)),
            with(weights(DATA, u64::MAX)),
            with(nested(200)),
            with(nested(2_000)),
            [graph(), graph()].concat(),
            with(bytes(7, bytes(11, bytes(1, "another input")))),
            with(bytes(7, bytes(12, []).repeat(5_000))),
            b"\x20\0\0\0ORTM\0\0\0\0".to_vec(),
            b"\xff".repeat(1_000),
        ]
    },
    words: &[
        "tile",
        "score",
        "probabilities",
        "batch",
        "location",
        "offset",
        "length",
        "checksum",
        "weights.bin",
        "../",
        "EPContext",
        "embed_mode",
        "ep_cache_context",
        "ORTM",
        "\u{1}",
        "\u{2}",
    ],
    rounds: 30_000,
    memory: 4 << 20,
};

/// The only other file in the graph's bundle, of 16 bytes.
const DATA: &str = "weights.bin";

fn run_manifest(manifest: &[u8]) -> bool {
    let folder = scratch::folder().join("bundle");
    if !folder.is_dir() {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("model.onnx"), graph()).unwrap();
    }
    fs::write(folder.join("manifest.json"), manifest).unwrap();
    let Ok(bundle) = Bundle::open(&folder) else { return false };
    assert_eq!(bundle.manifest.schema, 1);
    for entry in &bundle.manifest.files {
        let path = Path::new(&entry.path);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        assert!(plain, "`{}` leads out of the bundle", entry.path);
        assert_eq!(fs::metadata(folder.join(path)).unwrap().len(), entry.bytes, "`{}` has another length", entry.path);
    }
    assert!(!bundle.manifest.variants.is_empty());
    for variant in &bundle.manifest.variants {
        let listed = bundle.manifest.files.iter().any(|entry| entry.path == variant.file);
        assert!(listed, "variant `{}` has no digest", variant.precision);
    }
    // The manifest must survive being written and read again.
    let text = serde_json::to_string(&bundle.manifest).unwrap();
    assert_eq!(serde_json::from_str::<kiln_runtime::Manifest>(&text).unwrap(), bundle.manifest);
    true
}

/// Opens a bundle with this graph. If it opens, the graph matches the manifest and reads only listed files.
fn run_graph(graph: &[u8]) -> bool {
    let folder = scratch::folder().join("graph");
    let weights = [0_u8; 16];
    if !folder.is_dir() {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(DATA), weights).unwrap();
    }
    let entry = |path: &str, bytes: &[u8]| json!({ "path": path, "bytes": bytes.len(), "sha256": sha256_hex(bytes) });
    let mut manifest = manifest();
    manifest["files"] = json!([entry("model.onnx", graph), entry(DATA, &weights)]);
    fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    fs::write(folder.join("model.onnx"), graph).unwrap();
    if Bundle::open(&folder).is_err() {
        return false;
    }
    for name in ["tile", "score", "probabilities"] {
        let there = graph.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(there, "`{name}` is not in the graph");
    }
    true
}

/// A weight in another file (`TensorProto.external_data`), as a further part of the model: protobuf merges the two.
fn weights(location: &str, length: u64) -> Vec<u8> {
    let entry = |key: &str, value: &str| bytes(13, [bytes(1, key), bytes(2, value)].concat());
    let data = [entry("location", location), entry("length", &length.to_string()), number(14, 1)].concat();
    bytes(7, bytes(5, [bytes(8, "w"), data].concat()))
}

/// Nested graphs, in attributes of nodes.
fn nested(levels: usize) -> Vec<u8> {
    bytes(7, (0..levels).fold(Vec::new(), |inner, _| bytes(1, bytes(5, bytes(6, inner)))))
}

/// A model with the outputs `score` and `probabilities` and without nodes: only its ports are checked.
fn graph() -> Vec<u8> {
    let named = |name: &str| bytes(1, bytes(2, name));
    let length = |length: u64| bytes(1, number(1, length));
    let port = |name: &str, kind: u64, dims: &[Vec<u8>]| {
        let tensor = [number(1, kind), bytes(2, dims.concat())].concat();
        [bytes(1, name), bytes(2, bytes(1, tensor))].concat()
    };
    let (float, byte) = (1, 2);
    let input = port("tile", byte, &[named("batch"), length(256), length(256), length(3)]);
    let score = port("score", float, &[named("batch")]);
    let probabilities = port("probabilities", float, &[named("batch"), length(2)]);
    let graph = [bytes(2, "g"), bytes(11, input), bytes(12, score), bytes(12, probabilities)].concat();
    [number(1, 8), bytes(7, graph), bytes(8, number(2, 17))].concat()
}

/// The manifest of a classifier with every optional key.
fn manifest() -> Value {
    let graph = graph();
    json!({
        "schema": 1,
        "model": { "kind": "cnn", "name": "fuzzed", "parameters": 12_345 },
        "inputs": [{ "name": "tile", "dtype": "uint8", "shape": ["batch", 256, 256, 3], "meaning": "RGB pixels" }],
        "outputs": [
            { "name": "score", "dtype": "float32", "shape": ["batch"], "meaning": "higher is more anomalous" },
            { "name": "probabilities", "dtype": "float32", "shape": ["batch", 2], "meaning": "of each class" }
        ],
        "classes": ["benign", "tumour, \"solid\""],
        "normal_classes": ["benign"],
        "threshold": { "value": 0.4375, "rule": "max_f1", "chosen_on": "validation split, 160 tiles" },
        "tile": { "side": 256, "size_policy": "error", "micrometres_per_pixel": 0.5 },
        "variants": [{ "precision": "fp32", "file": "model.onnx", "batch": "dynamic" }],
        "files": [{ "path": "model.onnx", "bytes": graph.len(), "sha256": sha256_hex(&graph) }],
        "provenance": {
            "config": { "name": "fuzzed", "model": { "kind": "cnn", "filters": [4, 8] } },
            "data_sha256": sha256_hex(b"data"), "weights_sha256": sha256_hex(b"weights"), "git_revision": null,
            "tools": { "kiln": "0.1.0", "opset": "17" }
        },
        "parity": { "outputs": [{ "name": "score", "max_abs": 1e-7 }] },
        "metrics": { "n": 24, "auroc": { "value": 0.9, "low": 0.8, "high": 1.0 } }
    })
}

fn sound_manifests() -> Vec<Vec<u8>> {
    let mut regressor = manifest();
    regressor["tile"]["micrometres_per_pixel"] = Value::Null;
    regressor["provenance"]["git_revision"] = json!("0123456789abcdef");
    vec![serde_json::to_vec(&manifest()).unwrap(), serde_json::to_vec_pretty(&regressor).unwrap()]
}

fn hostile_manifests() -> Vec<Vec<u8>> {
    let changed = |pointer: &str, value: Value| {
        let mut manifest = manifest();
        *manifest.pointer_mut(pointer).unwrap() = value;
        serde_json::to_vec(&manifest).unwrap()
    };
    let entry = manifest()["files"][0].clone();
    vec![
        changed("/files/0/path", json!("../model.onnx")),
        changed("/files/0/path", json!("/etc/passwd")),
        changed("/files/0/bytes", json!(u64::MAX)),
        changed("/files", Value::from(vec![entry; 5_000])),
        changed("/outputs/1/shape/1", json!(u64::MAX)),
        changed("/variants", json!([])),
        changed("/parity", serde_json::from_str(&format!("{}{}", "[".repeat(100), "]".repeat(100))).unwrap()),
        "[".repeat(200_000).into_bytes(),
        "{\"a\":".repeat(200_000).into_bytes(),
        [b"\xef\xbb\xbf".to_vec(), serde_json::to_vec(&manifest()).unwrap()].concat(),
    ]
}
