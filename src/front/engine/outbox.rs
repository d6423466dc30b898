//! Outbox: the bounded queue of messages to a worker.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;

use crate::link::{ToWorker, frame::Frame};

/// Most bytes that wait for one worker: nine GOP caches of 2 s at 4 Mbit/s, with a margin. A worker that is further
/// behind cannot catch up.
const MAX_BYTES: usize = 32 << 20;

/// Most bytes that wait when a deferrable message is added: the other half is for media and control.
const MAX_SPARE_BYTES: usize = MAX_BYTES / 2;

/// Most messages that wait, which bounds tiny ones.
const MAX_MESSAGES: usize = 16_384;

/// Share of both limits that media may fill. The rest is for messages that a worker must not miss: a slow worker only
/// loses media up to the next keyframe.
const MEDIA_BYTES: usize = MAX_BYTES / 4 * 3;
const MEDIA_MESSAGES: usize = MAX_MESSAGES / 4 * 3;

/// The writing end of a link. It never waits: a message without space is refused, and the caller decides what that
/// means.
#[derive(Debug, Clone)]
pub struct Outbox {
    frames: mpsc::UnboundedSender<Frame>,
    waiting: Arc<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: AtomicUsize,
    messages: AtomicUsize,
}

/// The reading end, for the owner of the socket.
#[derive(Debug)]
pub(in crate::front) struct Drain {
    frames: mpsc::UnboundedReceiver<Frame>,
    waiting: Arc<Waiting>,
}

/// The worker is gone or hopelessly behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the worker does not take what it is sent")]
pub struct Refused;

impl Outbox {
    pub(in crate::front) fn new() -> (Self, Drain) {
        // The channel is unbounded because the bound is in bytes, which `waiting` counts.
        let (sender, frames) = mpsc::unbounded_channel();
        let waiting = Arc::new(Waiting::default());
        (Self { frames: sender, waiting: waiting.clone() }, Drain { frames, waiting })
    }

    /// Queues a message. Media are refused first.
    pub fn send(&self, message: &ToWorker) -> Result<(), Refused> {
        match message {
            ToWorker::Packet { .. } => self.queue(message, MEDIA_BYTES, MEDIA_MESSAGES),
            ToWorker::Control(_) | ToWorker::Asset { .. } => self.queue(message, MAX_BYTES, MAX_MESSAGES),
        }
    }

    /// Queues a deferrable message, such as an image: it leaves space for messages that cannot wait.
    pub fn send_spare(&self, message: &ToWorker) -> Result<(), Refused> {
        // A message that is larger than that goes alone.
        let most = if self.waiting.bytes.load(Ordering::Relaxed) == 0 { MAX_BYTES } else { MAX_SPARE_BYTES };
        self.queue(message, most, MEDIA_MESSAGES)
    }

    fn queue(&self, message: &ToWorker, most_bytes: usize, most_messages: usize) -> Result<(), Refused> {
        let frame = message.encode();
        let length = frame.len();
        let bytes = self.waiting.bytes.load(Ordering::Relaxed) + length;
        if bytes > most_bytes || self.waiting.messages.load(Ordering::Relaxed) >= most_messages {
            return Err(Refused);
        }
        self.waiting.bytes.fetch_add(length, Ordering::Relaxed);
        self.waiting.messages.fetch_add(1, Ordering::Relaxed);
        self.frames.send(frame).map_err(|_| Refused)
    }
}

impl Drain {
    /// Waits for at least one frame and takes up to `most`; `None` when every [`Outbox`] is gone. Cancel safe.
    pub(in crate::front) async fn next(&mut self, batch: &mut Vec<Frame>, most: usize) -> Option<()> {
        if self.frames.recv_many(batch, most).await == 0 {
            return None;
        }
        let bytes: usize = batch.iter().map(Frame::len).sum();
        self.waiting.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.waiting.messages.fetch_sub(batch.len(), Ordering::Relaxed);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        link::{Control, Feed},
        media::{Codec, Packet, Role, Timestamp, VideoCodec},
    };

    fn packet(bytes: usize) -> ToWorker {
        let packet = Packet {
            codec: Codec::Video(VideoCodec::H264),
            role: Role::Key,
            pts: Timestamp::ZERO,
            dts: Timestamp::ZERO,
            data: Bytes::from(vec![0; bytes]),
        };
        ToWorker::Packet { feed: Feed(1), replay: false, packet }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_until_room_is_made() {
        let (outbox, mut drain) = Outbox::new();
        let large = packet(MEDIA_BYTES / 2);
        assert!(outbox.send(&large).is_ok());
        assert!(outbox.send(&large).is_err(), "the second passes the bound by its header");
        while outbox.send(&packet(1 << 10)).is_ok() {}
        for _ in 0..100 {
            outbox.send(&ToWorker::Control(Control::Keyframe)).expect("control has a share of its own");
        }
        let mut batch = Vec::new();
        drain.next(&mut batch, MAX_MESSAGES).await.expect("one waits");
        assert!(outbox.send(&large).is_ok());
        drop(drain);
        assert!(outbox.send(&packet(1)).is_err(), "nobody is left to take it");
    }

    #[tokio::test]
    async fn what_may_come_later_leaves_room_for_what_may_not() {
        let (outbox, mut drain) = Outbox::new();
        let large = packet(MAX_SPARE_BYTES);
        assert!(outbox.send_spare(&large).is_ok(), "whatever its size, alone");
        assert!(outbox.send_spare(&packet(1)).is_err());
        assert!(outbox.send(&packet(MAX_SPARE_BYTES / 4)).is_ok());
        let mut batch = Vec::new();
        drain.next(&mut batch, 16).await.expect("two wait");
        assert!(outbox.send_spare(&packet(1)).is_ok());
    }
}
