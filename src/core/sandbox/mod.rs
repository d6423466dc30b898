//! Sandboxing (seccomp, Landlock, privilege drop): what a process gives up before it reads strangers' data.
//!
//! A worker calls [`enclose`] before it has a second thread, and [`seal`] when its libraries are loaded. A process that
//! only computes calls [`compute`]. The front calls [`keep_to_itself`]. None of these can be undone. What the kernel
//! lacks is returned as a [`Gap`], and the rest of the sandbox holds: on an old kernel a meeting goes on, and its
//! operator is told. This folder opens nothing and starts nothing. `docs/security.md` says which risks remain.

mod calls;
mod environment;
mod files;
mod limits;
mod list;

use std::path::PathBuf;

pub use environment::{environment, environment_to_prepare};
pub use limits::keep_to_itself;
pub use list::Calls;

/// The files that a process may still open. Every other file is refused with a permission error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Files that may be read, and folders whose whole content may be read.
    pub read: Vec<PathBuf>,
    /// Like `read`, and programs there may also be run as long as system calls allow it: libraries, and the helper that
    /// lists plugins.
    pub load: Vec<PathBuf>,
    /// Devices, and folders of devices, that may be read, written and controlled.
    pub devices: Vec<PathBuf>,
}

/// A part of the sandbox that is missing in this process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// Landlock refused the rules.
    #[error("files are not confined: {0}; Linux 5.13 or later with Landlock (lsm=landlock) confines them")]
    Files(String),
    /// Landlock, for threads that were started before.
    #[error("{0} threads are older than the sandbox and outside of it")]
    Threads(usize),
    /// Seccomp refused the filter.
    #[error("system calls are not confined: {0}; Linux with CONFIG_SECCOMP_FILTER confines them")]
    Calls(String),
    /// Capabilities, new privileges, resource limits, or protection from inspection by other processes.
    #[error("not all privileges are given up: {0}")]
    Privileges(String),
}

/// Gives up privileges and all other files, for the calling thread and the threads and processes it starts. Call it
/// before there are other threads.
pub fn enclose(files: &Files) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = limits::others_than_one().into_iter().collect();
    gaps.extend(limits::give_up_privileges());
    gaps.extend(files::confine(files).err());
    gaps
}

/// Gives up all other system calls, in every present and future thread.
///
/// # Errors
/// When the kernel refuses; then nothing is given up.
pub fn seal(calls: Calls) -> Result<(), Gap> {
    calls::confine(calls).map_err(Gap::Calls)
}

/// Gives up everything but computing. The process has its input and output as open descriptors, may read these files
/// and folders, such as fonts, and has at most `memory` bytes of address space. Call it before the process has a second
/// thread and before it reads its input.
pub fn compute(memory: u64, read: Vec<PathBuf>) -> Vec<Gap> {
    let calls = if read.is_empty() { Calls::Compute } else { Calls::Read };
    let mut gaps = enclose(&Files { read, ..Files::default() });
    gaps.extend(limits::limit_memory(memory).err());
    gaps.extend(seal(calls).err());
    gaps
}

/// The parts of the sandbox that this machine lacks. The test runs on a thread that ends, so it confines nothing else.
pub fn gaps() -> Vec<Gap> {
    let tried = std::thread::spawn(|| {
        let files = files::confine(&Files::default()).err();
        let calls = calls::is_there().map_err(Gap::Calls).err();
        files.into_iter().chain(calls).collect()
    });
    tried.join().unwrap_or_else(|_| vec![Gap::Calls("trying it failed".to_owned())])
}

#[cfg(test)]
mod tests;
