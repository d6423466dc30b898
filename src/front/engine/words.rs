//! Log forwarding with rate limiting: the output of a worker and its C libraries goes into the log. An attacker who has
//! taken over a worker can fill neither the log nor the front's time.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    sync::watch,
    time::{sleep, timeout},
};

use crate::base::Plain;

/// Lines of one worker that are logged a second, on average: a worker that starts or ends writes ten, one in trouble a
/// few a second.
const PER_SECOND: f64 = 20.0;

/// Lines that are logged at once: as many as a worker's libraries write about one bad launch text.
const BURST: f64 = 100.0;

/// Longest line that is read, bytes; the rest counts as another line.
const MAX_LINE: u64 = 4096;

/// Longest line that is logged, characters: more than any message of ours has.
const MAX_SHOWN: usize = 1000;

/// Bytes of unlogged output after which the reader pauses, and the length of the pause. A worker that writes more than
/// 1.3 MB/s waits for the front to read.
const LEFT_OUT: usize = 64 << 10;
const PAUSE: Duration = Duration::from_millis(50);

/// How long a worker must be quiet before the number of unlogged lines is logged.
const QUIET: Duration = Duration::from_secs(1);

/// A token bucket for lines.
#[derive(Debug)]
struct Allowance {
    left: f64,
    at: Instant,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self { left: BURST, at: now }
    }

    /// Takes a line's token, if there is one.
    fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + since * PER_SECOND).min(BURST);
        self.at = now;
        let there = self.left >= 1.0;
        if there {
            self.left -= 1.0;
        }
        there
    }
}

/// Reads lines until the end, and logs those that the bucket allows with `log`. `last` always holds the latest line
/// above information level: probably the reason of the worker's end.
pub async fn carry(from: impl AsyncRead + Unpin, last: watch::Sender<String>, mut log: impl FnMut(&str)) {
    let mut lines = BufReader::new(from);
    let mut allowance = Allowance::new(Instant::now());
    let (mut line, mut left_out, mut read) = (Vec::new(), 0_u64, 0);
    loop {
        match timeout(QUIET, lines.fill_buf()).await {
            Ok(Ok(some)) if !some.is_empty() => {}
            Ok(_) => break,
            Err(_) => {
                tell_of(&mut left_out, &mut log);
                continue;
            }
        }
        line.clear();
        let Ok(1..) = (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line).await else { break };
        let text = String::from_utf8_lossy(&line);
        let text = Plain::new(text.trim(), MAX_SHOWN).to_string();
        if text.is_empty() {
            continue;
        }
        if !["INFO ", "DEBUG ", "TRACE "].iter().any(|level| text.starts_with(level)) {
            last.send_replace(text.clone());
        }
        if allowance.take(Instant::now()) {
            tell_of(&mut left_out, &mut log);
            log(&text);
            continue;
        }
        left_out += 1;
        read += line.len();
        if read >= LEFT_OUT {
            read = 0;
            sleep(PAUSE).await;
        }
    }
    tell_of(&mut left_out, &mut log);
}

/// Logs a line of a worker.
pub fn log_line(line: &str) {
    match line.split_once(' ') {
        Some(("ERROR", rest)) => tracing::error!("worker: {rest}"),
        Some(("WARN", rest)) => tracing::warn!("worker: {rest}"),
        Some(("INFO", rest)) => tracing::info!("worker: {rest}"),
        Some(("DEBUG" | "TRACE", rest)) => tracing::debug!("worker: {rest}"),
        // Lines of C libraries have no level of ours.
        _ => tracing::warn!("worker: {line}"),
    }
}

fn tell_of(left_out: &mut u64, log: &mut impl FnMut(&str)) {
    match std::mem::take(left_out) {
        0 => {}
        lines => log(&format!("WARN {lines} more lines were left out: it prints more than {PER_SECOND} a second")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn logged(words: &[u8]) -> (Vec<String>, String) {
        let (last, after) = watch::channel(String::new());
        let mut lines = Vec::new();
        carry(words, last, |line| lines.push(line.to_owned())).await;
        (lines, after.borrow().clone())
    }

    #[test]
    fn a_few_lines_a_second_are_logged_and_some_more_at_once() {
        let begin = Instant::now();
        let mut allowance = Allowance::new(begin);
        let mut at_once = |after: Duration| (0..1000).filter(|_| allowance.take(begin + after)).count();
        assert_eq!(at_once(Duration::ZERO), 100);
        assert_eq!(at_once(Duration::from_secs(1)), 20);
        assert_eq!(at_once(Duration::from_secs(2)), 20);
        assert_eq!(at_once(Duration::from_secs(1000)), 100);
    }

    #[tokio::test]
    async fn what_is_too_much_is_counted_and_not_logged() {
        let words: String = (0..5000).map(|number| format!("line {number} \u{1b}[31m\n")).collect();
        let (lines, last) = logged(words.as_bytes()).await;
        assert_eq!(lines[0], r"line 0 \u{1b}[31m");
        let left_out = |line: &String| line.strip_prefix("WARN ")?.split_once(" more lines")?.0.parse::<usize>().ok();
        let counted: usize = lines.iter().filter_map(left_out).sum();
        let notes = lines.iter().filter(|line| left_out(line).is_some()).count();
        assert_eq!(counted + lines.len() - notes, 5000);
        assert!(lines.len() < 1000, "{} lines", lines.len());
        assert_eq!(last, r"line 4999 \u{1b}[31m", "the last words are known all the same");
    }

    #[tokio::test]
    async fn the_last_words_are_no_mere_information_and_lines_have_a_length() {
        let words = [b"ERROR it broke\n INFO as usual\n".as_slice(), &[b'x'; 10_000], b"\n\xff\r\n"].concat();
        let (lines, last) = logged(&words).await;
        assert_eq!(lines[..2], ["ERROR it broke", "INFO as usual"]);
        assert!(lines.iter().all(|line| line.chars().count() < 1100), "{lines:?}");
        assert_eq!(last, "\u{fffd}");
    }
}
