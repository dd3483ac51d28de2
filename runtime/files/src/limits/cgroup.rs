//! The control groups of a process, from `/proc/self/cgroup`, `/proc/self/mountinfo` and the files of the mounted
//! hierarchies (the kernel's cgroups(7), `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/`). A limit of a group
//! holds for the groups below it too, so every group from that of the process up to the mount counts.

use std::fs;
use std::path::{Path, PathBuf};

/// The places of the files of the process's groups.
pub(super) struct Cgroup {
    version: u8,
    /// Folders with files about the processor, the group of the process first.
    cpu: Vec<PathBuf>,
    /// Folders with files about memory, the group of the process first.
    memory: Vec<PathBuf>,
}

impl Cgroup {
    /// The groups of the process whose `/proc/self` is in `root`. Controllers of version 1 come before version 2, as a
    /// hybrid system has its controllers there.
    pub(super) fn find(root: &Path) -> Option<Self> {
        let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
        let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).unwrap_or_default();
        let folders = |controller: &str| {
            let group = group_of(&groups, controller)?;
            let mount = Mount::find(&mounts, controller)?;
            Some(mount.folders(root, group))
        };
        let (cpu, memory) = (folders("cpu"), folders("memory"));
        if cpu.is_some() || memory.is_some() {
            return Some(Self { version: 1, cpu: cpu.unwrap_or_default(), memory: memory.unwrap_or_default() });
        }
        let unified = folders("")?;
        Some(Self { version: 2, cpu: unified.clone(), memory: unified })
    }

    pub(super) fn version(&self) -> u8 {
        self.version
    }

    /// The least quota of any group, in cores.
    pub(super) fn cpu_quota(&self) -> Option<f64> {
        let quotas = self.cpu.iter().filter_map(|folder| match self.version {
            1 => quota(&number_in(folder, "cpu.cfs_quota_us")?, &number_in(folder, "cpu.cfs_period_us")?),
            _ => {
                let text = fs::read_to_string(folder.join("cpu.max")).ok()?;
                let mut words = text.split_whitespace();
                quota(words.next()?, words.next().unwrap_or("100000"))
            }
        });
        quotas.min_by(f64::total_cmp)
    }

    /// The least limit of any group, in bytes. `memory.high` counts too: above it the kernel slows the process down.
    pub(super) fn memory(&self) -> Option<u64> {
        let files: &[&str] =
            if self.version == 1 { &["memory.limit_in_bytes"] } else { &["memory.max", "memory.high"] };
        let limits = self.memory.iter().flat_map(|folder| files.iter().filter_map(|file| number_in(folder, file)));
        limits.filter_map(|text| text.parse::<u64>().ok()).min()
    }
}

/// `quota` microseconds of each `period`, in cores; `None` for `max`, -1 and text that is no number.
fn quota(quota: &str, period: &str) -> Option<f64> {
    let (quota, period) = (quota.parse::<u64>().ok()?, period.parse::<u64>().ok()?);
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

fn number_in(folder: &Path, file: &str) -> Option<String> {
    fs::read_to_string(folder.join(file)).ok().map(|text| text.trim().to_owned())
}

/// The path of the process's group for a controller of version 1, or for version 2 (an empty name): a line is
/// `number:controllers:path`.
fn group_of<'a>(groups: &'a str, controller: &str) -> Option<&'a str> {
    groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        controllers.split(',').any(|name| name == controller).then_some(path)
    })
}

/// A mounted hierarchy.
struct Mount<'a> {
    /// The group that is mounted: `/`, or that of a container.
    group: &'a str,
    /// The folder that it is mounted on.
    folder: &'a str,
}

impl<'a> Mount<'a> {
    /// The mount of a controller of version 1, or of version 2 (an empty name). A line of `mountinfo` is `ID PARENT
    /// DEVICE ROOT FOLDER OPTIONS … - TYPE SOURCE SUPER-OPTIONS`.
    fn find(mounts: &'a str, controller: &str) -> Option<Self> {
        mounts.lines().find_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let (mut left, mut right) = (left.split(' ').skip(3), right.split(' '));
            let (group, folder) = (left.next()?, left.next()?);
            let is_it = match right.next()? {
                "cgroup2" => controller.is_empty(),
                "cgroup" => right.nth(1)?.split(',').any(|name| name == controller),
                _ => false,
            };
            is_it.then_some(Self { group, folder })
        })
    }

    /// The folders of a group and of those above it, as far as the mount shows them. In a container without its own
    /// namespace the group's path is that of the host, and the mount itself is the container's group.
    fn folders(&self, root: &Path, group: &str) -> Vec<PathBuf> {
        let mounted = root.join(self.folder.trim_start_matches('/'));
        let below = Path::new(group).strip_prefix(self.group).ok();
        // A group above that of the namespace begins with `..`: nothing of it is visible.
        let below = below.filter(|path| !path.starts_with("..")).unwrap_or(Path::new(""));
        let inner = below.strip_prefix("/").unwrap_or(below);
        inner.ancestors().map(|path| mounted.join(path)).collect()
    }
}
