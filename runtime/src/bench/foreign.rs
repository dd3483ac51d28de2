//! CPU time that other processes took on the cores of this process, from the kernel's counters.

use std::fs;
use std::time::Instant;

/// Clock ticks a second in `/proc`: fixed at 100 on every Linux that user space sees (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

/// A reading of the counters.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    at: Instant,
    /// Seconds that the allowed cores were busy, over all processes; `None` where the kernel has no such counter.
    busy: Option<f64>,
    /// Seconds that this process ran on any core.
    own: Option<f64>,
    cores: usize,
}

impl Reading {
    /// Reads the counters now.
    pub(super) fn now() -> Self {
        let cores = allowed_cores();
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        Self { at: Instant::now(), busy: busy_seconds(&stat, &cores), own: own_seconds(&own), cores: cores.len() }
    }

    /// The share of the allowed cores that other processes took since this reading: 0 is none, 1 is all of them.
    /// `None` where the kernel has no such counter.
    pub(super) fn foreign_share(&self) -> Option<f64> {
        let now = Self::now();
        let others = (now.busy? - self.busy?) - (now.own? - self.own?);
        let room = (now.at - self.at).as_secs_f64() * self.cores as f64;
        (room > 0.0).then(|| (others / room).clamp(0.0, 1.0))
    }
}

/// The cores in this process's affinity mask.
fn allowed_cores() -> Vec<usize> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.map(|list| parse_list(list.trim())).unwrap_or_default()
}

/// `0-2,5` as numbers.
fn parse_list(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

/// Seconds that the given cores were neither idle nor waiting for a disk, from `/proc/stat`.
fn busy_seconds(stat: &str, cores: &[usize]) -> Option<f64> {
    let lines: Vec<&str> = stat.lines().collect();
    let of_core = |core: &usize| {
        let name = format!("cpu{core} ");
        let fields: Vec<f64> = lines
            .iter()
            .find_map(|line| line.strip_prefix(name.as_str()))?
            .split_whitespace()
            .filter_map(|field| field.parse().ok())
            .collect();
        // user nice system (idle iowait) irq softirq steal; guest time is within user.
        [0, 1, 2, 5, 6, 7].iter().map(|field| fields.get(*field)).sum::<Option<f64>>()
    };
    let ticks = cores.iter().map(of_core).sum::<Option<f64>>()?;
    (!cores.is_empty()).then_some(ticks / TICKS_A_SECOND)
}

/// User and system time from `/proc/self/stat`, whose second field is a name in brackets that may hold anything.
fn own_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS_A_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cores_reads() {
        assert_eq!(parse_list("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(parse_list("7"), [7]);
        assert!(parse_list("").is_empty());
    }

    #[test]
    fn busy_time_is_that_of_the_allowed_cores_and_counts_steal() {
        let stat = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 100 0 50 900 30 1 2 47 0 0\ncpu1 1000 0 0 0 0 0 0 0 0 0\n";
        assert_eq!(busy_seconds(stat, &[0]), Some(2.0));
        assert_eq!(busy_seconds(stat, &[0, 1]), Some(12.0));
        assert_eq!(busy_seconds(stat, &[2]), None);
        assert_eq!(busy_seconds(stat, &[]), None);
    }

    #[test]
    fn own_time_survives_a_strange_process_name() {
        let stat = "1 (a) b (c) S 1 1 1 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 0";
        assert_eq!(own_seconds(stat), Some(3.0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells() {
        let reading = Reading::now();
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(reading.foreign_share().is_some());
    }
}
