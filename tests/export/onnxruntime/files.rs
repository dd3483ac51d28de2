//! Model files: whole or not at all, the same bytes each time, and weights in a separate file on request.

use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use burn_onnx_export::{Error, Exporter, OnnxModel};

use crate::generate::floats;
use crate::support::{USUAL, compare, device, run_file};

#[derive(Module, Debug)]
struct Dense {
    first: Linear,
    second: Linear,
}

impl Dense {
    fn new(width: usize, device: &Device) -> Self {
        Self { first: LinearConfig::new(8, width).init(device), second: LinearConfig::new(width, 3).init(device) }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.second.forward(self.first.forward(x).tanh())
    }
}

fn export(module: &Dense) -> OnnxModel {
    let exporter = Exporter::new().input("x", floats([1, 8], 0, -1.0, 1.0), ["batch", ""]).outputs(["y"]);
    exporter.export(module, |m, x| m.forward(x)).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn answers_like(module: &Dense, path: &Path) {
    let x = floats([5, 8], 3, -1.0, 1.0);
    let mut given = run_file(path, &[("x", x.to_data())]);
    compare("y", &given.remove("y").unwrap(), &module.forward(x).to_data(), USUAL);
}

#[test]
fn a_saved_model_is_the_same_as_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let module = Dense::new(32, &device());
    let model = export(&module);
    model.save(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), model.bytes().unwrap());
    assert_eq!(model.size(), fs::metadata(&path).unwrap().len());
    assert_eq!(names(folder.path()), ["model.onnx"]);
    answers_like(&module, &path);
}

#[test]
fn weights_of_their_own_file_answer_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let module = Dense::new(256, &device());
    let model = export(&module);
    let weights = model.save_external(&path).unwrap();
    assert_eq!(names(folder.path()), [weights.as_str(), "model.onnx"]);
    assert!(weights.starts_with("model.") && weights.ends_with(".data"), "{weights}");
    // The bias of three numbers remains in the model.
    assert!(fs::metadata(&path).unwrap().len() < 2048);
    answers_like(&module, &path);
}

#[test]
fn weights_begin_where_memory_can_be_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    export(&Dense::new(256, &device())).save_external(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    // Three tensors of 1 KiB or more: two weights and a bias of 256 numbers.
    assert_eq!(text.matches("location").count(), 3);
    assert!(text.contains("65536") && text.contains("131072"), "{text}");
}

#[test]
fn the_same_module_gives_the_same_files() {
    let module = Dense::new(256, &device());
    let write = || {
        let folder = tempfile::tempdir().unwrap();
        export(&module).save_external(folder.path().join("model.onnx")).unwrap();
        let read = |name: String| (fs::read(folder.path().join(&name)).unwrap(), name);
        names(folder.path()).into_iter().map(read).collect::<Vec<_>>()
    };
    assert_eq!(write(), write());
}

#[test]
fn an_earlier_model_keeps_its_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let (old, new) = (Dense::new(256, &device()), Dense::new(256, &device()));
    let first = export(&old).save_external(&path).unwrap();
    fs::copy(&path, folder.path().join("old.onnx")).unwrap();
    let second = export(&new).save_external(&path).unwrap();
    assert_ne!(first, second);
    answers_like(&new, &path);
    answers_like(&old, &folder.path().join("old.onnx"));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    fs::write(&blocked, "").unwrap();
    let error = export(&Dense::new(8, &device())).save(blocked.join("model.onnx")).unwrap_err();
    assert!(matches!(&error, Error::Write { path, .. } if path.ends_with("model.onnx")), "{error}");
}

/// 2.1 GiB of weights, more than a protobuf file can contain.
#[test]
fn a_model_above_two_gibibytes_is_saved_with_its_weights_beside_it() {
    if std::env::var_os("KILN_SLOW_TESTS").is_none() {
        eprintln!("skipped: writes 2.1 GiB; set KILN_SLOW_TESTS to run it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let module = LinearConfig::new(9_400, 60_000).init(&device());
    let exporter = Exporter::new().input("x", Tensor::<2>::zeros([1, 9_400], &device()), ["batch", ""]).outputs(["y"]);
    let model = exporter.export(&module, |m: &Linear, x| m.forward(x)).unwrap();
    assert!(matches!(model.bytes(), Err(Error::TooLarge { .. })));
    model.save(&path).unwrap();
    assert_eq!(names(folder.path()).len(), 2);
    let x = floats([1, 9_400], 3, -1.0, 1.0);
    let given = run_file(&path, &[("x", x.to_data())]);
    let sums = crate::support::Tolerance { absolute: 1e-4, relative: 1e-4 };
    compare("y", &given["y"], &module.forward(x).to_data(), sums);
}
