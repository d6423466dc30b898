//! Logging: each log line is one line that no terminal obeys, whatever text is in it.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    fmt::{self, Write},
    io::IsTerminal,
};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    EnvFilter,
    field::RecordFields,
    fmt::{FormatFields, format::Writer},
};

use super::config::LogFormat;
use crate::base::plain::Plainly;

/// Longest value of a field or message, characters. The service's own texts are shorter; strangers' texts may have any
/// length.
const MAX_VALUE: usize = 4096;

/// The front's log, on standard error: standard output is for requested results.
pub fn start(format: LogFormat, filter: &str) {
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(EnvFilter::new(filter));
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).fmt_fields(Fields).init(),
        LogFormat::Json => lines.json().init(),
    }
    log_panics();
}

/// The log of a gate, set by the environment like the fronts' log.
pub fn start_gate() {
    let json = std::env::var("TILECAST_LOG_FORMAT").is_ok_and(|format| format == "json");
    let filter = std::env::var("TILECAST_LOG").unwrap_or_else(|_| "info".to_owned());
    start(if json { LogFormat::Json } else { LogFormat::Text }, &filter);
}

/// A worker's log. It goes through the front's log, which adds time and room.
pub fn start_worker() {
    let filter = EnvFilter::try_from_env("TILECAST_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    lines.with_ansi(false).with_target(false).without_time().fmt_fields(Fields).init();
    log_panics();
}

/// Logs a panic as one line like any other: its message may hold a stranger's text.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("{panic}");
        // Requested by RUST_BACKTRACE, for a developer at a terminal.
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            eprintln!("{trace}");
        }
    }));
}

/// Writes the message, then `name=value` for every field, each escaped. JSON does not need this, since values are
/// quoted.
struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line { writer, begun: false, result: Ok(()) };
        fields.record(&mut line);
        line.result
    }
}

struct Line<'w> {
    writer: Writer<'w>,
    begun: bool,
    result: fmt::Result,
}

impl Line<'_> {
    fn write(&mut self, name: &str, value: &dyn fmt::Debug) -> fmt::Result {
        if std::mem::replace(&mut self.begun, true) {
            self.writer.write_char(' ')?;
        }
        if name != "message" {
            write!(self.writer, "{}=", name.trim_start_matches("r#"))?;
        }
        let mut plainly = Plainly::new(&mut self.writer, MAX_VALUE);
        write!(plainly, "{value:?}")?;
        plainly.finish()
    }
}

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // The location that the `log` crate's records add is in the line already.
        if self.result.is_ok() && !field.name().starts_with("log.") {
            self.result = self.write(field.name(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// Keeps what is written to it.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_stranger_cannot_begin_a_line_of_their_own() {
        let kept = Kept::default();
        let lines = tracing_subscriber::fmt().with_writer(kept.clone()).without_time().with_ansi(false);
        let name = "eve\n ERROR tilecast: the disk is full\u{1b}[2J\u{202e}";
        tracing::subscriber::with_default(lines.fmt_fields(Fields).finish(), || {
            let _span = tracing::info_span!("publisher", %name).entered();
            tracing::info!(agent = %name, count = 3, quoted = name, "{name} is refused");
            tracing::info!("{}", "x".repeat(5000));
        });
        let text = String::from_utf8(kept.0.lock().expect("no panic").clone()).expect("text");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.chars().all(|char| char == '\n' || !char.is_control()), "{text:?}");
        assert!(
            !text.contains('\u{202e}') && text.contains("count=3") && text.contains("(904 more characters)"),
            "{text}"
        );
    }
}
