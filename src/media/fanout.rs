//! One stream of packets to many readers, each with its own bounded queue.
//!
//! The writer never waits. A reader that falls behind loses everything up to the next keyframe, and only that reader.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::Notify;

use super::{GopCache, Packet, Role, Track};

/// Most bytes one reader may have waiting: 4 s at 8 Mbit/s, the longest stall a viewer would sit through anyway.
pub const MAX_QUEUE_BYTES: usize = 4 << 20;

/// Most packets one reader may have waiting, which bounds streams of tiny packets: 10 s at 60 fps with sound.
pub const MAX_QUEUE_PACKETS: usize = 1100;

/// A stream with its GOP cache and its readers. Clones share the stream; any of them may push or subscribe.
#[derive(Debug, Clone, Default)]
pub struct Fanout {
    stream: Arc<Mutex<Stream>>,
}

#[derive(Debug, Default)]
struct Stream {
    cache: GopCache,
    readers: Vec<Weak<Queue>>,
    ended: bool,
}

impl Fanout {
    /// No packets, no readers.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Stream> {
        // Nothing under this lock can panic half-way.
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the packet to every reader. Never waits for one.
    pub fn push(&self, packet: &Packet) {
        let mut stream = self.lock();
        stream.cache.push(packet);
        stream.readers.retain(|reader| match reader.upgrade() {
            Some(queue) => {
                queue.push(packet);
                true
            }
            None => false,
        });
    }

    /// A reader that begins with the cached GOP, so that it has a picture at once.
    pub fn subscribe(&self) -> Subscription {
        let queue = Arc::new(Queue::default());
        let mut stream = self.lock();
        {
            let mut state = queue.lock();
            state.ended = stream.ended;
            state.awaits_keyframe = !stream.cache.has_picture();
            state.packets.extend(stream.cache.replay().cloned());
            state.bytes = state.packets.iter().map(|p| p.data.len()).sum();
        }
        stream.readers.push(Arc::downgrade(&queue));
        Subscription { queue }
    }

    /// How many readers there are.
    pub fn readers(&self) -> usize {
        self.lock().readers.iter().filter(|reader| reader.strong_count() > 0).count()
    }

    /// True when a newcomer would have a picture at once.
    pub fn has_picture(&self) -> bool {
        self.lock().cache.has_picture()
    }

    /// Ends the stream: every reader, present and future, gets what is queued and then the end.
    pub fn end(&self) {
        let mut stream = self.lock();
        stream.ended = true;
        for queue in stream.readers.iter().filter_map(Weak::upgrade) {
            queue.lock().ended = true;
            queue.wake.notify_one();
        }
    }
}

/// The reading end; dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    queue: Arc<Queue>,
}

/// What a reader's queue has been through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Packets waiting now.
    pub queued: usize,
    /// Packets lost because this reader was slow, since it subscribed.
    pub dropped: u64,
}

impl Subscription {
    /// The next packet, or `None` when the stream has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Packet> {
        loop {
            {
                let mut state = self.queue.lock();
                if let Some(packet) = state.packets.pop_front() {
                    state.bytes -= packet.data.len();
                    return Some(packet);
                }
                if state.ended {
                    return None;
                }
            }
            self.queue.wake.notified().await;
        }
    }

    /// The next packet if one is waiting now.
    pub fn try_next(&mut self) -> Option<Packet> {
        let mut state = self.queue.lock();
        let packet = state.packets.pop_front()?;
        state.bytes -= packet.data.len();
        Some(packet)
    }

    /// Counters of this reader.
    pub fn stats(&self) -> QueueStats {
        let state = self.queue.lock();
        QueueStats { queued: state.packets.len(), dropped: state.dropped }
    }
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<QueueState>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct QueueState {
    packets: VecDeque<Packet>,
    bytes: usize,
    awaits_keyframe: bool,
    ended: bool,
    dropped: u64,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // Every update below leaves the state whole, so a panic elsewhere cannot have broken it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, packet: &Packet) {
        self.lock().push(packet);
        self.wake.notify_one();
    }
}

