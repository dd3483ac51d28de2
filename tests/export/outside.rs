//! A crate outside of the workspace can depend on the exporter alone, by its path.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::Command;

/// The manifest of a user's crate. It shares the workspace's lock file.
fn manifest(exporter: &Path) -> String {
    format!(
        r#"[package]
name = "outside"
version = "0.1.0"
edition = "2024"

[dependencies]
burn = {{ version = "=0.22.1", default-features = false, features = ["std", "flex"] }}
burn-onnx-export = {{ path = {exporter:?} }}

[profile.dev]
debug = false

[workspace]
"#
    )
}

#[test]
fn a_crate_outside_the_workspace_exports() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside");
    let _ = fs::remove_dir_all(folder.join("src"));
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("Cargo.toml"), manifest(&root.join("export/onnx"))).unwrap();
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::copy(root.join("export/onnx/examples/classifier.rs"), folder.join("src/main.rs")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["run", "--offline", "--quiet", "--", "classifier.onnx"])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        text,
        "classifier.onnx: opset 18, Cast Transpose Div Conv Relu GlobalAveragePool Reshape Gemm Softmax\n"
    );
    let model = fs::read(folder.join("classifier.onnx")).unwrap();
    assert!(model.windows(12).any(|part| part == b"GlobalAverag"), "{} bytes", model.len());
}
