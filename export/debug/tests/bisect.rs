//! A bisected folder is small, shows the difference with ONNX Runtime alone, and names nothing of this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::result_large_err)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use burn_onnx_export::proto::ModelProto;
use kiln_debug::bisect::{BisectReport, BisectRequest, SIZE, bisect};
use kiln_debug::{DebugError, Side, layers};
use kiln_runtime::{Session, SessionOptions};

use support::{Export, as_written, burn_side, inputs, runtime, zoo};

const KIND: &str = "{kind: cnn, filters: [8, 16], head: pooled, dense: [16]}";

/// The result of a node of an operator.
fn nth(model: &ModelProto, op: &str, position: usize) -> String {
    let nodes = &model.graph.as_ref().unwrap().node;
    nodes.iter().filter(|node| node.op_type == op).nth(position).unwrap().output[0].clone()
}

/// Scales one filter of a convolution.
fn fault(model: &mut ModelProto, output: &str) {
    let graph = model.graph.as_mut().unwrap();
    let name = graph.node.iter().find(|node| node.output[0] == output).unwrap().input[1].clone();
    let tensor = graph.initializer.iter_mut().find(|tensor| tensor.name == name).unwrap();
    let mut raw = tensor.raw_data.to_vec();
    let filter = raw.len() / tensor.dims[0] as usize;
    for bytes in raw[..filter].chunks_exact_mut(4) {
        let value = f32::from_le_bytes(bytes.try_into().unwrap()) * 1.5;
        bytes.copy_from_slice(&value.to_le_bytes());
    }
    tensor.raw_data = raw.into();
}

fn run(
    value: Option<&dyn Fn(&ModelProto) -> String>,
    out: &Path,
    plant: bool,
) -> Result<(BisectReport, String), DebugError> {
    let (model, recorded) = zoo(KIND).accept(Export { batch: 2 });
    let mut a = burn_side(&model, recorded);
    let mut faulty = model.to_message().unwrap();
    let node = nth(&faulty, "Conv", 1);
    if plant {
        fault(&mut faulty, &node);
    }
    let value = value.map(|value| value(&faulty));
    let mut b = Side::from_model("faulty", faulty, runtime(), as_written()).unwrap();
    let inputs = inputs(3, 256);
    let report = layers(&mut a, &mut b, &inputs, |_| ())?;
    let request = BisectRequest { out: out.to_owned(), replace: false, value };
    Ok((bisect(&mut a, &mut b, &inputs, &report, &request)?, node))
}

/// Every byte of a folder.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())).collect()
}

/// Python with onnxruntime and numpy; none if this machine has none.
fn python() -> Option<String> {
    let python = std::env::var("KILN_IMPORT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import numpy, onnxruntime"]).output();
    found.is_ok_and(|output| output.status.success()).then_some(python)
}

#[test]
fn a_faulty_node_becomes_a_folder_that_reproduces() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("issue");
    let (report, node) = run(None, &out, true).unwrap();
    assert_eq!(
        (report.nodes.as_slice(), report.operators.as_slice()),
        ([node].as_slice(), ["Conv".to_owned()].as_slice())
    );
    assert!(report.figures.max_abs > report.allowed, "{report:?}");
    assert!(report.bytes < SIZE, "{} bytes: {:?}", report.bytes, report.reductions);
    let files = contents(&out);
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["README.md", "expected.npz", "inputs.npz", "model.onnx", "reproduce.py"]);
    assert_eq!(report.bytes, files.values().map(|bytes| bytes.len() as u64).sum::<u64>());
    let home = std::env::current_dir().unwrap();
    for (name, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        for private in [scratch.path(), home.as_path()] {
            assert!(!text.contains(private.to_str().unwrap()), "{name} contains {}", private.display());
        }
        assert_eq!(report.files[name], kiln_files::digest::sha256_hex(bytes), "{name}");
    }
    let readme = String::from_utf8_lossy(&files["README.md"]).into_owned();
    for part in ["python reproduce.py", "ONNX Runtime", "opset", &report.value] {
        assert!(readme.contains(part), "{readme}");
    }
    let session = Session::open(runtime(), &out.join("model.onnx"), &SessionOptions::default()).unwrap();
    assert_eq!(session.outputs().len(), 1);
    let Some(python) = python() else {
        println!("not run with Python: it lacks onnxruntime or numpy; name one with KILN_IMPORT_PYTHON");
        return;
    };
    let ran = Command::new(python).arg(out.join("reproduce.py")).output().unwrap();
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert_eq!(ran.status.code(), Some(1), "{text}{}", String::from_utf8_lossy(&ran.stderr));
    let shown = text.split("max abs ").nth(1).and_then(|rest| rest.split(',').next()).unwrap().parse::<f64>().unwrap();
    let measured = report.figures.max_abs;
    assert!((shown - measured).abs() <= 1e-4 * measured, "Python shows {shown}, and {measured} was measured");
}

#[test]
fn a_later_value_leads_back_to_the_faulty_node() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("issue");
    let later = |model: &ModelProto| nth(model, "MaxPool", 1);
    let (report, node) = run(Some(&later), &out, true).unwrap();
    assert_eq!(report.nodes.first(), Some(&node), "{report:?}");
    assert!(report.nodes.len() <= 4 && report.bytes < SIZE, "{:?}, {} bytes", report.nodes, report.bytes);
}

#[test]
fn without_a_difference_nothing_is_written() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("issue");
    let error = run(None, &out, false).unwrap_err();
    assert!(matches!(error, DebugError::NoDifference { .. }), "{error}");
    assert_eq!(error.fault(), kiln_files::Fault::Check);
    assert!(!out.exists());
}

#[test]
fn other_folders_are_never_replaced() {
    let scratch = tempfile::tempdir().unwrap();
    let request = |replace| BisectRequest { out: scratch.path().to_owned(), replace, value: None };
    assert!(matches!(request(false).check_target(), Err(DebugError::Exists { .. })));
    std::fs::write(scratch.path().join("thesis.txt"), "x").unwrap();
    assert!(matches!(request(true).check_target(), Err(DebugError::NotABisection { .. })));
    std::fs::write(scratch.path().join("reproduce.py"), "x").unwrap();
    assert!(request(true).check_target().is_ok());
}
