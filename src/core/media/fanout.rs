//! Fan-out (broadcast): one stream of packets to many readers, each with its own bounded queue.
//!
//! The writer never waits. A slow reader loses old packets and goes on at a keyframe; other readers are not affected.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::Notify;

use super::{GopCache, Packet, Role, Timestamp, Track};

/// Most bytes that may wait for one reader, beside the GOP that the reader began with. This is twice the bytes of
/// [`MAX_AGE`] at 8 Mbit/s, so that age bounds every usual stream.
pub const MAX_QUEUE_BYTES: usize = 4 << 20;

/// Most packets that may wait for one reader. This bounds streams of tiny packets: 10 s at 60 fps with sound.
pub const MAX_QUEUE_PACKETS: usize = 1100;

/// Longest time that a packet waits for its reader, as time of the stream: how far the stream went on meanwhile. For a
/// viewer or a relay, two missing seconds are better than a delay of two seconds from then on.
pub const MAX_AGE: Duration = Duration::from_secs(2);

/// Largest age of the keyframe at which a slow reader goes on. The reader then has the same time again before the next
/// skip. From an older keyframe the reader would hardly get beyond that picture.
const RESUME_AGE: Duration = Duration::from_secs(1);

/// A stream with its GOP cache and its readers. Clones share the stream; any clone may push and subscribe.
#[derive(Debug, Clone, Default)]
pub struct Fanout {
    stream: Arc<Mutex<Stream>>,
}

#[derive(Debug, Default)]
struct Stream {
    cache: GopCache,
    readers: Vec<Weak<Queue>>,
    ended: bool,
    /// The newest timestamp that was pushed.
    edge: Option<Timestamp>,
}

impl Fanout {
    /// No packets, no readers.
    pub fn new() -> Self {
        Self::default()
    }

    /// No packets, no readers and no cache: a later subscriber waits for a keyframe.
    pub fn uncached() -> Self {
        Self { stream: Arc::new(Mutex::new(Stream { cache: GopCache::of(0), ..Stream::default() })) }
    }

    fn lock(&self) -> MutexGuard<'_, Stream> {
        // No code under this lock can panic between two changes.
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the packet to every reader. Never waits for one.
    pub fn push(&self, packet: &Packet) {
        let mut stream = self.lock();
        stream.cache.push(packet);
        let edge = stream.edge.map_or(packet.dts, |edge| edge.max(packet.dts));
        stream.edge = Some(edge);
        stream.readers.retain(|reader| match reader.upgrade() {
            Some(queue) => {
                queue.push(packet, edge);
                true
            }
            None => false,
        });
    }

    /// A reader that begins with the cached GOP, so that it has a picture at once. The age of cached packets counts
    /// from now on.
    pub fn subscribe(&self) -> Subscription {
        let queue = Arc::new(Queue::default());
        let mut stream = self.lock();
        {
            let mut state = queue.lock();
            state.ended = stream.ended;
            state.awaits_keyframe = !stream.cache.has_picture();
            let edge = stream.edge.unwrap_or_default();
            let cached = stream.cache.replay().cloned();
            state.waiting.extend(cached.map(|packet| Waiting { packet, edge, cached: true }));
        }
        stream.readers.push(Arc::downgrade(&queue));
        Subscription { queue }
    }

    /// How many readers there are.
    pub fn readers(&self) -> usize {
        self.lock().readers.iter().filter(|reader| reader.strong_count() > 0).count()
    }

    /// True when a new reader would have a picture at once.
    pub fn has_picture(&self) -> bool {
        self.lock().cache.has_picture()
    }

    /// Ends the stream: every reader, present and future, gets the queued packets and then the end.
    pub fn end(&self) {
        let mut stream = self.lock();
        stream.ended = true;
        for queue in stream.readers.iter().filter_map(Weak::upgrade) {
            queue.lock().ended = true;
            queue.wake.notify_one();
        }
    }
}

/// The reading end of a [`Fanout`]. Dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    queue: Arc<Queue>,
}

/// Counters of one reader's queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueStats {
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
                if let Some(packet) = state.pop() {
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
        self.queue.lock().pop()
    }

    /// Counters of this reader.
    pub fn stats(&self) -> QueueStats {
        let state = self.queue.lock();
        QueueStats { queued: state.waiting.len(), dropped: state.dropped }
    }
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<QueueState>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<Waiting>,
    /// Bytes and packets that wait, without the cached ones: the cache has its own bounds, and shares its packets.
    load: Load,
    awaits_keyframe: bool,
    ended: bool,
    dropped: u64,
}