impl QueueState {
    fn push(&mut self, packet: &Packet) {
        if packet.is_keyframe() {
            self.awaits_keyframe = false;
        }
        let full = self.bytes + packet.data.len() > MAX_QUEUE_BYTES || self.packets.len() >= MAX_QUEUE_PACKETS;
        if full && packet.role != Role::Config {
            self.drop_waiting();
            self.awaits_keyframe = !packet.is_keyframe();
        }
        let skip = self.awaits_keyframe && packet.track() == Track::Video && packet.role != Role::Config;
        if skip {
            self.dropped += 1;
            return;
        }
        if packet.role == Role::Config {
            // A reader needs each track's latest config once; this also keeps a flood of configs bounded.
            let before = self.packets.len();
            self.packets.retain(|p| p.role != Role::Config || p.codec != packet.codec || p.data != packet.data);
            if self.packets.len() != before {
                self.bytes = self.packets.iter().map(|p| p.data.len()).sum();
            }
        }
        self.bytes += packet.data.len();
        self.packets.push_back(packet.clone());
    }

    fn drop_waiting(&mut self) {
        let before = self.packets.len();
        let mut configs: Vec<Packet> = Vec::new();
        for packet in self.packets.drain(..).filter(|p| p.role == Role::Config) {
            configs.retain(|c| c.codec != packet.codec);
            configs.push(packet);
        }
        self.dropped += (before - configs.len()) as u64;
        self.bytes = configs.iter().map(|p| p.data.len()).sum();
        self.packets.extend(configs);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{super::*, *};

    fn packet(role: Role, bytes: usize) -> Packet {
        let codec = Codec::Video(VideoCodec::H264);
        Packet { codec, role, pts: Timestamp::ZERO, dts: Timestamp::ZERO, data: Bytes::from(vec![0; bytes]) }
    }

    fn drain(reader: &mut Subscription) -> Vec<Role> {
        std::iter::from_fn(|| reader.try_next()).map(|p| p.role).collect()
    }

    #[test]
    fn a_newcomer_starts_at_the_cached_keyframe() {
        let fanout = Fanout::new();
        let mut early = fanout.subscribe();
        for role in [Role::Config, Role::Delta, Role::Key, Role::Delta] {
            fanout.push(&packet(role, 1));
        }
        assert_eq!(drain(&mut early), [Role::Config, Role::Key, Role::Delta]);
        let mut late = fanout.subscribe();
        assert_eq!(drain(&mut late), [Role::Config, Role::Key, Role::Delta]);
        assert_eq!(fanout.readers(), 2);
    }

    #[test]
    fn a_slow_reader_skips_to_the_next_keyframe_and_keeps_the_config() {
        let fanout = Fanout::new();
        let (mut slow, mut quick) = (fanout.subscribe(), fanout.subscribe());
        fanout.push(&packet(Role::Config, 10));
        fanout.push(&packet(Role::Key, MAX_QUEUE_BYTES / 2));
        assert_eq!(drain(&mut quick), [Role::Config, Role::Key]);
        fanout.push(&packet(Role::Delta, MAX_QUEUE_BYTES));
        fanout.push(&packet(Role::Delta, 1));
        assert_eq!(drain(&mut slow), [Role::Config], "nothing decodable is left of the old GOP");
        assert_eq!(slow.stats().dropped, 3);
        fanout.push(&packet(Role::Key, 1));
        fanout.push(&packet(Role::Delta, 1));
        assert_eq!(drain(&mut slow), [Role::Key, Role::Delta]);
    }

    #[tokio::test]
    async fn readers_learn_of_the_end_after_what_was_queued() {
        let fanout = Fanout::new();
        let mut reader = fanout.subscribe();
        fanout.push(&packet(Role::Key, 1));
        fanout.end();
        assert!(reader.next().await.is_some());
        assert!(reader.next().await.is_none());
    }
}
