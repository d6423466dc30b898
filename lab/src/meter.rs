//! Resource meter: CPU time and memory of a process and all its descendants, from `/proc` (proc(5)).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

/// Unit of the CPU times in `/proc`: USER_HZ, which Linux fixes at 100 for every program (time(7)).
const TICKS_PER_SECOND: u64 = 100;

/// Resource use of a process tree up to one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time, user and system, of every running process and of every descendant that was waited for.
    pub cpu: Duration,
    /// Sum of each running process's peak resident memory, KiB, minus the file pages that they share now.
    pub peak_kib: u64,
    /// Present resident memory, KiB; file pages that several of the processes share count once.
    pub rss_kib: u64,
    pub processes: usize,
    /// Threads of all processes.
    pub threads: u64,
    /// Open file descriptors of all processes, as far as this user may see them.
    pub descriptors: usize,
}

impl Usage {
    /// Use of these processes and all their descendants, now. Processes that end during the count are left out.
    pub fn of(roots: &[u32]) -> Self {
        let stats = all_stats();
        let tree = tree(roots, &stats);
        let common = common_kib(&tree);
        let sum =
            tree.iter().filter_map(|pid| Some((pid, stats.get(pid)?))).fold(Self::default(), |sum, (pid, stat)| {
                let (peak_kib, rss_kib) = memory(*pid);
                Self {
                    cpu: sum.cpu + stat.cpu,
                    peak_kib: sum.peak_kib + peak_kib,
                    rss_kib: sum.rss_kib + rss_kib,
                    processes: sum.processes + 1,
                    threads: sum.threads + stat.threads,
                    descriptors: sum.descriptors + fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count),
                }
            });
        Self { peak_kib: sum.peak_kib.saturating_sub(common), rss_kib: sum.rss_kib.saturating_sub(common), ..sum }
    }

    /// Cores used since `earlier`, `wall` ago: 1.0 is one core all the time.
    pub fn cores_since(&self, earlier: &Self, wall: Duration) -> f64 {
        self.cpu.saturating_sub(earlier.cpu).as_secs_f64() / wall.as_secs_f64()
    }
}

/// CPU time of one process so far, user and system, without its descendants; `None` when it does not exist.
pub fn cpu_alone(pid: u32) -> Option<Duration> {
    Some(parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?.own)
}

/// CPU time so far of the present threads of these processes and their descendants whose name begins with `name` (at
/// most 15 bytes: the kernel keeps no more).
pub fn cpu_of_threads(roots: &[u32], name: &str) -> Duration {
    let stats = all_stats();
    let threads = |pid: &u32| {
        let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
        entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok()).collect::<Vec<_>>()
    };
    let named = |text: &String| text.split_once('(').is_some_and(|(_, rest)| rest.starts_with(name));
    let found = tree(roots, &stats).into_iter().flat_map(|pid| threads(&pid)).filter(named);
    found.filter_map(|text| Some(parse_stat(&text)?.own)).sum()
}

/// These processes and all their descendants.
fn tree(roots: &[u32], stats: &BTreeMap<u32, Stat>) -> BTreeSet<u32> {
    let mut tree: BTreeSet<u32> = roots.iter().copied().filter(|pid| stats.contains_key(pid)).collect();
    loop {
        let before = tree.len();
        let below = stats.iter().filter(|(_, stat)| tree.contains(&stat.parent)).map(|(pid, _)| *pid);
        tree.extend(below.collect::<Vec<_>>());
        if tree.len() == before {
            return tree;
        }
    }
}

#[derive(Debug)]
struct Stat {
    parent: u32,
    /// CPU time of the process or thread itself.
    own: Duration,
    /// The same, with descendants that were waited for.
    cpu: Duration,
    threads: u64,
}

fn all_stats() -> BTreeMap<u32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// Parses `/proc/PID/stat`. The command name may hold any character, so fields are counted from the last `)`.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    // After the name comes field 3; utime, stime, cutime, cstime are 14 to 17, num_threads 20.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let time = |ticks: u64| Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND);
    let own = number(14)? + number(15)?;
    Some(Stat {
        parent: u32::try_from(number(4)?).ok()?,
        own: time(own),
        cpu: time(own + number(16)? + number(17)?),
        threads: number(20)?,
    })
}

