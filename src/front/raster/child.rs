//! Drawing child process: its input, its bounded output, its end.

use std::{
    io,
    path::Path,
    process::{ExitStatus, Stdio},
};

use bytes::Bytes;
use rustix::process::Signal;
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStdin, ChildStdout, Command},
};

use super::RasterError;
use crate::{
    draw::job::{self, Answer, MAX_ANSWER},
    media::Size,
};

/// Environment variables of a child: the folders of fonts and libraries, and the language, which selects among scripts
/// that share characters. A child gets no other variable, above all no secret.
const ENVIRONMENT: [&str; 7] =
    ["LANG", "LC_ALL", "HOME", "XDG_DATA_HOME", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "LD_LIBRARY_PATH"];
/// Makes glibc keep one heap for all threads: each further heap reserves 64 MiB of the process's address space before
/// it is used.
const ONE_HEAP: (&str, &str) = ("MALLOC_ARENA_MAX", "1");
/// Most bytes of its standard error that are kept: a panic's message.
const MAX_WORDS: u64 = 2048;

/// A running child; dropping it ends it.
pub(super) struct Child {
    child: tokio::process::Child,
    task: &'static str,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Child {
    /// Starts `program raster TASK`.
    pub(super) fn start(program: &Path, task: &'static str) -> Result<Self, RasterError> {
        let child = Command::new(program)
            .args(["raster", task])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env_clear()
            .envs(ENVIRONMENT.iter().filter_map(|key| Some((key, std::env::var_os(key)?))))
            .env(ONE_HEAP.0, ONE_HEAP.1)
            // Ctrl-C in a terminal goes to the whole foreground group; the front alone decides when a child ends.
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let mut child = child.map_err(|error| failed(task, &error.to_string()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or_else(|| failed(task, "it has no standard output"))?;
        Ok(Self { child, task, input, output })
    }

    /// Writes the head of its job. A child that does not read is dead or about to die, which its answer shows.
    pub(super) async fn begin(&mut self, job: &impl Serialize) {
        if let Some(input) = &mut self.input {
            let _ = input.write_all(&job::head(job)).await;
        }
    }

    /// Writes its whole job.
    pub(super) async fn tell(&mut self, parts: &[&[u8]]) {
        if let Some(mut input) = self.input.take() {
            for part in parts {
                if input.write_all(part).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Its answer, without the bytes that the answer announces.
    pub(super) async fn answer(&mut self) -> Result<Answer, RasterError> {
        match self.read_answer().await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.fault(&error.to_string()).await),
        }
    }

    async fn read_answer(&mut self) -> io::Result<Answer> {
        let mut first = [0; 4];
        self.output.read_exact(&mut first).await?;
        let length = job::length(first, MAX_ANSWER).ok_or(io::ErrorKind::InvalidData)?;
        let mut json = vec![0; length];
        self.output.read_exact(&mut json).await?;
        Ok(serde_json::from_slice(&json)?)
    }

    /// Its refusal, after it has ended.
    pub(super) async fn refused(mut self, why: &str) -> RasterError {
        match self.end().await {
            Ok(()) => RasterError::Refused(job::sentence(why)),
            Err(fault) => fault,
        }
    }

    /// Passes exactly this many bytes of its answer on to another child, whose job ends with them, and waits for this
    /// one's end.
    pub(super) async fn hand_on(mut self, to: &mut Self, bytes: u64) -> Result<(), RasterError> {
        let Some(mut input) = to.input.take() else { return Err(failed(to.task, "it has no standard input")) };
        // If the other child ends early, its own answer says so.
        let handed = tokio::io::copy(&mut (&mut self.output).take(bytes), &mut input).await;
        drop(input);
        match handed {
            Ok(handed) if handed < bytes => Err(self.fault("it said less than it promised").await),
            _ => self.end().await,
        }
    }

    /// The file of its answer, of at most `most` bytes, after it has ended.
    pub(super) async fn file(mut self, most: usize) -> Result<(Size, Bytes), RasterError> {
        let (size, length) = match self.answer().await? {
            Answer::File { size, bytes } if bytes <= most => (size, bytes),
            Answer::Refused(why) => return Err(self.refused(&why).await),
            other => return Err(self.fault(&format!("it answered {other:?}")).await),
        };
        let mut file = vec![0; length];
        match self.output.read_exact(&mut file).await {
            Ok(_) => self.end().await.map(|()| (size, file.into())),
            Err(error) => Err(self.fault(&error.to_string()).await),
        }
    }

    /// Waits for its end, before which it may write no more.
    async fn end(&mut self) -> Result<(), RasterError> {
        let more = self.output.read(&mut [0]).await;
        if !matches!(more, Ok(0)) {
            return Err(self.fault("it said more than it promised").await);
        }
        match self.child.wait().await {
            Ok(status) if status.success() => Ok(()),
            _ => Err(self.fault("it did not end well").await),
        }
    }

    /// Ends it, if it still runs, and returns its fault.
    async fn fault(&mut self, symptom: &str) -> RasterError {
        // A child that still runs broke the rules, and does not end by itself.
        let rogue = !self.has_ended().await && self.child.start_kill().is_ok();
        let status = self.child.wait().await;
        let mut words = Vec::new();
        if let Some(stderr) = &mut self.child.stderr {
            let _ = stderr.take(MAX_WORDS).read_to_end(&mut words).await;
        }
        let words = job::sentence(&String::from_utf8_lossy(&words));
        tracing::warn!(task = self.task, ?status, "a picture was not drawn: {symptom}; the child said: {words:?}");
        match status {
            Ok(status) if !rogue => read(status),
            Ok(_) => RasterError::Broken,
            Err(error) => failed(self.task, &error.to_string()),
        }
    }

    /// A child whose output has ended ends at once; one that continues to write does not.
    async fn has_ended(&mut self) -> bool {
        let ended = async {
            let mut rest = [0; 4096];
            while self.output.read(&mut rest).await.is_ok_and(|length| length > 0) {}
        };
        tokio::time::timeout(PATIENCE, ended).await.is_ok()
    }
}

/// Time that a child which broke the rules has to end.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(100);

/// The fault that its exit status shows.
fn read(status: ExitStatus) -> RasterError {
    use std::os::unix::process::ExitStatusExt;
    let by = |signal: Signal| status.signal() == Some(signal.as_raw());
    if by(Signal::XCPU) {
        RasterError::TooLong
    } else if [Signal::ABORT, Signal::SEGV, Signal::BUS, Signal::KILL].into_iter().any(by) {
        // A failed allocation and a stack overflow abort; the kernel kills when the machine has no memory left.
        RasterError::TooMuch
    } else {
        RasterError::Broken
    }
}

fn failed(task: &str, why: &str) -> RasterError {
    RasterError::Failed(format!("`tilecast raster {task}` does not run: {why}"))
}
