//! A small bundle on disk, with two classes, and ways to spoil it.

use std::fs;
use std::path::Path;

use kiln_files::digest::sha256_hex;
use serde_json::{Value, json};

/// Writes `model.onnx`, a [`class_model`](super::onnx::class_model), and a manifest that describes it.
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
        "outputs": [
            { "name": "score", "dtype": "float32", "shape": ["batch"], "meaning": "mean" },
            { "name": "probabilities", "dtype": "float32", "shape": ["batch", 2], "meaning": "of each class" }
        ],
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

/// Writes a file of a bundle and makes the manifest agree, as somebody would who repairs the digest alone.
pub fn put(folder: &Path, manifest: &mut Value, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    let files = manifest["files"].as_array_mut().unwrap();
    files.retain(|file| file["path"] != name);
    files.push(json!({ "path": name, "bytes": bytes.len(), "sha256": sha256_hex(bytes) }));
}
