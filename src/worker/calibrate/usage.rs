//! CPU accounting of this process's threads (proc(5), schedstat).

use std::{collections::HashMap, fs, io, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// Name prefix of the threads that act as the front: their time is not the worker's.
pub const READER: &str = "as-front-in";
pub const FEEDER: &str = "as-front-out";
/// Name of the thread that is a worker's main one, which reads its link.
pub const ROOM: &str = "as-room";

/// CPU use of a room, thousandths of a core.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// The decoders' threads together.
    pub decode: f64,
    pub stage: f64,
    /// The link's reader and the sound.
    pub taking_in: f64,
    /// Everything else, mainly the encoders.
    pub rest: f64,
}

/// CPU time of the whole process so far.
pub fn of_process() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// CPU time of each thread by name, and of the whole process, at one moment, ns.
#[derive(Debug)]
pub struct Account {
    threads: HashMap<String, (String, u64)>,
    whole: Duration,
}

impl Account {
    pub fn take() -> io::Result<Self> {
        let mut threads = HashMap::new();
        for task in fs::read_dir("/proc/self/task")? {
            let task = task?;
            // A thread may end during the look.
            let Ok(name) = fs::read_to_string(task.path().join("comm")) else { continue };
            let stat = fs::read_to_string(task.path().join("schedstat"))?;
            let ns = stat.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
            threads.insert(task.file_name().to_string_lossy().into_owned(), (name.trim().to_owned(), ns));
        }
        Ok(Self { threads, whole: of_process() })
    }

    /// CPU use since an earlier account, `wall` ago.
    pub fn since(&self, earlier: &Self, wall: Duration) -> Usage {
        let millicores = |ns: f64| ns / wall.as_nanos().max(1) as f64 * 1000.0;
        let mut usage = Usage::default();
        let mut known = 0.0;
        for (task, (name, ns)) in &self.threads {
            let before = earlier.threads.get(task).map_or(0, |(_, ns)| *ns);
            let used = millicores(ns.saturating_sub(before) as f64);
            let part = match name.as_str() {
                READER | FEEDER => None,
                "stage" => Some(&mut usage.stage),
                ROOM | "sound" => Some(&mut usage.taking_in),
                name if name.starts_with("decode-") => Some(&mut usage.decode),
                _ => continue,
            };
            known += used;
            if let Some(part) = part {
                *part += used;
            }
        }
        usage.rest = (millicores(self.whole.saturating_sub(earlier.whole).as_nanos() as f64) - known).max(0.0);
        usage
    }
}
