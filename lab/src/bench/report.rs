//! The bench's report: tables in Markdown, and how to read them.

use std::{fmt::Write, fs};

use anyhow::Result;

use super::{
    alternatives::{AUDIO_KBPS, KEYFRAME_SECONDS, VIDEO_KBPS},
    figures::{Figures, Spread, ms},
    subject::Kind,
};

/// A measurement without a comparison.
#[derive(Debug)]
pub struct Row {
    pub what: String,
    pub found: String,
}

impl Row {
    /// A row of a measurement that may have failed.
    pub fn from(what: &str, found: Result<String>) -> Self {
        Self { what: what.to_owned(), found: found.unwrap_or_else(|error| format!("failed: {}", one_line(&error))) }
    }
}

#[derive(Debug)]
pub struct Report {
    film: bool,
    rounds: u32,
    seconds: u64,
    /// Latency from publisher to player through the relay alone.
    pub relay: Option<Spread>,
    runs: Vec<(Kind, u32, Result<Figures>)>,
    /// Measurements of Tilecast alone.
    pub alone: Vec<Row>,
}

fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}").replace(['\n', '|'], " ")
}

impl Report {
    /// An empty report, for `rounds` of `seconds` each with a film or a generated picture.
    pub fn new(film: bool, rounds: u32, seconds: u64) -> Self {
        Self { film, rounds, seconds, relay: None, runs: Vec::new(), alone: Vec::new() }
    }

    /// Adds a run and returns its line.
    pub fn add(&mut self, kind: Kind, count: u32, outcome: Result<Figures>) -> String {
        self.runs.push((kind, count, outcome));
        self.runs.last().map(|run| self.line(run)).unwrap_or_default()
    }

    fn line(&self, (kind, count, outcome): &(Kind, u32, Result<Figures>)) -> String {
        let name = kind.name();
        let figures = match outcome {
            Ok(figures) => figures,
            Err(error) => return format!("| {count} | {name} | failed: {} | | | | | |", one_line(error)),
        };
        let some = |value: Option<f64>, digits: usize| value.map_or("–".to_owned(), |v| format!("{v:.digits$}"));
        let relay = self.relay.map_or(0.0, |relay| ms(relay.median));
        let latency = Spread::of(figures.ages.clone());
        let added = |value: fn(&Spread) -> f64| latency.map(|spread| value(&spread) - relay);
        format!(
            "| {count} | {name} | {} | {} | {:.1} | {} | {} | {} |",
            some(figures.cores, 2),
            some(figures.peak_mib, 0),
            figures.fps,
            figures.missing,
            some(added(|s| ms(s.median)), 0),
            some(added(|s| ms(s.p99)), 0),
        )
    }

    fn of(&self, kind: Kind, count: u32) -> Option<&Figures> {
        let run = self.runs.iter().find(|(k, c, _)| (*k, *c) == (kind, count))?;
        run.2.as_ref().ok()
    }

    pub fn markdown(&self) -> String {
        let mut text = String::from("# Bench\n\n");
        let _ = writeln!(
            text,
            "Written by `make bench`. {}; {} rounds of {} s each, measured after they had settled.\n",
            machine(),
            self.rounds,
            self.seconds
        );
        text.push_str(
            "| participants | subject | CPU, cores | peak memory, MiB | frames/s | missing | added latency, ms | p99 |\n\
             |---:|---|---:|---:|---:|---:|---:|---:|\n",
        );
        for run in &self.runs {
            let _ = writeln!(text, "{}", self.line(run));
        }
        let mut rows: Vec<(String, String)> = Vec::new();
        if let Some(relay) = self.relay {
            let found = format!("median {:.0} ms, p99 {:.0} ms", ms(relay.median), ms(relay.p99));
            rows.push(("the relay's own latency, publisher to player".to_owned(), found));
        }
        rows.extend(self.predictions());
        rows.extend(self.ratios());
        rows.extend(self.memory_each());
        rows.extend(self.alone.iter().map(|row| (row.what.clone(), row.found.clone())));
        text.push_str("\n| | |\n|---|---|\n");
        for (what, found) in rows {
            let _ = writeln!(text, "| {what} | {found} |");
        }
        text.push_str(&self.how_to_read());
        text
    }

