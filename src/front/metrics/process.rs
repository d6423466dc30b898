//! Process metrics: the front's own use of the machine, from `/proc/self` (proc(5)). A value that cannot be read is
//! left out of the scrape.

use std::fs;

use prometheus_client::{
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

/// Unit of the times in `/proc/self/stat`, per second: fixed at 100 towards user space on every Linux that Debian runs
/// on.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn register(registry: &mut Registry) {
    if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(cpu_seconds) {
        let counter = ConstCounter::new(seconds);
        registry.register_with_unit("process_cpu", "CPU time of the front, user and system", Unit::Seconds, counter);
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(kib) = field(&status, "VmRSS:") {
        let gauge = ConstGauge::new(kib * 1024);
        registry.register_with_unit("process_resident_memory", "Memory of the front", Unit::Bytes, gauge);
    }
    if let Some(threads) = field(&status, "Threads:") {
        registry.register("process_threads", "Threads of the front", ConstGauge::new(threads));
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        let open = i64::try_from(entries.count()).unwrap_or(i64::MAX);
        registry.register("process_open_fds", "Descriptors open in the front", ConstGauge::new(open));
    }
}

/// Fields 14 and 15 of `/proc/self/stat`. The second field is the program's name in parentheses, and may hold any
/// character.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

fn field(status: &str, name: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_whatever_the_program_is_called() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 100 1 1";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("nonsense"), None);
        assert_eq!(field("Name:\tx\nVmRSS:\t  2048 kB\nThreads:\t7\n", "VmRSS:"), Some(2048));
    }
}
