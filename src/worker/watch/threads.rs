//! Thread statistics from Linux: what threads of this process have done (proc(5), `/proc/PID/task/TID/schedstat` and
//! `stat`).

use std::fs;

/// Threads of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// The thread of this number; 0 for an unknown one.
    One(u32),
    /// All threads of this name, at most 15 bytes.
    Named(&'static str),
}

/// Work of threads so far, and whether they are runnable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Time on a CPU, and waiting for one, of all threads together, ns.
    pub nanos: u64,
    /// One of them runs, waits for a CPU, or for memory or a disk.
    pub runnable: bool,
}

/// The number of the calling thread.
pub fn this_thread() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()
}

/// The work of these threads; `None` where the system does not say, or there are none.
pub fn effort(threads: Threads) -> Option<Effort> {
    match threads {
        Threads::One(0) => None,
        Threads::One(number) => of(&number.to_string()),
        Threads::Named(name) => {
            let tasks = fs::read_dir("/proc/self/task").ok()?;
            let mut sum: Option<Effort> = None;
            for task in tasks.flatten() {
                let number = task.file_name();
                let number = number.to_string_lossy();
                let is_named = fs::read_to_string(format!("/proc/self/task/{number}/comm"));
                if is_named.is_ok_and(|found| found.trim_end() == name)
                    && let Some(one) = of(&number)
                {
                    let before = sum.unwrap_or_default();
                    let (nanos, runnable) = (before.nanos + one.nanos, before.runnable || one.runnable);
                    sum = Some(Effort { nanos, runnable });
                }
            }
            sum
        }
    }
}

fn of(number: &str) -> Option<Effort> {
    let read = |file| fs::read_to_string(format!("/proc/self/task/{number}/{file}")).ok();
    let stat = read("stat")?;
    // The name, in parentheses, may hold any character; the state follows it.
    let state = stat.rsplit(") ").next()?.chars().next()?;
    let schedstat = read("schedstat").unwrap_or_default();
    let nanos = schedstat.split_whitespace().take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Effort { nanos, runnable: matches!(state, 'R' | 'D') })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_thread_that_works_is_told_from_one_that_waits() {
        let own = Threads::One(this_thread());
        let before = effort(own).expect("Linux says");
        assert!(before.runnable, "who asks runs");
        let mut sum = 0u64;
        while effort(own).expect("Linux says").nanos < before.nanos + 1_000_000 {
            sum = sum.wrapping_add((0..10_000).sum::<u64>());
        }
        let (go, wait) = channel::<()>();
        let name = "waits-for-us";
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || _ = wait.recv());
        let thread = thread.expect("a thread");
        // It runs until it waits.
        while effort(Threads::Named(name)).is_none_or(|effort| effort.runnable) {}
        drop(go);
        thread.join().expect("it ends");
        assert_eq!(effort(Threads::Named("nobody")), None);
        assert!(sum > 0);
    }
}
