//! The machine's properties that matter for inference, from `/proc`; on systems other than Linux some are missing.

use crate::verbs::number::cores;
use std::fs;

use kiln_runtime::proc::{bytes, field};
use kiln_runtime::provider::{nvidia_driver, nvidia_gpus};
use serde::Serialize;

/// Properties of this machine.
#[derive(Serialize)]
pub(super) struct Machine {
    os: &'static str,
    arch: &'static str,
    cpu: Option<String>,
    logical_cores: usize,
    /// The vector extensions that inference kernels use.
    features: Vec<String>,
    memory_bytes: Option<u64>,
    nvidia_driver: Option<String>,
    gpus: Vec<String>,
}

/// In the order in which kernels prefer them.
const FEATURES: [&str; 8] =
    ["amx_int8", "avx512_bf16", "avx512_vnni", "avx512f", "avx_vnni", "avx2", "asimddp", "asimd"];

impl Machine {
    pub(super) fn look() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = field(&cpuinfo, "flags").or_else(|| field(&cpuinfo, "Features")).unwrap_or_default();
        let has = |name: &&str| flags.split_whitespace().any(|flag| flag == *name);
        Self {
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            cpu: field(&cpuinfo, "model name").map(str::to_owned),
            logical_cores: cores(),
            features: FEATURES.iter().filter(|name| has(name)).map(|name| (*name).to_owned()).collect(),
            memory_bytes: fs::read_to_string("/proc/meminfo").ok().and_then(|text| bytes(&text, "MemTotal")),
            nvidia_driver: nvidia_driver(),
            gpus: nvidia_gpus(),
        }
    }

    pub(super) fn summary(&self) -> String {
        let cpu = self.cpu.as_deref().unwrap_or("unknown CPU");
        let features =
            if self.features.is_empty() { String::new() } else { format!(" ({})", self.features.join(", ")) };
        let memory = self.memory_bytes.map_or_else(String::new, |bytes| format!(", {} GiB memory", bytes >> 30));
        let gpus = match self.gpus.as_slice() {
            [] => "no NVIDIA GPU".to_owned(),
            gpus => gpus.join(", "),
        };
        format!("{} {}, {} cores of {cpu}{features}{memory}, {gpus}", self.os, self.arch, self.logical_cores)
    }
}
