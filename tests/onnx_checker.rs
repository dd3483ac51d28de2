//! Every exported graph passes the official ONNX checker, with full check and strict shape inference. The checker comes
//! through pip into the folder that cargo keeps for tests; without Python or pip the test ends early and says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Kind, finish, fixture, kiln, repository, scratch, skip};

/// The version whose opset and checks the exporter was written against.
const CHECKER: &str = "onnx==1.23.2";

/// A folder with Python's `onnx` in it, or why there is none.
fn checker() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(CHECKER.replace("==", "-"));
    if folder.join("whole").is_file() {
        return Ok(folder);
    }
    let _ = std::fs::remove_dir_all(&folder);
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--target"]).arg(&folder);
    let output = pip.arg(CHECKER).output().map_err(|error| format!("python3 does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("pip cannot get {CHECKER}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    std::fs::write(folder.join("whole"), "").map_err(|error| error.to_string())?;
    Ok(folder)
}

#[test]
fn every_exported_graph_passes_the_official_checker() {
    let checker = match checker() {
        Ok(checker) => checker,
        Err(reason) => return skip(&reason),
    };
    let fixture = fixture();
    let folder = scratch();
    let mut graphs: Vec<PathBuf> = Kind::MODELS.iter().map(|kind| fixture.bundle(*kind).join("model.onnx")).collect();
    for kind in Kind::MODELS {
        let fixed = folder.path().join(kind.name());
        kiln!("export", fixture.run(kind), "--out", &fixed, "--batch", "2").code(0);
        graphs.push(fixed.join("model.onnx"));
    }
    let mut check = Command::new("python3");
    check.env("PYTHONPATH", checker).arg(repository().join("tests/check_onnx.py")).args(&graphs);
    let said = finish(check).code(0);
    let checked = said.stdout().lines().count();
    assert_eq!(checked, graphs.len());
}
