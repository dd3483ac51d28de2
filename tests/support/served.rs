//! A model server of a few lines that answers as a bundle does, and answers wrongly or fails for certain tiles.

#[path = "../../runtime/tests/endpoint/fake.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod fake;

use std::path::Path;
use std::sync::Mutex;

use kiln_runtime::{Session, SessionOptions, library};
use kiln_tile::TILE_BYTES;
use serde_json::{Value, json};

use self::fake::{Fake, Reply, binary};
use super::{install_library, read_json};

/// The action of the server for a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The bundle's answer.
    Right,
    /// Half of each value.
    Halved,
    /// This HTTP status for the whole batch.
    Status(u16),
}

/// The server; it ends when it is dropped.
pub struct Served(Fake);

impl Served {
    /// A server of the bundle's fp32 graph, under the name `m`. `act` is given the pixels of a tile.
    pub fn new(bundle: &Path, act: impl Fn(&[u8]) -> Act + Send + Sync + 'static) -> Self {
        install_library();
        let runtime = library::load(&library::find(None).unwrap()).unwrap();
        let options = SessionOptions { threads: Some(1), ..SessionOptions::default() };
        let session = Mutex::new(Session::open(runtime, &bundle.join("model.onnx"), &options).unwrap());
        let infer = move |_, request: &fake::Request| {
            let head: usize = request.header("Inference-Header-Content-Length").unwrap().parse().unwrap();
            let pixels = &request.body[head..];
            let acts: Vec<Act> = pixels.chunks(TILE_BYTES).map(&act).collect();
            let failed = acts.iter().find_map(|act| if let Act::Status(status) = act { Some(*status) } else { None });
            if let Some(status) = failed {
                return Reply::Json(status, json!({ "error": "out of memory" }));
            }
            let mut outputs = session.lock().unwrap().run(pixels, acts.len()).unwrap();
            let (mut ports, mut tensors) = (Vec::new(), Vec::new());
            for wanted in request.json()["outputs"].as_array().unwrap() {
                let array = outputs.arrays.get_mut(wanted["name"].as_str().unwrap()).unwrap();
                for (mut row, act) in array.outer_iter_mut().zip(&acts) {
                    row.mapv_inplace(|value| if *act == Act::Halved { value / 2.0 } else { value });
                }
                let bytes: Vec<u8> = array.iter().flat_map(|value| value.to_le_bytes()).collect();
                ports.push(json!({
                    "name": wanted["name"], "datatype": "FP32", "shape": array.shape(),
                    "parameters": { "binary_data_size": bytes.len() }
                }));
                tensors.extend(bytes);
            }
            binary(&json!({ "outputs": ports }), &tensors)
        };
        Self(Fake::with(metadata(bundle), vec!["binary_tensor_data"], infer))
    }

    /// The address with the model's name, as a side of a comparison.
    pub fn side(&self) -> String {
        format!("{}#m", self.url())
    }

    pub fn url(&self) -> String {
        self.0.url()
    }
}

/// The metadata of the bundle's model.
fn metadata(bundle: &Path) -> Value {
    let manifest = read_json(&bundle.join("manifest.json"));
    let output = |port: &Value| {
        let behind = port["shape"].as_array().unwrap().iter().skip(1).cloned();
        let shape: Vec<Value> = std::iter::once(json!(-1)).chain(behind).collect();
        json!({ "name": port["name"], "datatype": "FP32", "shape": shape })
    };
    json!({
        "name": "m", "versions": ["1"], "platform": "fake",
        "inputs": [{ "name": "tile", "datatype": "UINT8", "shape": [-1, 256, 256, 3] }],
        "outputs": manifest["outputs"].as_array().unwrap().iter().map(output).collect::<Vec<_>>()
    })
}
