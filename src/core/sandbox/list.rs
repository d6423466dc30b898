//! System call lists of a worker and of a process that only computes. Both were found by tracing real meetings: every
//! codec, encoder and sound, letters of every script, snapshots, listeners. `tests/live/worker` fails when a call is
//! missing here.

/// What a process goes on doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Memory, threads, time, reading and writing what is open.
    Compute,
    /// The same, and reading files that it may open.
    Read,
    /// The same, and its link, and pairs of sockets of its own.
    Worker,
    /// The same, and controlling the devices that it may open: an encoder in hardware.
    WorkerWithDevices,
}

/// One way in which a call is allowed: every one of these holds for its arguments.
pub(super) type Way = Vec<Holds>;

/// What has to hold for the argument of this number, from 0.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holds {
    /// Its lower 32 bits are this: an `int`.
    Is(u8, u32),
    /// Of its lower 32 bits those of the mask are these.
    Bits(u8, u32, u32),
    /// It is a null pointer.
    Null(u8),
}

/// Calls that answer ENOSYS. The C library or Rust then makes other calls, whose arguments a filter can judge; those of
/// these calls it cannot.
pub(super) const ABSENT: [i64; 3] = [libc::SYS_clone3, libc::SYS_openat2, libc::SYS_futex_waitv];

/// Calls that succeed without doing anything. GLib sets each of its threads to the scheduling that all of them inherit
/// anyway, and complains if it cannot; by the same call a process of the same user could be put to sleep.
pub(super) const IDLE: [i64; 1] = [libc::SYS_sched_setattr];

/// Calls that end the process: no worker has a reason to make them after its libraries are loaded.
pub(super) const HOSTILE: [i64; 5] =
    [libc::SYS_execve, libc::SYS_execveat, libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev];

/// Memory, threads, the process's own signals, time, and open descriptors.
const COMPUTE: [i64; 49] = [
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_getpriority,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_pselect6,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getattr,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_times,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Reading files, as far as Landlock allows.
const READ: [i64; 11] = [
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fstatfs,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_newfstatat,
    libc::SYS_readlinkat,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_umask,
];

/// The link to the front, and communication within the process.
const WORKER: [i64; 8] = [
    libc::SYS_eventfd2,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getuid,
    libc::SYS_pipe2,
    libc::SYS_recvfrom,
    libc::SYS_shutdown,
];

/// The older versions of calls that x86-64 has in two versions.
#[cfg(target_arch = "x86_64")]
const OLD_READ: [i64; 4] = [libc::SYS_access, libc::SYS_lstat, libc::SYS_readlink, libc::SYS_stat];
#[cfg(not(target_arch = "x86_64"))]
const OLD_READ: [i64; 0] = [];
#[cfg(target_arch = "x86_64")]
const OLD_WORKER: [i64; 5] = [libc::SYS_dup2, libc::SYS_pipe, libc::SYS_poll, libc::SYS_select, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const OLD_WORKER: [i64; 0] = [];

/// Additional calls of encoder drivers. Landlock limits the devices.
const DEVICES: [i64; 7] = [
    libc::SYS_ftruncate,
    libc::SYS_ioctl,
    libc::SYS_memfd_create,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_openat,
    libc::SYS_sched_setaffinity,
];

/// Calls that are allowed with any arguments.
pub(super) fn always(calls: Calls) -> Vec<i64> {
    let read = [&COMPUTE[..], &READ, &OLD_READ].concat();
    match calls {
        Calls::Compute => COMPUTE.to_vec(),
        Calls::Read => read,
        Calls::Worker => [&read[..], &WORKER, &OLD_WORKER].concat(),
        Calls::WorkerWithDevices => [&read[..], &WORKER, &OLD_WORKER, &DEVICES].concat(),
    }
}

/// Flags of clone(2) that create namespaces.
const NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// Flags of open(2) that create or change a file.
const CHANGES: i32 = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC;

/// The bits that hold a socket's type; the upper bits are flags.
const KIND: u32 = 0xf;

/// PR_GET_AUXV of prctl(2): Rust reads the processor's features with it.
const GET_AUXV: i32 = 0x4155_5856;

/// Commands of fcntl(2) on the process's own descriptors; setting the receiver of signals is not among them.
const DESCRIPTORS: [i32; 6] =
    [libc::F_DUPFD, libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_SETFL];

/// Requests of ioctl(2) that the C library and GLib make for any descriptor.
const REQUESTS: [u64; 4] = [libc::FIONBIO, libc::FIONREAD, libc::FIOCLEX, libc::TCGETS];

/// Calls that are allowed with some arguments only; `own` is this process's id.
pub(super) fn sometimes(calls: Calls, own: i32) -> Vec<(i64, Vec<Way>)> {
    use Holds::{Bits, Is, Null};
    let flag = |value: i32| value as u32;
    let one_of = |argument, values: &[i32]| values.iter().map(|value| vec![Is(argument, flag(*value))]).collect();
    let thread = flag(libc::CLONE_THREAD);
    let own = flag(own);
    let mut list: Vec<(i64, Vec<Way>)> = vec![
        // A new thread of this process.
        (libc::SYS_clone, vec![vec![Bits(0, thread | flag(NAMESPACES), thread)]]),
        (libc::SYS_fcntl, one_of(1, &DESCRIPTORS)),
        (libc::SYS_prctl, one_of(0, &[libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA, GET_AUXV])),
        // Reading its own limits, not setting them.
        (libc::SYS_prlimit64, vec![vec![Is(0, 0), Null(2)], vec![Is(0, own), Null(2)]]),
        // abort(3) signals the process itself.
        (libc::SYS_tgkill, vec![vec![Is(0, own)]]),
    ];
    if calls != Calls::Compute {
        list.push((libc::SYS_openat, vec![vec![Bits(2, flag(CHANGES), flag(libc::O_RDONLY))]]));
        #[cfg(target_arch = "x86_64")]
        list.push((libc::SYS_open, vec![vec![Bits(1, flag(CHANGES), flag(libc::O_RDONLY))]]));
    }
    if matches!(calls, Calls::Worker | Calls::WorkerWithDevices) {
        list.extend([
            (libc::SYS_ioctl, REQUESTS.map(|request| vec![Is(1, request as u32)]).to_vec()),
            // Sending to the connected peer; no address.
            (libc::SYS_sendto, vec![vec![Null(4)]]),
            // A decoder's thread lowers its priority.
            (libc::SYS_setpriority, vec![vec![Is(0, libc::PRIO_PROCESS), Is(1, 0)]]),
            (libc::SYS_socketpair, vec![vec![Is(0, flag(libc::AF_UNIX)), Bits(1, KIND, flag(libc::SOCK_STREAM))]]),
        ]);
    }
    list
}
