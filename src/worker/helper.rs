//! Supervised worker thread: a helper thread for jobs that take longer than a tick. It takes jobs from a bounded queue,
//! and is replaced when it hangs or panics.
//!
//! The owner of a [`Helper`] checks it from time to time. The job that was lost with a thread is reported; waiting jobs
//! go to the next thread.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    leavers,
    watch::{Beat, Suspect, Threads, effort, this_thread},
};
use tilecast_core::media::Timestamp;

/// Longest time for a job while its thread neither runs nor waits for a CPU: a font on a slow disk takes less.
const HUNG: Duration = Duration::from_secs(2);

/// Longest time for a job in any case: the largest image takes 2 s on a busy machine.
const ENDLESS: Duration = Duration::from_secs(10);

/// Threads of one helper that may hang. Each is abandoned, with its stack and what it holds.
const MAX_HUNG: u32 = 4;

/// Longest time for a thread to end: less than the whole worker has.
const END: Duration = Duration::from_millis(500);

/// How a job was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Panicked,
    /// Its thread makes no progress.
    Hung,
    /// Its thread makes no progress, and is the last one that may hang: no more jobs are done.
    HungOnceTooOften,
}

/// The work of one thread, with its state from job to job.
pub type Work<J> = Box<dyn FnMut(&J)>;

/// The thread and its queue.
pub struct Helper<J> {
    name: &'static str,
    queue: Arc<Queue<J>>,
    begin: Arc<dyn Fn() -> Work<J> + Send + Sync>,
    thread: Option<JoinHandle<()>>,
    suspect: Suspect,
    hung: u32,
}

struct Queue<J> {
    state: Mutex<State<J>>,
    wake: Condvar,
    beat: Beat,
    thread: AtomicU32,
    most: usize,
}

struct State<J> {
    jobs: VecDeque<J>,
    /// The present thread's number, counted from the first; a thread with another number must end.
    turn: u32,
    doing: Option<J>,
    closed: bool,
}

impl<J: Clone + Send + 'static> Helper<J> {
    /// Starts the thread, for at most this many waiting jobs. `begin` is called on each thread before its first job,
    /// and returns the function that does the jobs.
    pub fn start(
        name: &'static str,
        most: usize,
        now: Timestamp,
        begin: impl Fn() -> Work<J> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let state = State { jobs: VecDeque::new(), turn: 0, doing: None, closed: false };
        let (state, wake, thread) = (Mutex::new(state), Condvar::new(), AtomicU32::new(0));
        let queue = Arc::new(Queue { state, wake, beat: Beat::idle(), thread, most });
        let mut helper =
            Self { name, queue, begin: Arc::new(begin), thread: None, suspect: Suspect::new(now), hung: 0 };
        helper.spawn(0)?;
        Ok(helper)
    }

    fn spawn(&mut self, turn: u32) -> io::Result<()> {
        let (queue, begin) = (Arc::clone(&self.queue), Arc::clone(&self.begin));
        let run = move || {
            queue.thread.store(this_thread(), Ordering::Relaxed);
            let mut work = begin();
            while let Some(job) = queue.next(turn) {
                work(&job);
                queue.done(turn);
            }
        };
        self.thread = Some(std::thread::Builder::new().name(self.name.to_owned()).spawn(run)?);
        Ok(())
    }

    /// Adds a job; false when too many are waiting, or no thread is left.
    pub fn ask(&self, job: J) -> bool {
        let mut state = self.queue.lock();
        let fits = state.jobs.len() < self.queue.most && self.thread.is_some();
        if fits {
            state.jobs.push_back(job);
            self.queue.count(&state);
            self.queue.wake.notify_one();
        }
        fits
    }

    /// Checks the thread. Returns the lost job and the cause, if the thread was replaced.
    pub fn look(&mut self, now: Timestamp) -> Option<(Option<J>, How)> {
        let thread = self.thread.as_ref()?;
        let standstill = self
            .suspect
            .look(now, &self.queue.beat, || effort(Threads::One(self.queue.thread.load(Ordering::Relaxed))));
        let how = if thread.is_finished() {
            How::Panicked
        } else if standstill.time >= ENDLESS || standstill.time >= HUNG && standstill.busy == Some(false) {
            self.hung += 1;
            if self.hung < MAX_HUNG { How::Hung } else { How::HungOnceTooOften }
        } else {
            return None;
        };
        let (turn, lost) = self.queue.pass_on();
        let left = self.thread.take();
        if let Some(panicked) = left.filter(|_| how == How::Panicked) {
            // Its panic was printed where it arose.
            let _ = panicked.join();
        }
        self.suspect = Suspect::new(now);
        if how != How::HungOnceTooOften
            && let Err(error) = self.spawn(turn)
        {
            tracing::error!(%error, thread = self.name, "no other thread can be started");
        }
        Some((lost, how))
    }
}