#[derive(Debug)]
struct Waiting {
    packet: Packet,
    /// The stream's newest timestamp when this packet began to wait.
    edge: Timestamp,
    /// True if the packet is of the GOP that the reader began with.
    cached: bool,
}

impl Waiting {
    fn is_config(&self) -> bool {
        self.packet.role == Role::Config
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Load {
    bytes: usize,
    packets: usize,
}

impl Load {
    fn of<'a>(waiting: impl IntoIterator<Item = &'a Waiting>) -> Self {
        let fresh = waiting.into_iter().filter(|waiting| !waiting.cached);
        fresh.fold(Self::default(), |load, waiting| Self {
            bytes: load.bytes + waiting.packet.data.len(),
            packets: load.packets + 1,
        })
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // Every update below leaves the state whole, so a panic elsewhere cannot have broken it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, packet: &Packet, edge: Timestamp) {
        self.lock().push(packet, edge);
        self.wake.notify_one();
    }
}

impl QueueState {
    fn pop(&mut self) -> Option<Packet> {
        let waiting = self.waiting.pop_front()?;
        if !waiting.cached {
            self.load.bytes -= waiting.packet.data.len();
            self.load.packets -= 1;
        }
        Some(waiting.packet)
    }

    fn push(&mut self, packet: &Packet, edge: Timestamp) {
        let config = packet.role == Role::Config;
        let oldest = self.waiting.iter().find(|waiting| !waiting.is_config());
        if oldest.is_some_and(|oldest| edge.since(oldest.edge) > MAX_AGE) {
            self.skip(edge);
        }
        if packet.is_keyframe() {
            self.awaits_keyframe = false;
        }
        let bytes = self.load.bytes + packet.data.len();
        if bytes > MAX_QUEUE_BYTES || self.load.packets >= MAX_QUEUE_PACKETS {
            self.keep(|_| false);
            self.awaits_keyframe = !packet.is_keyframe();
        }
        if self.awaits_keyframe && packet.track() == Track::Video && !config {
            self.dropped += 1;
            return;
        }
        if config {
            // A reader needs each track's latest config once. This also bounds a flood of configs.
            let same = |old: &Packet| old.role == Role::Config && old.codec == packet.codec && old.data == packet.data;
            self.waiting.retain(|waiting| !same(&waiting.packet));
            self.load = Load::of(&self.waiting);
        }
        self.waiting.push_back(Waiting { packet: packet.clone(), edge, cached: false });
        self.load.bytes += packet.data.len();
        self.load.packets += 1;
    }

    /// Drops what is too old: pictures up to a keyframe, and sound beyond the largest age.
    fn skip(&mut self, edge: Timestamp) {
        let young = |waiting: &Waiting| edge.since(waiting.edge) <= RESUME_AGE;
        let resume = self.waiting.iter().rposition(|waiting| waiting.packet.is_keyframe() && young(waiting));
        self.awaits_keyframe = resume.is_none();
        let mut at = 0;
        self.keep(|waiting| {
            let follows = resume.is_some_and(|resume| at >= resume);
            at += 1;
            follows || (waiting.packet.track() == Track::Audio && young(waiting))
        });
    }

