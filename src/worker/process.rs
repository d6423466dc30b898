//! The worker as a process: its place below the front, what it uses and what it gives back.

use std::{fs::File, os::unix::fs::FileExt, sync::LazyLock, thread, time::Duration};

use rustix::{
    process::{getpriority_process, setpriority_process},
    time::{ClockId, clock_gettime},
};

/// Priority below the front's, so that the door stays quick on a full machine; by a step only, since a program that waits
/// for others misses ticks.
const NICE: i32 = 1;

/// How far the priority of decoders lies below the stage's and the encoder's: a late picture costs its own tile, a late tick the program.
const NICE_OF_DECODERS: i32 = 3;

/// Whom the kernel ends first when memory runs out: a worker is replaced within a second, the front holds every room.
const OOM_SCORE: &str = "500";

/// Yields to the front. Threads started after this inherit it. Failing costs only that.
pub fn step_back() {
    if let Err(error) = step_down(NICE) {
        tracing::warn!(%error, "the worker keeps its priority");
    }
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE) {
        tracing::warn!(%error, "the worker keeps its place in the out-of-memory order");
    }
}

/// Puts the calling thread below the stage. On Linux priority 0's owner is the calling thread (setpriority(2), "C
/// library/kernel differences").
pub fn yield_to_stage() {
    if let Err(error) = step_down(NICE_OF_DECODERS) {
        tracing::warn!(%error, "a decoder keeps its priority");
    }
}

/// From where it is: whoever starts the service may have given it any priority.
fn step_down(steps: i32) -> rustix::io::Result<()> {
    const LEAST: i32 = 19;
    let now = getpriority_process(None)?;
    setpriority_process(None, (now + steps).min(LEAST))
}

/// Has memory allocated so that what is freed can be given back. To be called before there are threads.
#[cfg(target_env = "gnu")]
pub fn keep_memory_whole() {
    // glibc makes an arena for each thread and keeps what was freed in each; a worker has a thread for each participant.
    const ARENAS: i32 = 2;
    // What is as large as this is mapped by itself and unmapped when it is freed, bytes: pictures are, most packets are not.
    // By itself glibc raises this to the largest thing ever freed; then the pictures of people who come and go leave holes
    // behind between what is small, and a worker of four grew by 7 MiB in 45 minutes.
    const LARGE: i32 = 256 << 10;
    // What may lie free at an arena's end, bytes, so that it does not shrink and grow with every picture.
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

/// Other allocators are left as they are.
#[cfg(not(target_env = "gnu"))]
pub fn keep_memory_whole() {}

/// How often freed memory is given back, which takes less than 1 ms. A start leaves the most behind, and should not count in
/// the room's peak.
const GIVE_BACK_EVERY: Duration = Duration::from_secs(2);

/// From now on gives freed memory back to the machine, for as long as the process lives. glibc by itself gives back only what
/// lies at an arena's end, and keeps 7 MB of whole free pages with nine people.
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

/// Processors that this process may use, and no more than its share of them. Counted once: a worker that has given up its files
/// cannot look again.
pub fn cores() -> usize {
    static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));
    *CORES
}

/// What the whole process uses.
#[derive(Debug)]
pub struct Usage {
    /// `/proc/self/statm`, open for as long as somebody asks: a worker that has given up its files cannot open it again.
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

    /// Resident memory, KiB; zero where the kernel does not tell.
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
        // A thread's own, which its end takes along.
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
