//! Resource limits and sandbox of a drawing process, set before it reads a byte of its job.

use anyhow::Context;
use rustix::{
    param::page_size,
    process::{Resource, Rlimit, getpriority_process, getrlimit, setpriority_process, setrlimit},
};

use super::Task;
use crate::{
    draw::{
        self,
        limits::{CPU_SECONDS, MEMORY},
    },
    sandbox::{self, Calls, Files},
};

/// Address space for fonts, bytes: they are mapped, not read, and a set for every script has some hundred MB.
const FONTS: u64 = 1 << 30;
/// CPU time of jobs that no stranger's file can prolong (writing a picture, drawing a checked layout), s: a slow
/// machine must not refuse a large one.
const OWN_SECONDS: u64 = 10;
/// Most open files: the three standard ones, and fonts one after the other.
const FILES: u64 = 32;
/// How much lower its priority is than the front's, as for a worker: it must still be scheduled in time on a full
/// machine.
const NICE: i32 = 1;
/// OOM score: the kernel ends this process first when memory runs out.
const OOM_SCORE: &str = "1000";

/// Gives up everything that a drawing process does not need, permanently.
///
/// # Errors
/// When a limit cannot be set: then nothing may be read.
pub fn apply(task: Task) -> anyhow::Result<()> {
    // Both only protect other processes.
    let _ = setpriority_process(None, (getpriority_process(None).unwrap_or(0) + NICE).min(19));
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);

    let [mapped, written] = in_use().context("/proc/self/statm does not read")?;
    let fonts = if task == Task::Preview { FONTS } else { 0 };
    limit(Resource::As, mapped + MEMORY + fonts)?;
    limit(Resource::Data, written + MEMORY)?;
    let seconds = if task == Task::Upload { CPU_SECONDS } else { OWN_SECONDS };
    // At the first limit the kernel's signal names the reason (SIGXCPU); at the second it only kills.
    set(Resource::Cpu, seconds, seconds + 1)?;
    limit(Resource::Nofile, FILES)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Core, 0)?;
    confine(task);
    Ok(())
}

/// Gives up system calls and files, except fonts where text is drawn. The front has reported missing kernel features at
/// its start; the limits hold in any case.
fn confine(task: Task) {
    let (read, calls) = match task {
        Task::Upload | Task::Pack => (Vec::new(), Calls::Compute),
        Task::Preview => (draw::font_folders(), Calls::Read),
    };
    sandbox::enclose(&Files { read, ..Files::default() });
    let _ = sandbox::seal(calls);
}

fn limit(resource: Resource, most: u64) -> anyhow::Result<()> {
    set(resource, most, most)
}

/// Sets a limit, or keeps a lower one that an operator has set.
fn set(resource: Resource, soft: u64, hard: u64) -> anyhow::Result<()> {
    let given = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit { current: Some(soft.min(given)), maximum: Some(hard.min(given)) };
    setrlimit(resource, limit).with_context(|| format!("{resource:?} cannot be limited"))
}

/// Present address space of this process, mostly libraries, and the writable part of it, bytes.
fn in_use() -> Option<[u64; 2]> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: Vec<u64> = statm.split_whitespace().map_while(|field| field.parse().ok()).collect();
    let bytes = |field: usize| Some(pages.get(field)? * page_size() as u64);
    Some([bytes(0)?, bytes(5)?])
}
