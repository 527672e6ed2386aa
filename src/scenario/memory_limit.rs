//! How much memory a scenario may take before it is ended, so that it ends with a finding and not with a dead machine.

use std::fs;
use std::path::{Path, PathBuf};

/// The limit as planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// 80 % of what the control group or the machine has to give.
    Auto,
    /// That, divided by so many scenarios that may run at the same time.
    Part(u64),
    /// So many bytes.
    Bytes(u64),
    /// No limit.
    Unlimited,
}

impl MemoryLimit {
    /// The limit in bytes; `None` for none, or where the machine does not tell what it has.
    pub fn bytes(self) -> Option<u64> {
        match self {
            MemoryLimit::Auto => obtainable(Path::new("/")).map(|bytes| bytes / 5 * 4),
            MemoryLimit::Part(of) => MemoryLimit::Auto.bytes().map(|bytes| bytes / of.max(1)),
            MemoryLimit::Bytes(bytes) => Some(bytes),
            MemoryLimit::Unlimited => None,
        }
    }
}

/// The smaller of the control group's limit and the machine's available memory, below the file system `root`.
fn obtainable(root: &Path) -> Option<u64> {
    let available = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| mem_available(&text));
    let group =
        fs::read_to_string(root.join("proc/self/cgroup")).ok().and_then(|text| group_limit(root, &text));
    available.into_iter().chain(group).min()
}

fn mem_available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// The lowest limit on the way from the process's group to the root group, version 2 or 1.
fn group_limit(root: &Path, membership: &str) -> Option<u64> {
    membership
        .lines()
        .filter_map(|line| group_files(root, line))
        .flatten()
        .filter_map(|file| read_limit(&file))
        .min()
}

/// The files with the limits for one line of `/proc/self/cgroup`: `0::/path`, or `n:memory:/path`.
fn group_files(root: &Path, line: &str) -> Option<Vec<PathBuf>> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, group) = rest.split_once(':')?;
    let (mount, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        named if named.split(',').any(|name| name == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    // In a container the path may name a place outside of what is mounted: the mount's own root is then the group.
    let group = Path::new(group.trim_start_matches('/'));
    Some(group.ancestors().map(|folder| root.join(mount).join(folder).join(file)).collect())
}

/// A number; `max`, and version 1's huge numbers for "none", are no limit.
fn read_limit(file: &Path) -> Option<u64> {
    const NONE_FROM: u64 = 1 << 60;
    fs::read_to_string(file).ok()?.trim().parse().ok().filter(|limit| *limit < NONE_FROM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal: 2000 kB\nMemAvailable:    1000 kB\n");

    #[test]
    fn without_a_group_limit_the_available_memory_counts() {
        let root = machine(&[MEMINFO, ("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "max\n")]);
        assert_eq!(obtainable(root.path()), Some(1_024_000));
    }

    #[test]
    fn the_lowest_limit_of_the_group_and_its_parents_counts() {
        let root = machine(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/pod/container\n"),
            ("sys/fs/cgroup/pod/memory.max", "500000\n"),
            ("sys/fs/cgroup/pod/container/memory.max", "600000\n"),
        ]);
        assert_eq!(obtainable(root.path()), Some(500_000));
    }

    #[test]
    fn a_limit_of_the_first_version_is_read_and_its_number_for_none_is_not() {
        let group = ("proc/self/cgroup", "5:cpu,memory:/job\n1:name=systemd:/\n");
        let limited =
            machine(&[MEMINFO, group, ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "700000\n")]);
        assert_eq!(obtainable(limited.path()), Some(700_000));
        let none = "9223372036854771712\n";
        let free = machine(&[MEMINFO, group, ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", none)]);
        assert_eq!(obtainable(free.path()), Some(1_024_000));
    }

    #[test]
    fn a_machine_that_does_not_tell_has_no_automatic_limit() {
        assert_eq!(obtainable(machine(&[]).path()), None);
    }
}
