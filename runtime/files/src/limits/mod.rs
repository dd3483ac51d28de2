//! Limits that the system sets for this process: cores and memory, by the control groups (cgroup v1 and v2) that containers,
//! systemd and batch schedulers use. Every default number of threads and every size that is chosen by memory comes from
//! here. On systems other than Linux, and where no control group sets a limit, the machine itself is the limit.

mod cgroup;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::thread::available_parallelism;

use serde::Serialize;

use self::cgroup::Cgroup;

/// The limits of a process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limits {
    /// Threads that can run at once: the cores that the process may use, at most the whole cores of its quota, at least 1.
    pub cores: usize,
    /// Processor time that a control group allows, in cores: 1.5 is 1.5 seconds a second. `None` without a quota.
    pub cpu_quota: Option<f64>,
    /// Memory that a control group allows, in bytes; `None` without a limit.
    pub memory_limit: Option<u64>,
    /// Memory of the machine, in bytes; `None` if the system does not report it.
    pub memory_of_machine: Option<u64>,
    /// Version of the control groups that were found, 1 or 2; `None` where there are none.
    pub cgroup: Option<u8>,
}

impl Limits {
    /// The limits of this process, as they were when they were first asked for.
    #[must_use]
    pub fn here() -> &'static Self {
        static HERE: OnceLock<Limits> = OnceLock::new();
        HERE.get_or_init(|| Self::read(Path::new("/"), available_parallelism().map_or(1, usize::from)))
    }

    /// Reads the limits from the files of a system at `root` (`/` for this one). `cores` is the number of cores that the
    /// process may use by itself.
    ///
    /// ```
    /// use kiln_files::limits::Limits;
    ///
    /// let system = tempfile::tempdir()?;
    /// let nothing = Limits::read(system.path(), 4);
    /// assert_eq!((nothing.cores, nothing.memory()), (4, None));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn read(root: &Path, cores: usize) -> Self {
        let found = Cgroup::find(root);
        let cpu_quota = found.as_ref().and_then(Cgroup::cpu_quota);
        let memory_of_machine = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| memory_total(&text));
        // Whole cores, as the standard library counts them: a thread that gets half a core delays those that wait for it.
        let whole = cpu_quota.map_or(usize::MAX, |quota| quota.floor() as usize);
        Self {
            cores: cores.min(whole).max(1),
            cpu_quota,
            // A limit above the memory of the machine limits nothing; version 1 writes a number near 2^63 for none.
            memory_limit: found
                .as_ref()
                .and_then(Cgroup::memory)
                .filter(|limit| memory_of_machine.map_or(*limit < 1 << 62, |machine| *limit < machine)),
            memory_of_machine,
            cgroup: found.map(|found| found.version()),
        }
    }

    /// Memory that the process may use, in bytes: the limit of its control group, else that of the machine; `None` if
    /// neither is known.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        self.memory_limit.or(self.memory_of_machine)
    }

    /// The size of a buffer or a cache: `preferred` bytes, or a sixteenth of the memory if that is less.
    #[must_use]
    pub fn cache_bytes(&self, preferred: usize) -> usize {
        let share = self.memory().map_or(usize::MAX, |memory| usize::try_from(memory / 16).unwrap_or(usize::MAX));
        preferred.min(share)
    }
}

/// The threads to use by default: one for each core that the process may use.
#[must_use]
pub fn threads() -> usize {
    Limits::here().cores
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn memory_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests;
