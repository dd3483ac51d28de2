//! A small bundle on disk, and ways to spoil it.

use std::fs;
use std::path::Path;

use kiln_tile::digest::sha256_hex;
use serde_json::{Value, json};

/// Writes `model.onnx` and a manifest that describes it.
pub fn write(folder: &Path, model: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("model.onnx"), model).unwrap();
    write_manifest(folder, &manifest(model));
}

pub fn write_manifest(folder: &Path, manifest: &Value) {
    fs::write(folder.join("manifest.json"), serde_json::to_vec_pretty(manifest).unwrap()).unwrap();
}

pub fn manifest(model: &[u8]) -> Value {
    json!({
        "schema": 1,
        "model": { "kind": "cnn", "name": "test", "parameters": 1 },
        "inputs": [{ "name": "tile", "dtype": "uint8", "shape": ["batch", 256, 256, 3], "meaning": "RGB pixels" }],
        "outputs": [{ "name": "score", "dtype": "float32", "shape": ["batch"], "meaning": "mean" }],
        "classes": ["benign", "anomalous"],
        "normal_classes": ["benign"],
        "threshold": { "value": 0.5, "rule": "max_f1", "chosen_on": "nothing" },
        "tile": { "side": 256, "size_policy": "error", "micrometres_per_pixel": null },
        "variants": [{ "precision": "fp32", "file": "model.onnx", "batch": "dynamic" }],
        "files": [{ "path": "model.onnx", "bytes": model.len(), "sha256": sha256_hex(model) }],
        "provenance": {
            "config": {}, "data_sha256": "", "weights_sha256": "", "git_revision": null, "tools": {}
        },
        "parity": {},
        "metrics": {}
    })
}
