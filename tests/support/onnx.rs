//! ONNX models that tests write and change, message by message.

use std::fs;
use std::path::{Path, PathBuf};

use burn_onnx_export::proto::{
    AttributeProto, DataType, DimensionProto, GraphProto, Message as _, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, ValueInfoProto,
};
use kiln_files::digest::sha256_hex;
use serde_json::json;

use super::read_json;

/// Height and width of the input of [`foreign`].
const SIZE: i64 = 64;

/// Numbers of a fixed sequence, in -1..1.
fn numbers(seed: u64, count: usize, scale: f32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0) * scale
    };
    (0..count).map(|_| next()).collect()
}

fn node(operator: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: operator.to_owned(),
        name: format!("{operator}_{output}"),
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.to_owned()],
        attribute,
        ..NodeProto::default()
    }
}

/// Writes a classifier of two classes as another framework would: floats `[batch, 3, 64, 64]` to logits `[batch, 2]`, with
/// random weights, so that its answers depend on the order of the colours.
pub fn foreign(path: &Path) -> PathBuf {
    let strides = || vec![AttributeProto::ints("strides", [4, 4]), AttributeProto::ints("pads", [1, 1, 1, 1])];
    let batch = || DimensionProto::symbolic("n");
    let fixed = |sizes: &[i64]| sizes.iter().map(|size| DimensionProto::fixed(*size)).collect::<Vec<_>>();
    let shape = |sizes: &[i64]| [vec![batch()], fixed(sizes)].concat();
    let graph = GraphProto {
        name: "net".to_owned(),
        node: vec![
            node("Conv", &["image", "w1", "b1"], "c1", strides()),
            node("Relu", &["c1"], "r1", Vec::new()),
            node("Conv", &["r1", "w2"], "c2", strides()),
            node("Relu", &["c2"], "r2", Vec::new()),
            node("GlobalAveragePool", &["r2"], "pooled", Vec::new()),
            node("Flatten", &["pooled"], "flat", vec![AttributeProto::int("axis", 1)]),
            node("Gemm", &["flat", "w3", "b3"], "logits", Vec::new()),
        ],
        input: vec![ValueInfoProto::tensor("image", DataType::Float.into(), shape(&[3, SIZE, SIZE]))],
        output: vec![ValueInfoProto::tensor("logits", DataType::Float.into(), shape(&[2]))],
        initializer: vec![
            TensorProto::f32("w1", [6, 3, 3, 3], &numbers(1, 162, 0.4)),
            TensorProto::f32("b1", [6], &numbers(2, 6, 0.2)),
            TensorProto::f32("w2", [8, 6, 3, 3], &numbers(3, 432, 0.4)),
            TensorProto::f32("w3", [8, 2], &numbers(4, 16, 0.6)),
            TensorProto::f32("b3", [2], &numbers(5, 2, 0.3)),
        ],
        ..GraphProto::default()
    };
    let model = ModelProto {
        ir_version: 8,
        producer_name: "test".to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..ModelProto::default()
    };
    fs::write(path, model.encode_to_vec()).unwrap();
    path.to_owned()
}

/// The values that the nodes of a model compute.
pub fn computed(model: &Path) -> Vec<String> {
    let nodes = read(model).graph.unwrap().node;
    nodes.into_iter().filter(|node| node.op_type != "Constant").flat_map(|node| node.output).collect()
}

/// Multiplies one filter of the second convolution of a bundle's graph by 1.5, and lists the graph's new digest in the
/// manifest. Returns the value that is now wrong.
pub fn plant_fault(bundle: &Path) -> String {
    let path = bundle.join("model.onnx");
    let mut model = read(&path);
    let graph = model.graph.as_mut().unwrap();
    let second = graph.node.iter().filter(|node| node.op_type == "Conv").nth(1).unwrap();
    let (weights, value) = (second.input[1].clone(), second.output[0].clone());
    let tensor = graph.initializer.iter_mut().find(|tensor| tensor.name == weights).unwrap();
    let mut raw = tensor.raw_data.to_vec();
    let filter = raw.len() / tensor.dims[0] as usize;
    for bytes in raw[filter..2 * filter].chunks_exact_mut(4) {
        let scaled = 1.5 * f32::from_le_bytes(bytes.try_into().unwrap());
        bytes.copy_from_slice(&scaled.to_le_bytes());
    }
    tensor.raw_data = raw.into();
    let bytes = model.encode_to_vec();
    fs::write(&path, &bytes).unwrap();
    let mut manifest = read_json(&bundle.join("manifest.json"));
    for file in manifest["files"].as_array_mut().unwrap().iter_mut().filter(|file| file["path"] == "model.onnx") {
        *file = json!({ "path": "model.onnx", "bytes": bytes.len(), "sha256": sha256_hex(&bytes) });
    }
    fs::write(bundle.join("manifest.json"), manifest.to_string()).unwrap();
    value
}

fn read(model: &Path) -> ModelProto {
    ModelProto::decode(fs::read(model).unwrap().as_slice()).unwrap()
}