    /// The workers' use beside the prediction, and the front's use for each participant.
    fn predictions(&self) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        for (kind, count, outcome) in &self.runs {
            let (Kind::Tilecast, Ok(figures)) = (kind, outcome) else { continue };
            let (Some(cores), Some(mib), Some((quoted, memory))) =
                (figures.worker_cores, figures.worker_mib, figures.quoted)
            else {
                continue;
            };
            let off = |said: f64, was: f64| (said / was - 1.0) * 100.0;
            let front = figures.cores.map_or(String::new(), |all| {
                format!("; the front {:.1} % of a core a participant", (all - cores) * 100.0 / f64::from(*count))
            });
            let found = format!(
                "{quoted:.2} of {cores:.2} cores ({:+.0} %), {memory:.0} of {mib:.0} MiB ({:+.0} %){front}",
                off(quoted, cores),
                off(memory, mib)
            );
            rows.push((format!("predicted of measured, worker with {count}"), found));
        }
        rows
    }

    fn ratios(&self) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        for (kind, count, _) in self.runs.iter().filter(|(kind, ..)| *kind != Kind::Tilecast) {
            let cores = |kind| self.of(kind, *count)?.cores;
            if let (Some(ours), Some(theirs)) = (cores(Kind::Tilecast), cores(*kind)) {
                rows.push((format!("CPU with {count} against {}", kind.name()), format!("{:.2}", ours / theirs)));
            }
        }
        rows
    }

    fn memory_each(&self) -> Option<(String, String)> {
        let ours = |(kind, count, outcome): &(Kind, u32, Result<Figures>)| {
            let peak = outcome.as_ref().ok()?.peak_mib?;
            (*kind == Kind::Tilecast).then_some((*count, peak))
        };
        let mut peaks: Vec<_> = self.runs.iter().filter_map(ours).collect();
        peaks.sort_by_key(|(count, _)| *count);
        let ((few, low), (many, high)) = (*peaks.first()?, *peaks.last()?);
        let each = (high - low) / f64::from(many.checked_sub(few).filter(|n| *n > 0)?);
        Some((format!("memory per further participant, from {few} to {many}"), format!("{each:.1} MiB")))
    }

    fn how_to_read(&self) -> String {
        let picture = if self.film {
            "Big Buck Bunny, © 2008 Blender Foundation, CC BY 3.0, looped"
        } else {
            "a generated zoom with noise"
        };
        format!(
            "
## How to read it

Every participant sends the same clip ({picture}; 1280x720 at 30 frames a second, 1800 kbit/s, keyframe every 2 s, AAC sound),
each from another place in it. Every subject makes an even grid at 1280x720, 30 frames a second, x264 `veryfast` `zerolatency`,
{VIDEO_KBPS} kbit/s, keyframe every {KEYFRAME_SECONDS} s, and mixes the sound to AAC at {AUDIO_KBPS} kbit/s. Participants publish to Tilecast itself, which
pushes its program to nginx-rtmp; for the others they publish to nginx-rtmp, which they pull from and push to. Publishers, nginx-rtmp
and the player share the machine with the subject. The subjects take turns, round by round, and everything is begun anew in each: a
shared machine is faster in one minute than in the next, and where a participant's frames fall between two of the program's is chance.

- **CPU**: user and system time of all the subject's processes, seconds a second. For Tilecast the server and its worker.
- **peak memory**: sum of each process's largest resident set; what two of them hold of the same file counts once.
- **frames/s**: pictures that a player on nginx-rtmp decoded. **missing**: places in the program's timestamps that no frame took.
- **added latency**: each frame of the clip carries a number. From the moment a participant sent a frame to the moment the player had
  decoded a program frame that shows it, over all tiles, less the median of the same through nginx-rtmp alone. It holds decoding,
  the wait for the next program frame, composing, encoding and one more hop. Where nothing is done about it, that wait is half a
  frame (17 ms) on average, and the same for as long as a participant stays connected; Tilecast moves its tick to shorten it.
- **first changed frame**: from before the request is sent to the arrival of the decoded frame; nothing subtracted. Where it is
  told in ticks, a tick is a frame's duration, the player plays from the server itself, and what turns is the background.
- **dress**: user and system time of the server and its worker with each way of drawing the same nine people, by turns. **rest** is
  the mean of the two scenes that the transitions go to and fro between; every tile moves in each of them.
- **ticks missed**: the worker's own count of program frames that it did not make in time.
- **browser**: Debian's Chromium on the same machine, with H.264. *First picture*: from before its `POST` to the decoded frame of the
  program that shows it. *Glass to glass*: one page paints the time of day, another reads it off the program as it is shown; it holds
  the page's painting, the browser's encoder, both networks (loopback), the browser's own buffer against jitter, and its screen.
- **WHEP viewers**: clients on our own stack, in another process. **Decoding simulcast**: CPU of the threads that decode and scale;
  the same film in the layers that Chromium makes of 720p.
- **lip sync**: somebody flashes and beeps at once, every second; the two are compared by the program's timestamps. A flash comes
  with the next picture of the program, so up to 33 ms late.

A subject that cannot keep up shows it in frames/s and in a latency that grows for as long as it runs.
"
        )
    }
}

/// The machine in a few words.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    format!("{cores} cores ({})", name.unwrap_or("unknown processor").trim())
}
