//! Link writer: a bounded queue to the front, and the one thread that writes it to the link.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::leavers;
use tilecast_core::link::{FromWorker, Report, frame::Frame};

/// Most bytes that wait for the front: 4 s of the fastest program (4K at 30 Mbit/s). A front that is so far behind is
/// gone.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// Most messages waiting: 20 s of program packets and reports, which bounds a queue of small ones.
const MAX_WAITING: usize = 4096;

/// Longest time for one write. A live front reads within milliseconds, and takes about this long to replace this
/// worker.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest text of a report, bytes. The front keeps no more of it, and refuses a much longer report.
const MAX_TEXT: usize = 500;

/// Longest time for writing the queue at the end: a front that reads has it within milliseconds.
const END: Duration = Duration::from_millis(400);

/// Sends messages to the front from any thread, without waiting. Clones share the queue.
#[derive(Debug, Clone)]
pub struct Out {
    queue: Arc<Queue>,
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// Shut down to wake the thread that reads the link when the front is gone.
    link: UnixStream,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Frame>,
    bytes: usize,
    ended: bool,
    dead: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every update leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn die(&self, state: &mut State) {
        state.dead = true;
        state.frames.clear();
        state.bytes = 0;
        // The front may have closed it already; then the reader knows.
        let _ = self.link.shutdown(Shutdown::Both);
        self.wake.notify_one();
    }
}

impl Out {
    /// Queues one message. If the front does not read until the queue is full, it counts as gone: the link is shut
    /// down, which ends the worker.
    pub fn send(&self, message: &FromWorker) {
        let frame = message.encode();
        let mut state = self.queue.lock();
        if state.dead || state.ended {
            return;
        }
        if state.bytes + frame.len() > MAX_WAITING_BYTES || state.frames.len() >= MAX_WAITING {
            tracing::error!(waiting = state.frames.len(), bytes = state.bytes, "the front does not read the link");
            self.queue.die(&mut state);
            return;
        }
        state.bytes += frame.len();
        state.frames.push_back(frame);
        drop(state);
        self.queue.wake.notify_one();
    }

    /// Queues a report; a long text is cut.
    pub fn report(&self, mut report: Report) {
        if let Report::Fault { text, .. } | Report::Eased { text, .. } = &mut report {
            text.truncate(text.floor_char_boundary(MAX_TEXT));
        }
        self.send(&FromWorker::Report(report));
    }

    /// Ends the worker: the thread that reads the link sees its end. Queued messages are still written.
    pub fn end_link(&self) {
        // It fails when the front has closed it already.
        let _ = self.queue.link.shutdown(Shutdown::Read);
    }
}

/// Owns the writing thread.
#[derive(Debug)]
pub struct Writer {
    queue: Arc<Queue>,
    thread: JoinHandle<()>,
}

impl Writer {
    pub fn start(link: &UnixStream) -> io::Result<(Out, Self)> {
        let mut socket = link.try_clone()?;
        socket.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let queue = Arc::new(Queue { state: Mutex::default(), wake: Condvar::new(), link: link.try_clone()? });
        let shared = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("link-out".to_owned()).spawn(move || {
            if let Err(error) = write_all(&shared, &mut socket) {
                // A closed front is the usual end of a room, and needs no alarm.
                if error.kind() == io::ErrorKind::BrokenPipe {
                    tracing::debug!(%error, "the link cannot be written");
                } else {
                    tracing::warn!(%error, "the link cannot be written");
                }
                shared.die(&mut shared.lock());
            }
        })?;
        Ok((Out { queue: Arc::clone(&queue) }, Self { queue, thread }))
    }

    /// Writes the queue, as far as the front takes it in time, then ends. Later messages are dropped.
    pub fn finish(self) {
        self.queue.lock().ended = true;
        self.queue.wake.notify_one();
        if leavers::join_by("link-out", self.thread, Instant::now() + END).is_some_and(|joined| joined.is_err()) {
            tracing::error!("the link's writer panicked");
        }
    }
}

fn write_all(queue: &Queue, socket: &mut UnixStream) -> io::Result<()> {
    loop {
        let mut state = queue.lock();
        let frame = loop {
            if state.dead {
                return Ok(());
            }
            if let Some(frame) = state.frames.pop_front() {
                break frame;
            }
            if state.ended {
                return Ok(());
            }
            state = queue.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        state.bytes -= frame.len();
        drop(state);
        write_frame(socket, &frame)?;
    }
}

fn write_frame(socket: &mut UnixStream, frame: &Frame) -> io::Result<()> {
    let mut slices = [IoSlice::new(&frame.head), IoSlice::new(&frame.tail)];
    let mut left = &mut slices[..];
    while left.iter().any(|slice| !slice.is_empty()) {
        match socket.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_is_queued_is_written_before_the_end() {
        let (ours, mut theirs) = UnixStream::pair().expect("sockets");
        let (out, writer) = Writer::start(&ours).expect("a thread");
        let message = FromWorker::Snapshot { id: 1, jpeg: Bytes::from(vec![7; 100_000]) };
        let length = message.encode().len();
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).map(|_| all.len())
        });
        out.send(&message);
        out.send(&message);
        writer.finish();
        drop((out, ours));
        assert_eq!(reader.join().expect("no panic").expect("readable"), 2 * length);
    }

    #[test]
    fn a_front_that_does_not_read_ends_the_link() {
        let (ours, _theirs) = UnixStream::pair().expect("sockets");
        let (out, writer) = Writer::start(&ours).expect("a thread");
        let large = FromWorker::Snapshot { id: 1, jpeg: Bytes::from(vec![7; 1 << 20]) };
        for _ in 0..=MAX_WAITING_BYTES >> 20 {
            out.send(&large);
        }
        let mut byte = [0];
        assert_eq!((&ours).read(&mut byte).expect("shut down"), 0);
        writer.finish();
    }
}
