//! An attacker who has taken over a worker: test code that runs in the room's thread of a real worker, in a process of
//! its own, after confinement. It is triggered through the log: it waits for a certain line of the worker.

use std::{
    env, fs, io,
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::PermissionsExt,
            net::{SocketAddr, UnixDatagram, UnixStream},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit, setpriority_process, setrlimit};
use tilecast::worker;
use tracing::{Event, Subscriber};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt};

/// Variable that tells it what to try.
pub const PLAN: &str = "INTRUDER";

/// What it is told.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The worker gives up what workers give up.
    pub confined: bool,
    pub act: Act,
    /// A folder with a file `secret` and a listening socket `socket`.
    pub state: PathBuf,
    /// Where something listens on loopback, by TCP.
    pub port: u16,
    /// What listens under an abstract name.
    pub name: String,
    /// A process of the same user.
    pub front: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Act {
    /// Everything that may be refused, one after the other.
    Reach,
    /// What ends the worker.
    Execute,
    Trace,
    Peek,
}

/// The command that runs a worker with the intruder in it.
pub fn command(plan: &Plan) -> Command {
    let mut command = Command::new(env::current_exe().expect("a path"));
    command.args(["--exact", "worker::intruder::within", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(PLAN, serde_json::to_string(plan).expect("texts"));
    command
}

#[test]
#[ignore = "run by other tests, as a worker's process"]
fn within() {
    let Ok(plan) = env::var(PLAN) else { return };
    let plan: Plan = serde_json::from_str(&plan).expect("a plan");
    let confined = plan.confined;
    let intruder = Intruder { plan, done: AtomicBool::new(false) };
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(intruder)).expect("the first");
    let link = UnixStream::from(std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned().expect("open"));
    let run = if confined { worker::run_confined } else { worker::run };
    run(link).expect("an orderly end");
}

struct Intruder {
    plan: Plan,
    done: AtomicBool,
}

struct Says(bool);

impl tracing::field::Visit for Says {
    fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0 |= format!("{value:?}").contains("the scene is refused");
    }
}

impl<S: Subscriber> Layer<S> for Intruder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut says = Says(false);
        event.record(&mut says);
        if says.0 && !self.done.swap(true, Ordering::SeqCst) {
            act(&self.plan);
        } else if !says.0 {
            // Such as what this machine cannot confine.
            let mut line = Line(String::new());
            event.record(&mut line);
            println!("\nlog: {}", line.0);
        }
    }
}

struct Line(String);

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{value:?} ");
    }
}

fn act(plan: &Plan) {
    match plan.act {
        Act::Reach => {
            for (what, outcome) in reach(plan) {
                match outcome {
                    Ok(()) => println!("\ntried: {what}: done"),
                    Err(error) => println!("\ntried: {what}: {:?}", error.raw_os_error()),
                }
            }
            println!("\ntried: all");
        }
        Act::Execute => println!("{}", Command::new("/bin/true").exec()),
        Act::Trace => {
            // SAFETY: attaching changes nothing here; the pointers are not used by this request.
            let result = unsafe { libc::ptrace(libc::PTRACE_ATTACH, plan.front, 0, 0) };
            println!("{result}");
        }
        Act::Peek => {
            let mut byte = 0_u8;
            let here = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
            // SAFETY: `here` names one byte of ours, and the other process's memory is only read.
            let result = unsafe { libc::process_vm_readv(plan.front, &here, 1, &here, 1, 0) };
            println!("{result}");
        }
    }
}

/// Everything that it tries, and what came of it.
fn reach(plan: &Plan) -> Vec<(&'static str, io::Result<()>)> {
    let front = Pid::from_raw(plan.front).expect("a process");
    let proc = PathBuf::from(format!("/proc/{}", plan.front));
    let more = Rlimit { current: Some(1 << 40), maximum: None };
    let name = SocketAddr::from_abstract_name(&plan.name).expect("short");
    let at = |name: &str| plan.state.join(name);
    vec![
        ("read the state", fs::read(at("secret")).map(drop)),
        ("list the state", list(&plan.state)),
        ("read the users", fs::read("/etc/passwd").map(drop)),
        ("list everything", list(Path::new("/"))),
        ("read the front's environment", fs::read(proc.join("environ")).map(drop)),
        ("open the front's memory", fs::File::open(proc.join("mem")).map(drop)),
        ("list the front's descriptors", list(&proc.join("fd"))),
        ("write a file", fs::write(at("new"), "x")),
        ("change a file", fs::OpenOptions::new().append(true).open(at("secret")).map(drop)),
        ("change who may read", fs::set_permissions(at("secret"), fs::Permissions::from_mode(0o644))),
        ("make a folder", fs::create_dir(at("folder"))),
        ("rename", fs::rename(at("old"), at("older"))),
        ("remove", fs::remove_file(at("older"))),
        ("write a device", fs::OpenOptions::new().write(true).open("/dev/null").map(drop)),
        ("connect to the API", TcpStream::connect(("127.0.0.1", plan.port)).map(drop)),
        ("listen", TcpListener::bind("127.0.0.1:0").map(drop)),
        ("have a UDP socket", UdpSocket::bind("127.0.0.1:0").map(drop)),
        ("connect to a socket in a folder", UnixStream::connect(at("socket")).map(drop)),
        ("connect to a socket by name", UnixStream::connect_addr(&name).map(drop)),
        ("have a socket of datagrams", UnixDatagram::unbound().map(drop)),
        ("start a program", Command::new("/bin/true").status().map(drop)),
        ("have a copy of itself", fork()),
        ("have a namespace", namespace()),
        ("slow the front", setpriority_process(Some(front), 9).map_err(Into::into)),
        ("limit the front", prlimit(Some(front), Resource::Nofile, more).map(drop).map_err(Into::into)),
        ("raise its own limit", setrlimit(Resource::As, more).map_err(Into::into)),
        ("end the front", kill_process(front, Signal::KILL).map_err(Into::into)),
    ]
}

fn list(folder: &Path) -> io::Result<()> {
    fs::read_dir(folder)?.next().transpose().map(drop)
}

fn fork() -> io::Result<()> {
    // SAFETY: the child, which has this thread alone, ends at once by a call that touches nothing.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: it does not return, and runs nothing on the way.
        unsafe { libc::_exit(0) };
    }
    outcome(pid)
}

fn namespace() -> io::Result<()> {
    // SAFETY: files and memory stay as they are; a thread of a process with several is refused this by the kernel.
    outcome(unsafe { libc::unshare(libc::CLONE_NEWUTS) })
}

fn outcome(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
