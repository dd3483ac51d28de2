//! Every exported graph passes the official ONNX checker, with full check and strict shape inference. The checker comes
//! through pip into the folder that cargo keeps for tests; without Python or pip the test is skipped with a printed reason.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Kind, finish, fixture, kiln, lock, repository, scratch, skip, succeeds};

/// A Python environment with `onnx` in cargo's folder for tests, made on first use, or the reason why there is none. The
/// exporter's tests use the same one.
fn checker() -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("onnx-checker");
    let python = home.join("bin/python");
    let works = || succeeds(Command::new(&python).args(["-c", "import onnx"])).is_ok();
    if !works() {
        let _lock = lock("onnx-checker.lock");
        if !works() {
            succeeds(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
            let pip = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "onnx>=1.19,<2"];
            succeeds(Command::new(&python).args(pip))?;
        }
    }
    Ok(python)
}

#[test]
fn every_exported_graph_passes_the_official_checker() {
    let python = match checker() {
        Ok(python) => python,
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
    let mut check = Command::new(python);
    check.arg(repository().join("tests/check_onnx.py")).args(&graphs);
    let said = finish(check).code(0);
    let checked = said.stdout().lines().count();
    assert_eq!(checked, graphs.len());
}
