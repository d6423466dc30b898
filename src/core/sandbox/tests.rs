//! Sandbox tests: what a confined process can no longer do.

use super::{calls::Calls, list, *};

#[test]
fn a_stricter_process_has_no_call_that_a_freer_one_lacks() {
    let order = [Calls::Compute, Calls::Read, Calls::Worker, Calls::WorkerWithDevices];
    let all = |calls| -> Vec<i64> {
        let sometimes = list::sometimes(calls, 1).into_iter().map(|(call, _)| call);
        list::always(calls).into_iter().chain(sometimes).collect()
    };
    for pair in order.windows(2) {
        let (strict, free) = (all(pair[0]), all(pair[1]));
        assert!(strict.iter().all(|call| free.contains(call)), "{pair:?}");
        assert!(free.len() > strict.len(), "{pair:?}");
    }
}

#[test]
fn nothing_that_reaches_beyond_the_process_is_on_a_list() {
    let beyond = [
        libc::SYS_socket,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_sendmsg,
        libc::SYS_kill,
        libc::SYS_pidfd_open,
        libc::SYS_execve,
        libc::SYS_ptrace,
        libc::SYS_seccomp,
        libc::SYS_bpf,
        libc::SYS_io_uring_setup,
        libc::SYS_mount,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_unlinkat,
        libc::SYS_renameat2,
    ];
    for calls in [Calls::Compute, Calls::Read, Calls::Worker, Calls::WorkerWithDevices] {
        let allowed: Vec<i64> = list::always(calls);
        let sometimes: Vec<i64> = list::sometimes(calls, 1).into_iter().map(|(call, _)| call).collect();
        for call in beyond {
            assert!(!allowed.contains(&call) && !sometimes.contains(&call), "{calls:?}: {call}");
        }
    }
}

#[test]
fn what_is_told_of_this_machine_binds_nobody() {
    let told = gaps();
    assert!(std::fs::read("/etc/passwd").is_ok(), "{told:?}");
    assert!(std::net::UdpSocket::bind("127.0.0.1:0").is_ok(), "{told:?}");
}

#[test]
fn secrets_stay_out_of_the_environment() {
    let names: Vec<&str> = environment().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| !name.starts_with("TILECAST_") && !name.contains("KEY")), "{names:?}");
    assert!(
        names.contains(&"GST_REGISTRY_UPDATE")
            && !environment_to_prepare().any(|(name, _)| name == "GST_REGISTRY_UPDATE")
    );
}
