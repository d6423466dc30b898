//! Joining of ended threads: threads that were told to end are joined when they have ended, and abandoned where they
//! hang.

use std::{
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Time after which a thread that was told to end counts as hung: a decoder finishes one picture, which takes long only
/// on an overloaded machine.
const OVERDUE: Duration = Duration::from_secs(10);

/// How often it is checked whether a thread has ended: shorter than a frame, and there is nothing else to do then.
const LOOK: Duration = Duration::from_millis(2);

/// A thread that was told to end.
#[derive(Debug)]
struct Leaver {
    name: String,
    thread: JoinHandle<()>,
    since: Instant,
    hung: bool,
}

#[derive(Debug, Default)]
pub struct Leavers {
    threads: Vec<Leaver>,
}

impl Leavers {
    /// Takes a thread that was told to end; `hung` is true where it is known not to end.
    pub fn add(&mut self, name: String, thread: JoinHandle<()>, hung: bool) {
        self.threads.push(Leaver { name, thread, since: Instant::now(), hung });
    }

    /// Joins the threads that have ended. Returns how many hang.
    pub fn sweep(&mut self) -> usize {
        let (ended, left) =
            std::mem::take(&mut self.threads).into_iter().partition(|leaver| leaver.thread.is_finished());
        self.threads = left;
        let ended: Vec<Leaver> = ended;
        for Leaver { name, thread, .. } in ended {
            joined(&name, thread);
        }
        self.threads.iter().filter(|leaver| leaver.hung || leaver.since.elapsed() >= OVERDUE).count()
    }

    /// Waits for all of them until the deadline. A thread that hangs is left to the end of the process.
    pub fn wait(mut self, deadline: Instant) {
        loop {
            self.sweep();
            if self.threads.is_empty() {
                return;
            }
            if Instant::now() >= deadline {
                break;
            }
            std::thread::sleep(LOOK);
        }
        let names: Vec<&str> = self.threads.iter().map(|leaver| leaver.name.as_str()).collect();
        tracing::warn!(threads = names.join(" "), "some threads of the worker do not end and are left alone");
    }
}

/// Joins a thread that ends before the deadline. `None` when it does not, and is abandoned.
pub fn join_by<T>(name: &str, thread: JoinHandle<T>, deadline: Instant) -> Option<std::thread::Result<T>> {
    while !thread.is_finished() {
        if Instant::now() >= deadline {
            tracing::warn!(thread = name, "a thread of the worker does not end and is left alone");
            return None;
        }
        std::thread::sleep(LOOK);
    }
    Some(thread.join())
}

fn joined(name: &str, thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!(thread = name, "a thread panicked");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn who_hangs_is_left_alone_and_who_comes_to_is_joined() {
        let (go, wait) = channel::<()>();
        let thread = std::thread::spawn(move || _ = wait.recv());
        let mut leavers = Leavers::default();
        leavers.add("well".to_owned(), std::thread::spawn(|| ()), false);
        leavers.add("hung".to_owned(), thread, true);
        while leavers.threads.len() > 1 {
            leavers.sweep();
        }
        assert_eq!(leavers.sweep(), 1);
        drop(go);
        while leavers.sweep() > 0 {}
        leavers.wait(Instant::now());
        let (_go, wait) = channel::<()>();
        let hung = std::thread::spawn(move || wait.recv());
        assert!(join_by("hung", hung, Instant::now()).is_none());
    }
}
