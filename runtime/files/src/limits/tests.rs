#![allow(clippy::unwrap_used)]

use super::*;

/// A system's files: path and text.
fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn read(files: &[(&str, &str)]) -> Limits {
    Limits::read(system(files).path(), 8)
}

const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:       16777216 kB\nMemFree:        1 kB\n");
const GIB: u64 = 1 << 30;
const V2: (&str, &str) =
    ("proc/self/mountinfo", "25 1 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
const V1: (&str, &str) = (
    "proc/self/mountinfo",
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
     32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
     35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
     41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
);

#[test]
fn without_groups_the_machine_is_the_limit() {
    let limits = read(&[MEMINFO]);
    assert_eq!((limits.cores, limits.cpu_quota, limits.memory_limit, limits.cgroup), (8, None, None, None));
    assert_eq!(limits.memory(), Some(16 * GIB));
    assert_eq!(limits.cache_bytes(64 << 20), 64 << 20);
}

#[test]
fn a_container_of_version_2_has_its_own_limits() {
    let limits = read(&[
        MEMINFO,
        V2,
        ("proc/self/cgroup", "0::/\n"),
        ("sys/fs/cgroup/cpu.max", "100000 100000\n"),
        ("sys/fs/cgroup/memory.max", "536870912\n"),
        ("sys/fs/cgroup/memory.high", "max\n"),
    ]);
    assert_eq!((limits.cores, limits.cpu_quota, limits.cgroup), (1, Some(1.0), Some(2)));
    assert_eq!(limits.memory(), Some(512 << 20));
    assert_eq!(limits.cache_bytes(64 << 20), 32 << 20);
}

#[test]
fn the_least_limit_on_the_way_up_counts() {
    let limits = read(&[
        MEMINFO,
        V2,
        ("proc/self/cgroup", "0::/system.slice/kiln.service\n"),
        ("sys/fs/cgroup/system.slice/kiln.service/cpu.max", "max 100000\n"),
        ("sys/fs/cgroup/system.slice/kiln.service/memory.max", "max\n"),
        ("sys/fs/cgroup/system.slice/kiln.service/memory.high", "4294967296\n"),
        ("sys/fs/cgroup/system.slice/cpu.max", "250000 100000\n"),
        ("sys/fs/cgroup/system.slice/memory.max", "8589934592\n"),
    ]);
    assert_eq!((limits.cores, limits.cpu_quota), (2, Some(2.5)));
    assert_eq!(limits.memory(), Some(4 * GIB));
}

#[test]
fn a_quota_of_less_than_a_core_is_one_thread() {
    let files = [V2, ("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/cpu.max", "20000 100000\n")];
    let limits = read(&files);
    assert_eq!((limits.cores, limits.cpu_quota, limits.memory()), (1, Some(0.2), None));
}

#[test]
fn a_hybrid_system_has_its_controllers_in_version_1() {
    let limits = read(&[
        MEMINFO,
        V1,
        ("proc/self/cgroup", "4:memory:/jobs/7\n3:cpu,cpuacct:/jobs/7\n1:name=systemd:/\n0::/\n"),
        ("sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_quota_us", "300000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/memory/jobs/7/memory.limit_in_bytes", "2147483648\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
    ]);
    assert_eq!((limits.cores, limits.cpu_quota, limits.cgroup), (3, Some(3.0), Some(1)));
    assert_eq!(limits.memory_limit, Some(2 * GIB));
}

#[test]
fn a_container_of_version_1_sees_its_group_at_the_mount() {
    let mount = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
    for group in ["/docker/abc", "/another/path/of/the/host"] {
        let limits = read(&[
            MEMINFO,
            ("proc/self/mountinfo", mount),
            ("proc/self/cgroup", &format!("4:memory:{group}\n")),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"),
        ]);
        assert_eq!(limits.memory_limit, Some(GIB), "{group}");
    }
}

#[test]
fn no_limit_is_no_limit_and_damaged_files_are_none() {
    let unlimited = "9223372036854771712\n";
    for text in [unlimited, "", "-1\n", "many\n", "99999999999999999999999999\n"] {
        let limits = read(&[
            V1,
            ("proc/self/cgroup", "4:memory:/\n3:cpu,cpuacct:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", text),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", text),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "0\n"),
        ]);
        assert_eq!((limits.cores, limits.cpu_quota, limits.memory()), (8, None, None), "{text}");
    }
    let outside = [V2, ("proc/self/cgroup", "0::/../sibling\n"), ("sys/fs/cgroup/memory.max", "4096\n")];
    assert_eq!(read(&outside).memory_limit, Some(4096));
    for text in ["", "\n", ":::", "nothing", "0::"] {
        assert_eq!(read(&[V2, ("proc/self/cgroup", text)]).cores, 8, "{text:?}");
    }
}

#[test]
fn this_process_has_at_least_a_core() {
    assert!(Limits::here().cores >= 1);
    assert_eq!(threads(), Limits::here().cores);
}
