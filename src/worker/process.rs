//! The worker as a process: scheduling priority, resource use and memory.

use std::{fs::File, os::unix::fs::FileExt, sync::LazyLock, thread, time::Duration};

use rustix::{
    process::{getpriority_process, setpriority_process},
    time::{ClockId, clock_gettime},
};

/// Priority below the front's, so that the front stays responsive on a full machine. It is one step only, since a
/// program that waits for others misses ticks.
const NICE: i32 = 1;

/// Priority of decoders below the stage's and the encoder's: a late picture costs its own tile, a late tick costs the
/// program.
const NICE_OF_DECODERS: i32 = 3;

/// OOM score: the kernel ends a worker first when memory runs out. A worker is replaced within a second; the front
/// holds every room.
const OOM_SCORE: &str = "500";

/// Lowers the priority below the front's. Threads that start later inherit it. A failure costs only that.
pub fn step_back() {
    if let Err(error) = step_down(NICE) {
        tracing::warn!(%error, "the worker keeps its priority");
    }
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE) {
        tracing::warn!(%error, "the worker keeps its place in the out-of-memory order");
    }
}

/// Lowers the calling thread's priority below the stage's. On Linux, the owner of priority 0 is the calling thread
/// (setpriority(2), "C library/kernel differences").
pub fn yield_to_stage() {
    if let Err(error) = step_down(NICE_OF_DECODERS) {
        tracing::warn!(%error, "a decoder keeps its priority");
    }
}

/// Lowers the present priority: the process that starts the service may have given it any.
fn step_down(steps: i32) -> rustix::io::Result<()> {
    const LEAST: i32 = 19;
    let now = getpriority_process(None)?;
    setpriority_process(None, (now + steps).min(LEAST))
}

/// Sets up the allocator so that freed memory can be returned to the system. Call it before there are threads.
#[cfg(target_env = "gnu")]
pub fn keep_memory_whole() {
    // glibc makes an arena for each thread and keeps freed memory in each; a worker has a thread for each participant.
    const ARENAS: i32 = 2;
    // Allocations from this size on are mapped separately and unmapped when they are freed, bytes: pictures are that
    // large, most packets are not. By default, glibc raises this limit to the largest allocation ever freed. Then the
    // pictures of people who come and go leave holes between small allocations, and a worker of four people grew by 7
    // MiB in 45 minutes.
    const LARGE: i32 = 256 << 10;
    // Free memory at an arena's end that is kept, bytes, so that the arena does not shrink and grow with every picture.
    const AT_END: i32 = 1 << 20;
    for (option, value) in
        [(libc::M_ARENA_MAX, ARENAS), (libc::M_MMAP_THRESHOLD, LARGE), (libc::M_TRIM_THRESHOLD, AT_END)]
    {
        // SAFETY: it takes plain numbers and sets an option of the allocator.
        if unsafe { libc::mallopt(option, value) } == 0 {
            tracing::warn!(option, "the allocator does not take an option");
        }
    }
}

/// On other allocators this does nothing.
#[cfg(not(target_env = "gnu"))]
pub fn keep_memory_whole() {}

/// How often freed memory is returned, which takes less than 1 ms. A start leaves the most behind, and should not count
/// in the room's peak.
const GIVE_BACK_EVERY: Duration = Duration::from_secs(2);

/// Returns freed memory to the system from now on, for as long as the process lives. By itself, glibc returns only
/// memory at an arena's end, and keeps 7 MB of whole free pages with nine people.
pub fn give_back_memory() {
    let give_back = || {
        loop {
            thread::sleep(GIVE_BACK_EVERY);
            trim();
        }
    };
    if let Err(error) = thread::Builder::new().name("memory".to_owned()).spawn(give_back) {
        tracing::warn!(%error, "the worker keeps the memory that it frees");
    }
}

#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: it takes a plain number, locks each arena as malloc itself does, and may be called by any thread.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
fn trim() {}

/// Processors that this process may use, limited to its share of them. Counted once: a worker that has given up its
/// files cannot read this again.
pub fn cores() -> usize {
    static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));
    *CORES
}

/// Resource use of the whole process.
#[derive(Debug)]
pub struct Usage {
    /// `/proc/self/statm`, held open: a worker that has given up its files cannot open it again.
    memory: Option<File>,
}

impl Usage {
    pub fn of_process() -> Self {
        Self { memory: File::open("/proc/self/statm").ok() }
    }

    /// CPU time so far, ms.
    pub fn cpu_ms(&self) -> u64 {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        used.tv_sec.unsigned_abs() * 1000 + used.tv_nsec.unsigned_abs() / 1_000_000
    }

    /// Resident memory, KiB; zero where the kernel does not say.
    pub fn rss_kib(&self) -> u64 {
        // Seven numbers of up to 20 digits.
        let mut text = [0; 160];
        let length = self.memory.as_ref().and_then(|memory| memory.read_at(&mut text, 0).ok()).unwrap_or(0);
        let text = String::from_utf8_lossy(&text[..length]);
        let pages: u64 = text.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0);
        pages * rustix::param::page_size() as u64 / 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoders_are_below_the_stage_wherever_that_is() {
        // A thread's own priority, which ends with it.
        let priorities = thread::spawn(|| {
            let nice = || getpriority_process(None).expect("the kernel tells");
            setpriority_process(None, nice().max(10)).expect("down is allowed");
            let stage = nice();
            yield_to_stage();
            (stage, nice())
        });
        let (stage, decoder) = priorities.join().expect("no panic");
        assert_eq!(decoder, (stage + NICE_OF_DECODERS).min(19));
    }

    #[test]
    fn what_is_used_is_told_as_long_as_it_is_asked() {
        let usage = Usage::of_process();
        let before = usage.rss_kib();
        let much = vec![1u8; 64 << 20];
        let during = usage.rss_kib();
        assert!(during > before + (32 << 10), "{before} KiB, then {during} KiB with {} MiB more", much.len() >> 20);
        assert!(usage.cpu_ms() > 0 && usage.cpu_ms() < 1_000_000_000);
    }
}
