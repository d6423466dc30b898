//! What a process gives up before it meets what strangers made (sandboxing): files by Landlock, system calls by seccomp, and privileges.
//!
//! A worker calls [`enclose`] before it has a second thread and [`seal`] when its libraries are loaded; a process that only
//! computes calls [`compute`]; the front calls [`keep_to_itself`]. None of it can be taken back. What this kernel lacks is told as
//! a [`Gap`], and the rest holds: a meeting goes on on an old kernel, and its operator is told. Opens nothing, starts nothing.
//! `docs/security.md` says what is left.

mod calls;
mod environment;
mod files;
mod limits;
mod list;

use std::path::PathBuf;

pub use environment::{environment, environment_to_prepare};
pub use limits::keep_to_itself;
pub use list::Calls;

/// The files that a process may still open. Everything else is as if its permissions forbade it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Files, and folders with all that is in them, that may be read.
    pub read: Vec<PathBuf>,
    /// The same, whose programs may also be run, as long as system calls allow it: libraries and the helper that lists plugins.
    pub load: Vec<PathBuf>,
    /// Devices, and folders of devices, that may be read, written and controlled.
    pub devices: Vec<PathBuf>,
}

/// A part of the sandbox that does not hold in this process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// Landlock.
    #[error("files are not confined: {0}; Linux 5.13 or later with Landlock (lsm=landlock) confines them")]
    Files(String),
    /// Landlock, for threads that were there before.
    #[error("{0} threads are older than the sandbox and outside of it")]
    Threads(usize),
    /// Seccomp.
    #[error("system calls are not confined: {0}; Linux with CONFIG_SECCOMP_FILTER confines them")]
    Calls(String),
    /// Capabilities, new privileges, limits, or who may look into the process.
    #[error("not all privileges are given up: {0}")]
    Privileges(String),
}

/// Gives up privileges and all files but these, for the calling thread and whatever it starts: to be called before there are other
/// threads.
pub fn enclose(files: &Files) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = limits::others_than_one().into_iter().collect();
    gaps.extend(limits::give_up_privileges());
    gaps.extend(files::confine(files).err());
    gaps
}

/// Gives up all system calls but these, in every thread there is and will be.
///
/// # Errors
/// When the kernel does not do that; then nothing is given up.
pub fn seal(calls: Calls) -> Result<(), Gap> {
    calls::confine(calls).map_err(Gap::Calls)
}

/// Gives up everything but computing: a process that has its input and a place for its output (descriptors that are open), reads
/// at most these files and folders besides, such as fonts, and works in at most `memory` bytes of address space. To be called before
/// it has a second thread and before it reads its input.
pub fn compute(memory: u64, read: Vec<PathBuf>) -> Vec<Gap> {
    let calls = if read.is_empty() { Calls::Compute } else { Calls::Read };
    let mut gaps = enclose(&Files { read, ..Files::default() });
    gaps.extend(limits::limit_memory(memory).err());
    gaps.extend(seal(calls).err());
    gaps
}

/// What this machine cannot confine. It is tried on a thread that ends, so it binds nobody.
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
