//! Programs of the system, each limited in time and ended with its test.

use std::{process::Stdio, time::Duration};

use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// Longest run of any one program in a test; far above what they take, so that only one that hangs meets it.
pub const LIMIT: Duration = Duration::from_secs(90);

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Outcome {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The standard output of a program that must have succeeded.
    pub fn expect(self, what: &str) -> String {
        assert!(self.success, "{what} failed:\n{}", self.stderr);
        self.stdout
    }
}

/// Splits `line` at spaces; no argument of ours has one.
pub fn command(program: &str, line: &str) -> Command {
    let mut command = Command::new(program);
    command.args(line.split_whitespace()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// Starts a program that the test ends by dropping it.
pub fn start(program: &str, line: &str) -> Child {
    command(program, line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program is installed")
}

/// Runs a program to its end.
pub async fn run(program: &str, line: &str) -> Outcome {
    let run = command(program, line).output();
    let output = timeout(LIMIT, run).await.unwrap_or_else(|_| panic!("{program} hangs: {line}"));
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    Outcome {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub async fn ffmpeg(line: &str) -> Outcome {
    run("ffmpeg", &format!("-hide_banner -loglevel error -nostdin {line}")).await
}

/// Lines of `ffprobe -of csv=p=0`.
pub async fn ffprobe(line: &str) -> Vec<String> {
    let outcome = run("ffprobe", &format!("-hide_banner -loglevel error -of csv=p=0 {line}")).await;
    outcome.expect("ffprobe").lines().map(|line| line.trim_end_matches(',').to_owned()).collect()
}

pub async fn gst_launch(line: &str) -> Outcome {
    run("gst-launch-1.0", &format!("-q {line}")).await
}
