//! Privilege drop, resource limits and core dumps (capabilities(7), getrlimit(2), prctl(2)).

use std::{fs, io};

use rustix::{
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit},
    thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs},
};

use super::Gap;

/// Most descriptors of a confined process: each of a worker's pipelines has about ten, and 65 listeners have one each.
/// The limit is also below the largest descriptor of select(2), which old libraries use.
const MAX_DESCRIPTORS: u64 = 1024;

/// Has nobody of the same user look into this process: no debugger, no /proc/PID/environ or /proc/PID/mem, no core
/// file. Only root still can.
///
/// # Errors
/// When the kernel refuses.
pub fn keep_to_itself() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// The number of other threads of this process, as a gap, if there are any.
pub(super) fn others_than_one() -> Option<Gap> {
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    (threads > 1).then(|| Gap::Threads(threads - 1))
}

/// Gives up the privileges of root and of set-uid programs, and everything a process without files does not need.
pub(super) fn give_up_privileges() -> Option<Gap> {
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    let exactly = |limit| Rlimit { current: Some(limit), maximum: Some(limit) };
    let all = || -> io::Result<()> {
        set_no_new_privs(true)?;
        keep_to_itself()?;
        setrlimit(Resource::Core, exactly(0))?;
        let allowed = rustix::process::getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        setrlimit(Resource::Nofile, exactly(allowed.min(MAX_DESCRIPTORS)))?;
        Ok(set_capabilities(None, none)?)
    };
    all().map_err(|error| Gap::Privileges(error.to_string())).err()
}

/// Limits the address space permanently.
pub(super) fn limit_memory(bytes: u64) -> Result<(), Gap> {
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    setrlimit(Resource::As, limit).map_err(|error| Gap::Privileges(format!("the memory limit: {error}")))
}
