//! System call filters (seccomp(2)).
//!
//! A call that is not listed fails with EPERM: a library that tries an unnecessary call goes on without it, and a false
//! alarm does not end a worker. Only two kinds of calls end the process with SIGSYS: calls that no worker has a reason
//! to make, and calls that hand the process over to another program or its memory to somebody else. The front reports a
//! SIGSYS as what it is.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter, apply_filter_all_threads,
};

use super::list::{self, Calls, Holds, Way};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Confines every thread of this process.
pub(super) fn confine(calls: Calls) -> Result<(), String> {
    let always = |list: &[i64]| -> Rules { list.iter().map(|call| (*call, Vec::new())).collect() };
    let mut allowed = Rules::new();
    for (call, ways) in list::sometimes(calls, rustix::process::getpid().as_raw_pid()) {
        allowed.insert(call, ways.iter().map(rule).collect::<Result<_, _>>()?);
    }
    // This comes last, so that a call that is always allowed has no conditions.
    allowed.extend(always(&list::always(calls)));
    // Of several filters the strictest answer counts, and an error is stricter than permission to continue. So these
    // calls are allowed below as well.
    let absent = program(always(&list::ABSENT), SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?;
    let idle = program(always(&list::IDLE), SeccompAction::Allow, SeccompAction::Errno(0))?;
    let hostile = program(always(&list::HOSTILE), SeccompAction::Allow, SeccompAction::KillProcess)?;
    allowed.extend(always(&list::ABSENT));
    allowed.extend(always(&list::IDLE));
    let allowed = program(allowed, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?;
    // The list of allowed calls comes last, since it does not allow another filter.
    for program in [absent, idle, hostile, allowed] {
        apply_filter_all_threads(&program).map_err(told)?;
    }
    Ok(())
}

/// True if this kernel and processor have filters. The test runs on the calling thread, which goes on as before.
pub(super) fn is_there() -> Result<(), String> {
    let nothing = program(Rules::new(), SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32))?;
    apply_filter(&nothing).map_err(told)
}

fn program(rules: Rules, otherwise: SeccompAction, listed: SeccompAction) -> Result<BpfProgram, String> {
    let here = TargetArch::try_from(std::env::consts::ARCH).map_err(told)?;
    let filter = SeccompFilter::new(rules, otherwise, listed, here).map_err(told)?;
    filter.try_into().map_err(told)
}

fn rule(way: &Way) -> Result<SeccompRule, String> {
    let condition = |holds: &Holds| match *holds {
        Holds::Is(argument, value) => {
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value.into())
        }
        Holds::Bits(argument, mask, value) => {
            let masked = SeccompCmpOp::MaskedEq(mask.into());
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, masked, value.into())
        }
        Holds::Null(argument) => SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0),
    };
    let conditions = way.iter().map(condition).collect::<Result<_, _>>().map_err(told)?;
    SeccompRule::new(conditions).map_err(told)
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
