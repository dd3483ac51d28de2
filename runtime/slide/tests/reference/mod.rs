//! Runs a Python script as an independent reference. A test that needs it skips itself, with the reason, where Python or a
//! module is missing.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::print_stdout)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The interpreter in `KILN_SLIDE_PYTHON`, else `python3`, if it has the modules.
pub fn python(modules: &str) -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("KILN_SLIDE_PYTHON").unwrap_or_else(|| "python3".into()));
    let check = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    match check {
        Ok(output) if output.status.success() => Some(python),
        _ => {
            println!("skipped: {} lacks one of the modules {modules}", python.display());
            None
        }
    }
}

/// The standard output of a script, which gets `arguments`.
pub fn run(python: &Path, script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(python);
    command.arg("-").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the reference script failed");
    String::from_utf8(output.stdout).unwrap()
}

/// A file of the shared data, which is beside the project: in `KILN_SHARED_DATA`, or in `shared/data` of the first parent
/// folder that has it.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("KILN_SHARED_DATA").map(PathBuf::from).or_else(|| {
        let parents = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        parents.map(|parent| parent.join("shared/data")).find(|data| data.is_dir())
    });
    let path = root.map(|root| root.join(name)).filter(|path| path.exists());
    if path.is_none() {
        println!("skipped: no shared data file {name}");
    }
    path
}