    /// Drops packets that are not `wanted`, in order, but keeps the configs that the remaining packets need.
    fn keep(&mut self, mut wanted: impl FnMut(&Waiting) -> bool) {
        let mut kept: VecDeque<Waiting> = VecDeque::new();
        for waiting in self.waiting.drain(..) {
            let wanted = wanted(&waiting);
            if waiting.is_config() {
                if kept.iter().all(Waiting::is_config) {
                    kept.retain(|old| old.packet.codec != waiting.packet.codec);
                }
                kept.push_back(waiting);
            } else if wanted {
                kept.push_back(waiting);
            } else {
                self.dropped += 1;
            }
        }
        self.load = Load::of(&kept);
        self.waiting = kept;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{super::*, *};

    fn packet(role: Role, bytes: usize) -> Packet {
        at(role, 0, bytes)
    }

    fn at(role: Role, millis: i64, bytes: usize) -> Packet {
        let (codec, dts) = (Codec::Video(VideoCodec::H264), Timestamp::from_millis(millis));
        Packet { codec, role, pts: dts, dts, data: Bytes::from(vec![0; bytes]) }
    }

    fn sound(millis: i64) -> Packet {
        Packet { codec: Codec::Audio(AudioCodec::Aac), ..at(Role::Key, millis, 1) }
    }

    fn drain(reader: &mut Subscription) -> Vec<Role> {
        std::iter::from_fn(|| reader.try_next()).map(|p| p.role).collect()
    }

    /// Timestamps in ms of the waiting packets, and whether each is sound.
    fn times(reader: &mut Subscription) -> Vec<(i64, bool)> {
        std::iter::from_fn(|| reader.try_next()).map(|p| (p.dts.millis(), p.track() == Track::Audio)).collect()
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
    fn a_newcomer_keeps_the_cached_gop_however_large() {
        let fanout = Fanout::new();
        fanout.push(&packet(Role::Config, 10));
        fanout.push(&packet(Role::Key, 3 << 20));
        (0..4).for_each(|_| fanout.push(&packet(Role::Delta, 1 << 20)));
        let mut late = fanout.subscribe();
        fanout.push(&packet(Role::Delta, 1));
        let whole = [[Role::Config, Role::Key].as_slice(), &[Role::Delta; 5]].concat();
        assert_eq!(drain(&mut late), whole);
        assert_eq!(late.stats(), QueueStats::default());
        let mut slow = fanout.subscribe();
        (0..5).for_each(|_| fanout.push(&packet(Role::Delta, 1 << 20)));
        assert_eq!(drain(&mut slow), [Role::Config], "what comes after it is bounded as ever");
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

    #[test]
    fn what_waits_is_never_older_than_two_seconds() {
        let fanout = Fanout::new();
        let mut reader = fanout.subscribe();
        fanout.push(&packet(Role::Config, 1));
        for millis in (0..10_000).step_by(100) {
            let role = if millis % 1500 == 0 { Role::Key } else { Role::Delta };
            fanout.push(&at(role, millis, 1));
            fanout.push(&sound(millis));
            let state = reader.queue.lock();
            let waits = state.waiting.iter().filter(|waiting| !waiting.is_config());
            let oldest = waits.map(|waiting| waiting.packet.dts.millis()).min().expect("sound waits");
            assert!(millis - oldest <= 2000, "{oldest} waits at {millis}");
        }
        let config = reader.try_next().expect("the config");
        assert_eq!(config.role, Role::Config);
        let mut rest = std::iter::from_fn(|| reader.try_next());
        let picture = rest.find(|packet| packet.track() == Track::Video).expect("a picture");
        assert!(picture.is_keyframe(), "it goes on at a keyframe: {picture:?}");
    }

    #[test]
    fn a_reader_that_stalled_goes_on_at_a_young_keyframe() {
        let fanout = Fanout::new();
        let mut reader = fanout.subscribe();
        for (role, millis) in [(Role::Key, 0), (Role::Delta, 500), (Role::Key, 1200), (Role::Delta, 1500)] {
            fanout.push(&at(role, millis, 1));
        }
        fanout.push(&sound(1000));
        fanout.push(&sound(1600));
        fanout.push(&at(Role::Delta, 2001, 1));
        assert_eq!(times(&mut reader), [(1200, false), (1500, false), (1000, true), (1600, true), (2001, false)]);
        assert_eq!(reader.stats().dropped, 2);
        // The only keyframe is too old to begin with, so the reader waits for the next; sound goes on.
        fanout.push(&at(Role::Key, 3000, 1));
        fanout.push(&sound(4500));
        fanout.push(&at(Role::Delta, 5001, 1));
        fanout.push(&at(Role::Key, 5100, 1));
        assert_eq!(times(&mut reader), [(4500, true), (5100, false)]);
    }

    #[test]
    fn the_cached_gop_ages_from_when_it_was_given() {
        let fanout = Fanout::new();
        fanout.push(&at(Role::Key, 0, 1));
        (1..=8).for_each(|second| fanout.push(&at(Role::Delta, second * 1000, 1)));
        let mut reader = fanout.subscribe();
        fanout.push(&at(Role::Delta, 10_000, 1));
        assert_eq!(times(&mut reader).len(), 10, "all of it, though the keyframe is of long ago");
        let mut slow = fanout.subscribe();
        fanout.push(&at(Role::Delta, 12_001, 1));
        assert_eq!(times(&mut slow), []);
    }

    #[test]
    fn a_flood_of_configs_is_bounded() {
        let fanout = Fanout::new();
        let reader = fanout.subscribe();
        for number in 0..5000_u32 {
            fanout.push(&sound(0));
            fanout.push(&Packet { data: Bytes::from(number.to_be_bytes().to_vec()), ..packet(Role::Config, 0) });
        }
        assert!(reader.stats().queued <= MAX_QUEUE_PACKETS, "{:?}", reader.stats());
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
