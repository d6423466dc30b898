//! Media from a peer: one that publishes to us, or a server we play from.

use std::{pin::Pin, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Sleep, sleep},
};

use super::{
    Error,
    amf::Command,
    chunk::{Message, kind},
    commands::{UNUSABLE, command, courtesy, reason, status},
    flv::{Incoming, Media},
    net_connection::NetConnection,
    wire::{FAREWELL, STREAM_EOF, Wire},
};
use crate::media::{Packet, Track};

/// The receiving end: a peer that publishes to us, or a stream we play.
#[derive(Debug)]
pub struct Receiver<S> {
    wire: Wire<S>,
    incoming: Incoming,
    stream: u32,
    serves: bool,
    idle: Duration,
    last: Instant,
    /// Goes off when `idle` may be over; then it is set anew, since with every message would be too often.
    alarm: Pin<Box<Sleep>>,
    /// The peer said that the stream is over, or is about to.
    over: bool,
    /// The peer is a front, whose word on what was left out counts.
    from_front: bool,
    /// Of a peer that publishes: what it may ask for next.
    connection: Option<NetConnection>,
    /// What it asked for already, on which message stream.
    next: Option<(Command, u32)>,
}

/// Longest reason taken from another front, characters.
const MAX_REASON_CHARS: usize = 300;

/// What another front left out, and why.
fn told(payload: &[u8]) -> Option<(Track, String)> {
    let told = Command::read(payload).ok().filter(|told| told.name == UNUSABLE)?;
    let track = if told.transaction == 0.0 { Track::Video } else { Track::Audio };
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    Some((track, told.text(0)?.chars().take(MAX_REASON_CHARS).map(plain).collect()))
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Receiver<S> {
    /// From a peer that was let in to publish.
    pub(super) fn publisher(wire: Wire<S>, stream: u32, connection: NetConnection) -> Self {
        let idle = connection.limits.idle;
        Self { connection: Some(connection), ..Self::new(wire, Incoming::default(), stream, true, idle) }
    }

    /// From a server that lets us play; `first` may have come before it said so.
    pub(super) fn playback(wire: Wire<S>, stream: u32, idle: Duration, first: Option<Message>) -> Self {
        let mut incoming = Incoming::default();
        if let Some(message) = first {
            incoming.take(message, std::time::Instant::now());
        }
        Self::new(wire, incoming, stream, false, idle)
    }

    fn new(wire: Wire<S>, incoming: Incoming, stream: u32, serves: bool, idle: Duration) -> Self {
        let alarm = Box::pin(sleep(idle));
        Self {
            wire,
            incoming,
            stream,
            serves,
            idle,
            last: Instant::now(),
            alarm,
            over: false,
            from_front: false,
            connection: None,
            next: None,
        }
    }

    /// The next packet, as [`Receiver::next_media`] has it; what cannot be used is left out without a word.
    pub async fn next(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            match self.next_media().await? {
                Some(Media::Packet(packet)) => return Ok(Some(packet)),
                Some(Media::Unusable(..)) => {}
                None => return Ok(None),
            }
        }
    }

    /// The next of what the peer sends; `None` when the peer ended the stream or closed. Cancel safe.
    pub async fn next_media(&mut self) -> Result<Option<Media>, Error> {
        loop {
            if let Some(media) = self.incoming.pop() {
                return Ok(Some(media));
            }
            let message = tokio::select! {
                biased;
                message = self.wire.next() => message,
                () = &mut self.alarm => {
                    let deadline = self.last + self.idle;
                    if deadline <= Instant::now() {
                        return Err(Error::Idle(self.idle));
                    }
                    self.alarm.as_mut().reset(deadline);
                    continue;
                }
            };
            let message = match message {
                // An acknowledgement of ours that crossed the farewell, unread, turns it into a reset.
                Err(Error::Io(_)) if self.over => None,
                message => message?,
            };
            let Some(message) = message else { return Ok(None) };
            if matches!(message.kind, kind::AUDIO | kind::VIDEO | kind::AGGREGATE) {
                self.last = Instant::now();
                self.incoming.take(message, self.last.into_std());
            } else if self.from_front && message.kind == kind::DATA {
                if let Some((track, reason)) = told(&message.payload) {
                    return Ok(Some(Media::Unusable(track, reason)));
                }
            } else if self.ends(&message)? {
                self.over = true;
                return Ok(None);
            }
        }
    }

    /// True when the peer said that the stream is over; false when it just closed.
    pub fn said_goodbye(&self) -> bool {
        self.over
    }

    /// The peer is another front, which says itself what it left out ([`super::Sender::tell_unusable`]).
    pub fn set_from_front(&mut self) {
        self.from_front = true;
    }

    /// True when a message says that the stream is over.
    fn ends(&mut self, message: &Message) -> Result<bool, Error> {
        if message.kind == kind::USER_CONTROL {
            return Ok(!self.serves && message.payload.starts_with(&STREAM_EOF.to_be_bytes()));
        }
        let Some(command) = command(message).map_err(|fault| self.wire.fault(fault))? else { return Ok(false) };
        match command.name.as_str() {
            "FCUnpublish" if self.serves => {
                self.over = true;
                Ok(false)
            }
            // It goes on with another stream before it has deleted this one.
            "publish" if self.serves && self.over => {
                self.next = Some((command, message.stream));
                Ok(true)
            }
            "publish" if self.serves => {
                let text = "one stream a connection: end the one that is published first, or connect again";
                status(&mut self.wire, message.stream, "error", "NetStream.Publish.BadName", text);
                Ok(false)
            }
            "createStream" => {
                if let Some(connection) = &mut self.connection {
                    connection.create_stream(&mut self.wire, &command)?;
                }
                Ok(false)
            }
            "deleteStream" | "closeStream" if self.serves => {
                status(&mut self.wire, self.stream, "status", "NetStream.Unpublish.Success", "Unpublished.");
                Ok(true)
            }
            "onStatus" if !self.serves => match command.property(1, "code") {
                Some("NetStream.Play.Stop" | "NetStream.Play.Complete" | "NetStream.Play.UnpublishNotify") => Ok(true),
                _ if command.property(1, "level") == Some("error") => Err(Error::Refused(reason(&command))),
                _ => Ok(false),
            },
            "close" if !self.serves => Ok(true),
            _ => {
                if self.serves {
                    courtesy(&mut self.wire, &command);
                }
                Ok(false)
            }
        }
    }

    /// What is left of a peer that has ended its stream: the connection, and the command that it sent already, on which message
    /// stream.
    pub(super) fn ended(self) -> (Wire<S>, Option<NetConnection>, Option<(Command, u32)>) {
        (self.wire, self.connection, self.next)
    }

    /// Ends the stream properly and within 2 s; worth calling after [`Receiver::next`] gave `None` too, since GStreamer takes a
    /// connection that closes before it does so itself for a fault. `reason` reaches the user of a publishing peer.
    pub async fn finish(mut self, reason: Option<&str>) {
        match (self.serves, reason) {
            (true, Some(reason)) => status(&mut self.wire, self.stream, "error", "NetStream.Publish.Denied", reason),
            (true, None) => {}
            (false, _) => self.wire.delete_stream(self.stream),
        }
        self.wire.close(self.serves && self.over, FAREWELL).await;
    }
}
