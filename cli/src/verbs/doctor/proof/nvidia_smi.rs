//! The NVIDIA GPUs as `nvidia-smi` lists them, if it is on this machine: the driver's files have neither the memory nor, on
//! Windows, anything at all.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;

use super::super::child::{self, Ended};

/// Longest wait: a driver that is not loaded yet takes seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// One GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Gpu {
    pub(super) name: String,
    /// Version of the driver, such as `580.95.05`.
    pub(super) driver: String,
    /// Memory in MiB.
    pub(super) memory_mib: Option<u64>,
}

/// The GPUs; empty if there is no `nvidia-smi` or it reports none.
pub(super) fn gpus() -> Vec<Gpu> {
    let mut command = Command::new("nvidia-smi");
    command.args(["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits"]);
    match child::run(command.stdin(Stdio::null()), PATIENCE) {
        Ok(Ended { status: Some(status), stdout, .. }) if status.success() => parse(&stdout),
        _ => Vec::new(),
    }
}

fn parse(text: &str) -> Vec<Gpu> {
    let gpu = |line: &str| {
        let mut fields = line.split(',').map(|field| field.trim().to_owned());
        let (name, driver) = (fields.next()?, fields.next()?);
        Some(Gpu { name, driver, memory_mib: fields.next().and_then(|memory| memory.parse().ok()) })
    };
    text.lines().filter_map(gpu).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_gpu() {
        let gpu = |name: &str, memory_mib| Gpu { name: name.to_owned(), driver: "580.95.05".to_owned(), memory_mib };
        let text = "NVIDIA H100 80GB HBM3, 580.95.05, 81559\nNVIDIA GB10, 580.95.05, [N/A]\n";
        assert_eq!(parse(text), [gpu("NVIDIA H100 80GB HBM3", Some(81_559)), gpu("NVIDIA GB10", None)]);
        assert!(parse("No devices were found\n").is_empty());
    }
}
