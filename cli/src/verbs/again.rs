//! This program in a separate process, for work that may end the process.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;

/// The command that runs this program in a separate process, with this library, JSON on stdout and an empty stdin.
pub(super) fn again(library: Option<&Path>, log: &str) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("cannot find the path of this program to start it again")?;
    let mut command = Command::new(program);
    command.args(["--json", "--log", log]).stdin(Stdio::null());
    if let Some(library) = library {
        command.arg("--onnxruntime").arg(library);
    }
    Ok(command)
}
