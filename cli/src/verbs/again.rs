//! This program in a separate process, for work that may end the process.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;

#[cfg(feature = "bench")]
use crate::log;

/// The command that runs this program in a separate process, with this library, JSON on stdout and an empty stdin. Its
/// stderr is text without colours at this level, for this process to read.
pub(super) fn again(library: Option<&Path>, log: &str) -> anyhow::Result<Command> {
    let mut command = with_library(library)?;
    command.args(["--log", log, "--color", "never"]);
    Ok(command)
}

/// As [`again`], for a process that writes to the stderr of this one: its lines have the form that the user chose.
#[cfg(feature = "bench")]
pub(super) fn again_beside(library: Option<&Path>) -> anyhow::Result<Command> {
    let mut command = with_library(library)?;
    command.args(log::arguments());
    Ok(command)
}

fn with_library(library: Option<&Path>) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("cannot find the path of this program to start it again")?;
    let mut command = Command::new(program);
    command.arg("--json").stdin(Stdio::null());
    if let Some(library) = library {
        command.arg("--onnxruntime").arg(library);
    }
    Ok(command)
}