impl<J> Drop for Helper<J> {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            leavers::join_by(self.name, thread, Instant::now() + END);
        }
    }
}

impl<J> Queue<J> {
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // Every update leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, state: &State<J>) {
        self.beat.waits(state.jobs.len() + usize::from(state.doing.is_some()));
    }

    /// Replaces the thread. Returns the new number, and the job of the old thread.
    fn pass_on(&self) -> (u32, Option<J>) {
        let mut state = self.lock();
        state.turn += 1;
        let lost = state.doing.take();
        self.count(&state);
        // A thread that hung while it waited for a job notices this when it wakes.
        self.wake.notify_all();
        (state.turn, lost)
    }

    /// Ends a job, unless it was given up.
    fn done(&self, turn: u32) {
        let mut state = self.lock();
        if state.turn == turn {
            state.doing = None;
            self.count(&state);
        }
        self.beat.beat();
    }
}

impl<J: Clone> Queue<J> {
    /// The next job; waits for it. `None` when the thread is to end.
    fn next(&self, turn: u32) -> Option<J> {
        let mut state = self.lock();
        loop {
            if state.closed || state.turn != turn {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                state.doing = Some(job.clone());
                return Some(job);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// A helper whose jobs panic at "panic", wait for ever at "hang" and return otherwise.
    fn helper() -> (Helper<&'static str>, Receiver<&'static str>) {
        let (sender, done) = channel();
        let begin = move || -> Work<&'static str> {
            let sender = sender.clone();
            Box::new(move |job| match *job {
                "panic" => panic!("as it was asked to"),
                "hang" => loop {
                    std::thread::park();
                },
                job => sender.send(job).expect("the test listens"),
            })
        };
        (Helper::start("helper", 8, Timestamp::ZERO, begin).expect("a thread"), done)
    }

    const STEP: Duration = Duration::from_millis(250);

    /// Checks on simulated time until something is lost.
    fn lost(helper: &mut Helper<&'static str>, step: Duration) -> (Option<&'static str>, How) {
        let mut now = Timestamp::ZERO;
        loop {
            // No time passes before the thread has taken the job, however late it comes to that.
            if helper.queue.lock().doing.is_some() {
                now = now + step;
            }
            if let Some(lost) = helper.look(now) {
                return lost;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn another_thread_takes_over_from_one_that_panics_and_from_one_that_hangs() {
        let (mut helper, done) = helper();
        for (job, how) in [("panic", How::Panicked), ("hang", How::Hung), ("panic", How::Panicked)] {
            assert!(helper.ask(job) && helper.ask("more"));
            // No time passes for a thread that panics, however late it comes to that.
            let step = if how == How::Panicked { Duration::ZERO } else { STEP };
            assert_eq!(lost(&mut helper, step), (Some(job), how));
            assert_eq!(done.recv(), Ok("more"));
        }
    }

    #[test]
    fn threads_that_hang_do_not_pile_up() {
        let (mut helper, _done) = helper();
        for _ in 1..MAX_HUNG {
            assert!(helper.ask("hang"));
            assert_eq!(lost(&mut helper, STEP), (Some("hang"), How::Hung));
        }
        assert!(helper.ask("hang"));
        assert_eq!(lost(&mut helper, STEP), (Some("hang"), How::HungOnceTooOften));
        assert!(!helper.ask("more"));
        assert_eq!(helper.look(Timestamp::from_millis(100_000)), None);
    }
}
