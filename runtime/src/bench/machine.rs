//! The machine that a figure belongs to, and the memory that the process has taken, from the kernel's own files.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::proc::{bytes, field};
use crate::provider::nvidia_gpus;

/// The hardware of a measurement. Figures compare only between equal machines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Machine {
    /// The CPU's name; `None` if the system does not report it.
    pub cpu: Option<String>,
    /// Cores that the process may use.
    pub cores: usize,
    /// Names of the NVIDIA GPUs.
    pub gpus: Vec<String>,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cores = kiln_files::limits::threads();
        Self { cpu: field(&cpuinfo, "model name").map(str::to_owned), cores, gpus: nvidia_gpus() }
    }
}

/// The most memory that this process has held, in bytes.
pub(super) fn peak_memory() -> Option<u64> {
    bytes(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM")
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_the_peak() {
        assert!(super::peak_memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
