//! Sandbox: what a worker that was taken over can reach, which is nothing.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            net::{SocketAddr, UnixListener},
            process::ExitStatusExt,
        },
    },
    process::{Child, Command, Stdio},
};

use rustix::process::Signal;
use tilecast::{
    layout::Transition,
    link::{Control, Report},
};

use super::{
    front::{Front, scene, settings},
    intruder::{self, Act, Plan},
};

/// What an intruder looks for, here.
struct House {
    plan: Plan,
    _state: tempfile::TempDir,
    _listeners: (TcpListener, UnixListener, UnixListener),
    front: Child,
}

impl House {
    fn build(confined: bool, act: Act) -> Self {
        let state = tempfile::tempdir().expect("a folder");
        for name in ["secret", "old"] {
            fs::write(state.path().join(name), "key").expect("a file");
        }
        let api = TcpListener::bind("127.0.0.1:0").expect("a port");
        let socket = UnixListener::bind(state.path().join("socket")).expect("a socket");
        let name = format!("tilecast-{}-{act:?}-{confined}", std::process::id());
        let named = SocketAddr::from_abstract_name(&name).and_then(|name| UnixListener::bind_addr(&name));
        let front = Command::new("sleep").arg("1000").env("TILECAST_API_KEYS", "key").spawn().expect("sleep");
        let plan = Plan {
            confined,
            act,
            state: state.path().to_owned(),
            port: api.local_addr().expect("bound").port(),
            name,
            front: front.id() as i32,
        };
        Self { plan, _state: state, _listeners: (api, socket, named.expect("a name")), front }
    }

    /// Lets the intruder in.
    fn enter(&self) -> Front {
        let mut command = intruder::command(&self.plan);
        command.stdout(Stdio::piped());
        let mut front = Front::start_command(command, settings(64, 64, 30));
        front.until(|front| front.reports.iter().any(|report| matches!(report, Report::Ready { .. })).then_some(()));
        front.control(Control::Participants(Vec::new()));
        let absurd = scene(&[(0, (0, 0, 100_000, 100_000))]);
        front.control(Control::Scene { scene: absurd, transition: Transition::CUT, at: None });
        front
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.front.kill();
        let _ = self.front.wait();
    }
}

/// What was tried, and the error it came to, if any.
fn tried(front: &mut Front) -> Vec<(String, Option<i32>)> {
    let mut output = BufReader::new(front.process().stdout.take().expect("piped"));
    let mut tried = Vec::new();
    for line in output.by_ref().lines().map(|line| line.expect("text")) {
        let Some(rest) = line.strip_prefix("tried: ") else {
            assert!(!line.contains("confined"), "{line}");
            continue;
        };
        match rest.split_once(": ") {
            Some((what, "done")) => tried.push((what.to_owned(), None)),
            Some((what, error)) => {
                let number = error.trim_start_matches("Some(").trim_end_matches(')');
                tried.push((what.to_owned(), Some(number.parse().expect("a number"))));
            }
            None => {
                // It goes on printing, and somebody has to read that.
                std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
                return tried;
            }
        }
    }
    panic!("the worker ended; it tried {tried:?}");
}

#[test]
fn whoever_takes_a_worker_over_finds_nothing_to_read_and_nobody_to_talk_to() {
    let mut house = House::build(true, Act::Reach);
    let mut front = house.enter();
    let tried = tried(&mut front);
    assert!(tried.len() > 20, "{tried:?}");
    let done: Vec<_> = tried.iter().filter(|(_, error)| !matches!(error, Some(libc::EPERM | libc::EACCES))).collect();
    assert!(done.is_empty(), "{done:?}");
    assert!(house.front.try_wait().expect("a child").is_none(), "the front lives");
    // The room does not notice.
    let before = front.packets.len();
    front.until(|front| (front.packets.len() > before + 30).then_some(()));
    front.stop().1.expect("an orderly end");
}

#[test]
fn without_the_sandbox_all_of_that_is_there() {
    let house = House::build(false, Act::Reach);
    let mut front = house.enter();
    let refused: Vec<_> = tried(&mut front).into_iter().filter(|(_, error)| error.is_some()).collect();
    // Those that only root may do, as which tests need not run.
    let rights = ["have a namespace", "limit the front", "raise its own limit"];
    assert!(refused.iter().all(|(what, _)| rights.contains(&what.as_str())), "{refused:?}");
}

#[test]
fn what_no_worker_does_ends_it() {
    for act in [Act::Execute, Act::Trace, Act::Peek] {
        let house = House::build(true, act);
        let mut front = house.enter();
        let status = front.process().wait().expect("a child");
        assert_eq!(status.signal(), Some(Signal::SYS.as_raw()), "{act:?}: {status}");
    }
}

#[test]
fn every_thread_of_a_worker_is_confined() {
    let mut front = Front::start(settings(640, 360, 30));
    front.cut(&[]);
    front.until(|front| (front.packets.len() > 30).then_some(()));
    let own = format!("/proc/{}", front.process().id());
    let threads: Vec<_> = fs::read_dir(format!("{own}/task")).expect("it runs").flatten().collect();
    assert!(threads.len() > 5, "{threads:?}");
    for thread in threads {
        // A thread may end while it is looked at.
        let Ok(status) = fs::read_to_string(thread.path().join("status")) else { continue };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field of proc(5)");
            line.trim().to_owned()
        };
        assert_eq!(field("NoNewPrivs:"), "1", "{status}");
        assert_eq!(field("Seccomp:"), "2", "{status}");
        assert_eq!(u64::from_str_radix(&field("CapEff:"), 16), Ok(0), "{status}");
        assert_eq!(u64::from_str_radix(&field("CapPrm:"), 16), Ok(0), "{status}");
    }
    let limits = fs::read_to_string(format!("{own}/limits")).expect("it runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("proc(5)");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    front.stop().1.expect("an orderly end");
}
