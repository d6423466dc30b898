//! GOP cache (fast start): the packets since the last keyframe.

use super::{Packet, Role, Track};

/// Most bytes of a cache. 16 MB is a 10 s GOP at 12 Mbit/s. A longer GOP only means that a new reader waits for the
/// next keyframe.
pub const MAX_BYTES: usize = 16 << 20;

/// Most packets a cache holds: 30 s at 60 fps with sound.
pub const MAX_PACKETS: usize = 4096;

/// Most packets of a cache whose stream gives a keyframe on request: 5 s at 30 fps with sound. Such streams can go for
/// minutes without a keyframe of their own, and requesting one is quicker than decoding minutes of packets.
pub const MAX_PACKETS_ON_REQUEST: usize = 400;

/// The packets that a new reader needs to show a stream at once: the latest config of each track, then everything since
/// the last keyframe in arrival order. Without video the cache holds only configs, since sound can begin with any
/// packet.
#[derive(Debug)]
pub struct GopCache {
    video_config: Option<Packet>,
    audio_config: Option<Packet>,
    packets: Vec<Packet>,
    bytes: usize,
    most: usize,
    /// True when the group since the last keyframe did not fit.
    overran: bool,
}

impl Default for GopCache {
    fn default() -> Self {
        Self::of(MAX_PACKETS)
    }
}

impl GopCache {
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty cache of at most `most` packets.
    pub fn of(most: usize) -> Self {
        Self { video_config: None, audio_config: None, packets: Vec::new(), bytes: 0, most, overran: false }
    }

    /// Takes the next packet of the stream.
    pub fn push(&mut self, packet: &Packet) {
        match (packet.track(), packet.role) {
            (Track::Video, Role::Config) => {
                // Packets that were encoded with the old parameters cannot follow the new ones.
                if self.video_config.as_ref().is_some_and(|old| old.data != packet.data) {
                    self.clear_packets();
                }
                self.video_config = Some(packet.clone());
            }
            (Track::Audio, Role::Config) => self.audio_config = Some(packet.clone()),
            (Track::Video, Role::Key) => {
                self.clear_packets();
                self.append(packet);
            }
            (Track::Video, Role::Delta) | (Track::Audio, _) => {
                if !self.packets.is_empty() {
                    self.append(packet);
                }
            }
        }
    }

    fn append(&mut self, packet: &Packet) {
        if self.bytes + packet.data.len() > MAX_BYTES || self.packets.len() >= self.most {
            self.clear_packets();
            self.overran = true;
            return;
        }
        self.bytes += packet.data.len();
        self.packets.push(packet.clone());
    }

    fn clear_packets(&mut self) {
        self.packets.clear();
        self.bytes = 0;
        self.overran = false;
    }

    /// Empties the cache, when the stream ends.
    pub fn clear(&mut self) {
        *self = Self::of(self.most);
    }

    /// True when [`GopCache::replay`] alone gives a new reader a picture.
    pub fn has_picture(&self) -> bool {
        !self.packets.is_empty()
    }

    /// True when the group of pictures does not fit, or soon will not: three quarters of the cache are used. A new
    /// reader may then see nothing before the next keyframe, if one ever comes.
    pub fn is_long(&self) -> bool {
        self.overran || self.bytes >= MAX_BYTES / 4 * 3 || self.packets.len() >= self.most / 4 * 3
    }

    /// The picture's latest config.
    pub fn video_config(&self) -> Option<&Packet> {
        self.video_config.as_ref()
    }

    /// Configs first, then the packets since the last keyframe.
    pub fn replay(&self) -> impl Iterator<Item = &Packet> {
        self.video_config.iter().chain(&self.audio_config).chain(&self.packets)
    }

    /// The latest configs alone, video before audio.
    pub fn configs(&self) -> impl Iterator<Item = &Packet> {
        self.video_config.iter().chain(&self.audio_config)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{super::*, *};

    fn packet(codec: Codec, role: Role, byte: u8) -> Packet {
        Packet { codec, role, pts: Timestamp::ZERO, dts: Timestamp::ZERO, data: Bytes::from(vec![byte]) }
    }

    const V: Codec = Codec::Video(VideoCodec::H264);
    const A: Codec = Codec::Audio(AudioCodec::Aac);

    fn replayed(cache: &GopCache) -> Vec<u8> {
        cache.replay().map(|p| p.data[0]).collect()
    }

    #[test]
    fn holds_configs_and_everything_since_the_last_keyframe() {
        let mut cache = GopCache::new();
        for (codec, role, byte) in [
            (A, Role::Config, 1),
            (A, Role::Key, 2),
            (V, Role::Config, 3),
            (V, Role::Delta, 4),
            (V, Role::Key, 5),
            (A, Role::Key, 6),
            (V, Role::Key, 7),
            (V, Role::Delta, 8),
            (A, Role::Key, 9),
        ] {
            cache.push(&packet(codec, role, byte));
        }
        assert_eq!(replayed(&cache), [3, 1, 7, 8, 9]);
        cache.push(&packet(V, Role::Config, 10));
        assert_eq!(replayed(&cache), [10, 1]);
        assert!(!cache.has_picture());
    }

    #[test]
    fn a_gop_beyond_the_bound_is_let_go_whole() {
        let mut cache = GopCache::new();
        cache.push(&packet(V, Role::Key, 1));
        for _ in 0..MAX_PACKETS {
            cache.push(&packet(V, Role::Delta, 2));
        }
        assert!(!cache.has_picture());
        cache.push(&packet(V, Role::Delta, 3));
        assert!(!cache.has_picture(), "a delta alone starts nothing");
        assert!(cache.is_long());
        cache.push(&packet(V, Role::Key, 1));
        assert!(!cache.is_long());
        for _ in 0..MAX_PACKETS / 4 * 3 {
            assert!(cache.has_picture());
            cache.push(&packet(V, Role::Delta, 2));
        }
        assert!(cache.is_long() && cache.has_picture(), "it says so while it holds everything still");
    }
}
