//! The machine's properties that matter for inference: from `/proc` on Linux, from `sysctl` on macOS, from the environment
//! on Windows, where the memory is left out. GPUs are looked for on Linux alone.

use std::fs;
use std::process::{Command, Stdio};

use kiln_files::limits::Limits;
use kiln_runtime::proc::field;
use kiln_runtime::provider::{nvidia_driver, nvidia_gpus};
use serde::Serialize;

/// Properties of this machine.
#[derive(Serialize)]
pub(super) struct Machine {
    os: &'static str,
    arch: &'static str,
    cpu: Option<String>,
    /// The cores that the process may use, within the quota of its control group.
    logical_cores: usize,
    /// The vector extensions that inference kernels use.
    features: Vec<String>,
    memory_bytes: Option<u64>,
    limits: &'static Limits,
    nvidia_driver: Option<String>,
    gpus: Vec<String>,
}

/// In the order in which kernels prefer them.
const FEATURES: [&str; 8] =
    ["amx_int8", "avx512_bf16", "avx512_vnni", "avx512f", "avx_vnni", "avx2", "asimddp", "asimd"];

impl Machine {
    pub(super) fn look() -> Self {
        let limits = Limits::here();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = field(&cpuinfo, "flags").or_else(|| field(&cpuinfo, "Features")).unwrap_or_default();
        let has = |name: &&str| flags.split_whitespace().any(|flag| flag == *name);
        Self {
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            cpu: field(&cpuinfo, "model name").map(str::to_owned).or_else(processor),
            logical_cores: limits.cores,
            features: FEATURES.iter().filter(|name| has(name)).map(|name| (*name).to_owned()).collect(),
            memory_bytes: limits.memory_of_machine.or_else(memory),
            limits,
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
            [] if cfg!(target_os = "linux") => ", no NVIDIA GPU".to_owned(),
            [] => String::new(),
            gpus => format!(", {}", gpus.join(", ")),
        };
        format!("{} {}, {} cores of {cpu}{features}{memory}{gpus}", self.os, self.arch, self.logical_cores)
    }

    /// The limits of the process's control group, on one line.
    pub(super) fn limits(&self) -> String {
        let Limits { cpu_quota, memory_limit, cgroup, cores, .. } = *self.limits;
        let Some(version) = cgroup else { return "none: no control groups".to_owned() };
        if cpu_quota.is_none() && memory_limit.is_none() {
            return format!("none by control groups (version {version})");
        }
        let quota = cpu_quota.map_or_else(
            || "no limit of processor time".to_owned(),
            |quota| format!("processor time of {quota:.2} cores (default threads: {cores})"),
        );
        let memory =
            memory_limit.map_or_else(|| "no limit of memory".to_owned(), |bytes| format!("{} MiB memory", bytes >> 20));
        format!("{quota}, {memory}, by control groups (version {version})")
    }
}

/// The processor's name on systems without `/proc/cpuinfo`.
fn processor() -> Option<String> {
    match std::env::consts::OS {
        "macos" => sysctl("machdep.cpu.brand_string"),
        "windows" => std::env::var("PROCESSOR_IDENTIFIER").ok(),
        _ => None,
    }
}

/// The memory in bytes on macOS.
fn memory() -> Option<u64> {
    sysctl("hw.memsize")?.parse().ok()
}

/// A value of the kernel's table on macOS.
fn sysctl(name: &str) -> Option<String> {
    if !cfg!(target_os = "macos") {
        return None;
    }
    let output = Command::new("/usr/sbin/sysctl").args(["-n", name]).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_one_line() {
        let machine = |cpu_quota, memory_limit, cgroup| Machine {
            limits: Box::leak(Box::new(Limits { cores: 1, cpu_quota, memory_limit, memory_of_machine: None, cgroup })),
            ..Machine::look()
        };
        assert_eq!(machine(None, None, None).limits(), "none: no control groups");
        assert_eq!(machine(None, None, Some(1)).limits(), "none by control groups (version 1)");
        assert_eq!(
            machine(Some(1.5), Some(512 << 20), Some(2)).limits(),
            "processor time of 1.50 cores (default threads: 1), 512 MiB memory, by control groups (version 2)"
        );
    }
}