/// Peak and present resident memory, KiB.
fn memory(pid: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        rest.trim_start_matches(':').split_whitespace().next()?.parse().ok()
    };
    (line("VmHWM").unwrap_or(0), line("VmRSS").unwrap_or(0))
}

/// File pages that several of these processes share, counted once less, KiB: programs and libraries that several of
/// them run. Of two shares of a file, the larger one is assumed to contain the smaller one.
fn common_kib(pids: &BTreeSet<u32>) -> u64 {
    let mut held = BTreeMap::<String, (u64, u64)>::new();
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap_or_default();
        for (place, kib) in file_pages(&text) {
            let (sum, most) = held.entry(place).or_default();
            *sum += kib;
            *most = kib.max(*most);
        }
    }
    held.values().map(|(sum, most)| sum - most).sum()
}

/// From the text of `/proc/PID/smaps`: offset, device and inode of each file mapping, and its unmodified resident size,
/// KiB. Modified pages belong to the process alone.
fn file_pages(smaps: &str) -> Vec<(String, u64)> {
    let mut found: Vec<(String, u64)> = Vec::new();
    let mut in_file = false;
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["Rss:", kib, "kB"] if in_file => {
                if let Some(last) = found.last_mut() {
                    last.1 = kib.parse().unwrap_or(0);
                }
            }
            ["Anonymous:", kib, "kB"] if in_file => {
                if let Some(last) = found.last_mut() {
                    last.1 = last.1.saturating_sub(kib.parse().unwrap_or(0));
                }
            }
            [range, _, offset, device, inode, ..] if range.contains('-') => {
                in_file = inode != "0";
                if in_file {
                    found.push((format!("{offset} {device} {inode}"), 0));
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::Stdio,
    };

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;
    use crate::process::{Process, quiet};

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 100 50 25 25 20 0 9 0 1 2 3";
        let stat = parse_stat(text).expect("parses");
        assert_eq!((stat.parent, stat.threads), (1, 9));
        assert_eq!((stat.own, stat.cpu), (Duration::from_millis(1500), Duration::from_secs(2)));
    }

    #[test]
    fn a_thread_is_found_by_its_name() {
        let busy = |work: &std::sync::atomic::AtomicBool| while !work.load(std::sync::atomic::Ordering::Relaxed) {};
        let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let ours = std::sync::Arc::clone(&over);
        let thread =
            std::thread::Builder::new().name("busy-7".to_owned()).spawn(move || busy(&ours)).expect("a thread");
        let me = [std::process::id()];
        while cpu_of_threads(&me, "busy") < Duration::from_millis(20) {
            std::thread::yield_now();
        }
        assert_eq!(cpu_of_threads(&me, "idle-nobody"), Duration::ZERO);
        assert!(cpu_alone(me[0]) >= Some(Duration::from_millis(20)));
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        thread.join().expect("ends");
    }

    #[test]
    fn only_unwritten_pages_of_files_are_common() {
        let smaps = "5600-5700 r-xp 00001000 fe:01 42   /bin/x\nSize: 9 kB\nRss:  8 kB\nAnonymous:  3 kB\n\
                     5700-5800 rw-p 00000000 00:00 0    [heap]\nRss:  70 kB\nAnonymous:  70 kB\n";
        assert_eq!(file_pages(smaps), [("00001000 fe:01 42".to_owned(), 5)]);
    }

    #[test]
    fn a_tree_counts_its_children() {
        let mut command = quiet("sh");
        command.args(["-c", "sleep 1000 & echo $!; read forever"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = Process::start("sh", &mut command).expect("sh");
        let mut line = String::new();
        BufReader::new(shell.take_stdout().expect("piped"))
            .read_line(&mut line)
            .expect("the shell says its child's id");
        let usage = Usage::of(&[shell.id()]);
        kill_process(Pid::from_raw(line.trim().parse().expect("a pid")).expect("not 0"), Signal::KILL)
            .expect("our own");
        assert_eq!(usage.processes, 2);
        assert!(usage.rss_kib > 0 && usage.peak_kib >= usage.rss_kib && usage.threads == 2 && usage.descriptors >= 6);
    }
}
