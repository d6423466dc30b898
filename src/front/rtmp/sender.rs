//! Media to a peer: one that plays from us, or a server we publish to.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Error,
    amf::Writer,
    chunk::kind,
    commands::{UNUSABLE, command, courtesy, reason, status},
    flv::Outgoing,
    wire::{FAREWELL, STREAM_EOF, Wire},
};
use crate::media::{Packet, Track, fanout::Subscription};

/// Bytes beyond which a write takes no further packet: what is taken from the queue cannot be left out any more when the peer
/// turns out to be slow. A long GOP cache goes out in so many more parts.
const BURST_BYTES: usize = 16 << 10;

/// The sending end: a peer that plays from us, or a stream we publish.
#[derive(Debug)]
pub struct Sender<S> {
    wire: Wire<S>,
    outgoing: Outgoing,
    stream: u32,
    /// The name we publish under; `None` towards a player.
    publishes: Option<String>,
    sent_bytes: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Sender<S> {
    /// To a peer that was let in to play.
    pub(super) fn player(wire: Wire<S>, stream: u32) -> Self {
        Self { wire, outgoing: Outgoing::new(stream, false), stream, publishes: None, sent_bytes: 0 }
    }

    /// To a server that lets us publish.
    pub(super) fn publication(wire: Wire<S>, stream: u32, name: String) -> Self {
        Self { wire, outgoing: Outgoing::new(stream, true), stream, publishes: Some(name), sent_bytes: 0 }
    }

    /// Sends a stream as it comes, a burst a write, until it ends (`Ok`) or the peer leaves, breaks off or takes nothing for
    /// the stall bound (`Err`). Cancel safe: what was taken from `packets` goes out when it is called again.
    pub async fn carry(&mut self, packets: &mut Subscription) -> Result<(), Error> {
        loop {
            self.flush().await?;
            let packet = tokio::select! {
                biased;
                error = self.closed() => return Err(error),
                packet = packets.next() => packet,
            };
            let Some(packet) = packet else { return Ok(()) };
            self.feed(&packet);
            while self.wire.writer.queued() < BURST_BYTES {
                let Some(packet) = packets.try_next() else { break };
                self.feed(&packet);
            }
        }
    }

    /// Sends one packet, and whatever waited before it. Fails when the peer takes nothing for the stall bound. Cancel safe in
    /// that the stream stays whole: what was not sent goes with the next packet.
    pub async fn send(&mut self, packet: &Packet) -> Result<(), Error> {
        self.feed(packet);
        self.flush().await
    }

    /// Tells the front that this is published to what was left out of the stream, and why.
    pub async fn tell_unusable(&mut self, track: Track, reason: &str) -> Result<(), Error> {
        let number = if track == Track::Video { 0.0 } else { 1.0 };
        let told = Writer::command(UNUSABLE, number).text(reason).finish();
        self.wire.writer.message(kind::DATA, self.stream, 0, &[], &told);
        self.flush().await
    }

    fn feed(&mut self, packet: &Packet) {
        self.sent_bytes += packet.data.len() as u64;
        self.outgoing.write(packet, &mut self.wire.writer);
    }

    async fn flush(&mut self) -> Result<(), Error> {
        self.wire.flush().await
    }

    /// Bytes of media sent so far, or about to be.
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// Reads what the peer says until it leaves, closes or breaks off, and tells how. Never resolves before. Cancel safe: run it
    /// beside the wait for the next packet.
    pub async fn closed(&mut self) -> Error {
        loop {
            match self.listen().await {
                Ok(true) => return Error::Closed("the stream ended"),
                Ok(false) => {}
                Err(error) => return error,
            }
        }
    }

    /// Takes one message; true when it says that the peer wants no more.
    async fn listen(&mut self) -> Result<bool, Error> {
        let Some(message) = self.wire.next().await? else { return Ok(true) };
        let Some(command) = command(&message).map_err(|fault| self.wire.fault(fault))? else { return Ok(false) };
        match (command.name.as_str(), &self.publishes) {
            ("deleteStream" | "closeStream", None) | ("close", Some(_)) => Ok(true),
            ("onStatus", Some(_)) if command.property(1, "level") == Some("error") => {
                Err(Error::Refused(reason(&command)))
            }
            (_, None) => {
                courtesy(&mut self.wire, &command);
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// Ends the stream properly and within 2 s.
    pub async fn finish(mut self) {
        match &self.publishes {
            Some(name) => {
                let unpublish = Writer::command("FCUnpublish", 0.0).null().text(name).finish();
                self.wire.command(0, &unpublish);
                self.wire.delete_stream(self.stream);
            }
            None => {
                self.wire.user_control(STREAM_EOF, &[self.stream]);
                status(&mut self.wire, self.stream, "status", "NetStream.Play.UnpublishNotify", "The stream ended.");
                status(&mut self.wire, self.stream, "status", "NetStream.Play.Stop", "The stream ended.");
            }
        }
        self.wire.close(false, FAREWELL).await;
    }
}
