//! Machine capacity: the processor, cores and memory that this process may use (cgroups, affinity).

use std::fs;

use crate::cost::Budget;

/// Memory that rooms leave to the front and the system, MiB.
const KEPT_FREE: u64 = 256;

/// Most memory of a machine that is counted, MiB: 16 TiB, more than any has.
const MOST: u64 = 16 << 20;

#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// Name of the processor.
    pub cpu: String,
    /// Cores that this process may use; control groups and affinity count.
    pub cores: f64,
    /// Memory that this process may use, MiB; control groups count.
    pub mib: u64,
}

impl Machine {
    /// The machine of this process.
    pub fn here() -> Self {
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        let total = total_kib(&fs::read_to_string("/proc/meminfo").unwrap_or_default()).unwrap_or(MOST << 10) >> 10;
        let mib = group_limits().map(|bytes| bytes >> 20).fold(total, u64::min);
        Self { cpu: model(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()), cores, mib: mib.min(MOST) }
    }

    /// Capacity for rooms; `cores` replaces the machine's own number.
    pub fn capacity(&self, cores: Option<f64>) -> Budget {
        let mib = self.mib.saturating_sub(KEPT_FREE);
        let millicores = (cores.unwrap_or(self.cores) * 1000.0).round() as u32;
        Budget { millicores, mib: u32::try_from(mib).unwrap_or(u32::MAX) }
    }
}

/// The processor's name, as x86 (`model name`) or ARM (`CPU part`) gives it.
fn model(cpuinfo: &str) -> String {
    let named = |name: &str| {
        let mut lines = cpuinfo.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim().to_owned()))
    };
    named("model name").or_else(|| named("CPU part")).unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

fn total_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Every memory limit of this control group and those above it, bytes (cgroups(7); version 2, else version 1).
fn group_limits() -> impl Iterator<Item = u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_owned();
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut files =
        vec!["/sys/fs/cgroup/memory.max".to_owned(), "/sys/fs/cgroup/memory/memory.limit_in_bytes".to_owned()];
    while !parts.is_empty() {
        files.push(format!("/sys/fs/cgroup/{}/memory.max", parts.join("/")));
        parts.pop();
    }
    // `max` is no number and no limit.
    files.into_iter().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_says_what_it_has() {
        let here = Machine::here();
        assert!(here.cores >= 1.0 && here.mib > 64 && !here.cpu.is_empty(), "{here:?}");
        assert_eq!(here.capacity(Some(2.5)).millicores, 2500);
    }

    #[test]
    fn names_and_totals_are_read() {
        assert_eq!(model("processor : 0\nmodel name\t: Some CPU @ 3 GHz\nmodel name\t: Other\n"), "Some CPU @ 3 GHz");
        assert_eq!(model("CPU part\t: 0xd0c\n"), "0xd0c");
        assert_eq!(total_kib("MemTotal:       2048 kB\nMemFree: 1 kB\n"), Some(2048));
    }
}
