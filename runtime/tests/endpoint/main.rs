//! Promises of [`kiln_runtime::endpoint`] against servers that misbehave. Real ones are met in the whole-path tests.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

mod fake;
mod refused;
mod retried;
mod shared;
mod tls;

use std::time::Duration;

use kiln_files::Fault;
use kiln_runtime::endpoint::{Endpoint, EndpointOptions};
use kiln_runtime::{Manifest, Result, Scorer as _};
use kiln_tile::TILE_BYTES;
use serde_json::json;

use fake::Fake;

/// The model of the fake server, as a bundle's manifest has it.
pub fn manifest() -> Manifest {
    serde_json::from_value(json!({
        "schema": 1,
        "model": { "kind": "cnn", "name": "m", "parameters": 1 },
        "inputs": [{ "name": "tile", "dtype": "uint8", "shape": ["batch", 256, 256, 3], "meaning": "" }],
        "outputs": [{ "name": "score", "dtype": "float32", "shape": ["batch"], "meaning": "" }],
        "classes": [], "normal_classes": [],
        "threshold": { "value": 0.5, "rule": "max_f1", "chosen_on": "nothing" },
        "tile": { "side": 256, "size_policy": "error", "micrometres_per_pixel": null },
        "variants": [{ "precision": "fp32", "file": "model.onnx", "batch": "dynamic" }],
        "files": [],
        "provenance": { "config": {}, "data_sha256": "", "weights_sha256": "", "git_revision": null, "tools": {} },
        "parity": {}, "metrics": {}
    }))
    .unwrap()
}

pub fn options(servers: &[&Fake]) -> EndpointOptions {
    let urls = servers.iter().map(|server| server.url().parse().unwrap()).collect();
    EndpointOptions {
        timeout: Duration::from_secs(5),
        retry_for: Duration::from_secs(20),
        ..EndpointOptions::new(urls, "m")
    }
}

pub fn connect(options: EndpointOptions) -> Result<Endpoint> {
    Endpoint::connect(options, &manifest(), None)
}

/// Tiles of these first bytes.
pub fn tiles(first: &[u8]) -> Vec<u8> {
    first.iter().flat_map(|first| std::iter::once(*first).chain(std::iter::repeat_n(7, TILE_BYTES - 1))).collect()
}

/// The scores that an endpoint gives for tiles of these first bytes.
pub fn scores(endpoint: &mut Endpoint, first: &[u8]) -> Result<Vec<f32>> {
    let outputs = endpoint.run(&tiles(first), first.len())?;
    Ok(outputs.arrays["score"].iter().copied().collect())
}

/// The words of an error, and whose turn it is.
pub fn words<T>(result: Result<T>) -> (String, Fault) {
    let error = result.err().expect("an error was expected");
    (error.to_string(), error.fault())
}
