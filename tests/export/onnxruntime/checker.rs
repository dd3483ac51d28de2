//! The official ONNX checker, with full check and strict shape inference, on every model that the other tests export. Also
//! checks the number of cases that they compare with ONNX Runtime.
//!
//! The tests run a second time for this, as a child process that keeps its models.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The minimum number of compared cases, unless `KILN_CASES` sets fewer.
const CASES: u64 = 5_000;

const CHECK: &str = "
import sys, pathlib, onnx
models = sorted(pathlib.Path(sys.argv[1]).glob('*.onnx'))
failed = 0
for path in models:
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        for before, after in zip(model.graph.output, inferred.graph.output):
            before, after = before.type.tensor_type, after.type.tensor_type
            assert before.elem_type == after.elem_type, 'an output has another type'
            for ours, theirs in zip(before.shape.dim, after.shape.dim):
                if ours.HasField('dim_value') and theirs.HasField('dim_value'):
                    assert ours.dim_value == theirs.dim_value, 'an output has another shape'
    except Exception as error:
        failed += 1
        if failed <= 5:
            print(path.name, type(error).__name__, str(error)[:600])
print(len(models), 'models,', failed, 'refused, by onnx', onnx.__version__)
sys.exit(1 if failed or not models else 0)
";

/// A Python environment with the `onnx` package in the build folder, created on first use; none if that fails.
fn python() -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("onnx-checker");
    let python = home.join("bin/python");
    let works =
        |python: &Path| Command::new(python).args(["-c", "import onnx"]).output().is_ok_and(|out| out.status.success());
    if !works(&python) {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&home).output().ok()?;
        // The newest opset needs 1.20.
        let pip = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "onnx>=1.20,<2"];
        let installed = Command::new(&python).args(pip).output().ok()?;
        if !made.status.success() || !installed.status.success() {
            return None;
        }
    }
    works(&python).then_some(python)
}

#[test]
fn the_official_checker_takes_everything_that_the_tests_export() {
    let folder = tempfile::tempdir().unwrap();
    let (models, count) = (folder.path().join("models"), folder.path().join("count"));
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--quiet", "--skip", "checker::"])
        .env("KILN_KEEP_MODELS", &models)
        .env("KILN_COUNT_CASES", &count)
        .output()
        .unwrap();
    // The tests report their own failures.
    assert!(out.status.success(), "the other tests fail; run them alone for the reason");
    let compared = std::fs::metadata(&count).unwrap().len();
    eprintln!("{compared} cases compared with ONNX Runtime");
    if std::env::var_os("KILN_CASES").is_none() {
        assert!(compared >= CASES, "only {compared} cases were compared with ONNX Runtime, of at least {CASES}");
    }
    let Some(python) = python() else {
        eprintln!("skipped: no Python with the `onnx` package here, and none could be installed");
        return;
    };
    let out = Command::new(python).arg("-c").arg(CHECK).arg(&models).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    eprintln!("{said}");
}
