//! A model with the weights of the paper's classifier: 67 million, in the dense layer after flattening.

use std::time::Instant;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use kiln_export::Exporter;

use crate::support::device;

#[derive(Module, Debug)]
struct Wide {
    first: Linear,
    second: Linear,
}

impl Wide {
    fn new(device: &Device) -> Self {
        Self { first: LinearConfig::new(131_072, 512).init(device), second: LinearConfig::new(512, 2).init(device) }
    }
}

/// The process's largest memory so far, in MiB.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

/// Run alone, since it measures: `cargo test --release --test onnxruntime -- --ignored --exact large::size_and_time --nocapture`.
#[test]
#[ignore = "measures time and memory, which neighbours disturb"]
fn size_and_time() {
    let module = Wide::new(&device());
    let before = peak();
    let start = Instant::now();
    let sample = Tensor::<2>::zeros([1, 131_072], &device());
    let exporter = Exporter::new().input("x", sample, ["batch", ""]).outputs(["y"]);
    let model = exporter.export(&module, |m, x| m.second.forward(m.first.forward(x))).unwrap();
    let exported = start.elapsed();
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path().join("model.onnx")).unwrap();
    eprintln!("exported {exported:?}, saved {:?}, peak {before:?} -> {:?} MiB", start.elapsed(), peak());
}
