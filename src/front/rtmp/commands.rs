//! Commands of the protocol that both roles read, answer or send.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    amf::{Command, Property, Writer},
    chunk::{Fault, Message, kind},
    wire::Wire,
};

/// Name of the message by which a front tells another what it left out.
pub(super) const UNUSABLE: &str = "tilecastUnusable";

/// Longest refusal that is kept: a sentence, not a page, goes into status and log.
const MAX_REASON_CHARS: usize = 300;

/// The command in a message, if there is one.
pub(super) fn command(message: &Message) -> Result<Option<Command>, Fault> {
    match message.kind {
        kind::COMMAND => Ok(Some(Command::read(&message.payload)?)),
        kind::COMMAND_AMF3 => {
            let payload = message.payload.strip_prefix(&[0]).unwrap_or(&message.payload);
            Ok(Some(Command::read(payload)?))
        }
        _ => Ok(None),
    }
}

/// Answers what encoders ask of Flash servers, none of which concerns us, so that none waits for it. `FCUnpublish` gets no
/// answer: ffmpeg closes without reading it, and closing with something unread resets the connection and loses its goodbye.
pub(super) fn courtesy<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, command: &Command) {
    let result = Writer::command("_result", command.transaction).null();
    match command.name.as_str() {
        "releaseStream" | "FCPublish" | "FCSubscribe" | "_checkbw" if command.transaction != 0.0 => {
            wire.command(0, &result.null().finish());
        }
        "getStreamLength" => wire.command(0, &result.number(0.0).finish()),
        _ => {}
    }
}

/// Queues an `onStatus` (§7.2.2).
pub(super) fn status<S>(wire: &mut Wire<S>, stream: u32, level: &str, code: &str, description: &str)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let information = [
        ("level", Property::Text(level)),
        ("code", Property::Text(code)),
        ("description", Property::Text(description)),
    ];
    wire.command(stream, &Writer::command("onStatus", 0.0).null().object(&information).finish());
}

/// What a server said about its refusal.
pub(super) fn reason(answer: &Command) -> String {
    let text = answer.property(1, "description").filter(|text| !text.is_empty());
    let text = text.or_else(|| answer.property(1, "code")).unwrap_or("without a reason");
    text.chars().take(MAX_REASON_CHARS).collect()
}
