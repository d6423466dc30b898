//! What a publishing client sends, as packets: one time line, one layer, our framing. PURE but for the RTP stack's own types.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;
use str0m::{
    format::Codec as Format,
    media::{MediaData, MediaTime, Mid, Rid, SenderFeedback},
    rtp::Ssrc,
};

use super::{
    frame,
    h264::FromAnnexB,
    keyframes::Keyframes,
    layers::{Layer, Layers, MAX_LAYERS},
    loss_recovery::Patience,
    peer::Sections,
    timeline::{Lane, SOUND, Timeline},
};
use crate::{
    front::model::Demand,
    media::{AudioCodec, Codec, ColorSpace, Packet, Role, Size, Timestamp, Track, VideoCodec},
};

/// What a tile's picture is worth, bit/s: a sixth of a bit for each pixel of each of 30 frames a second, at which every codec
/// here looks good and browsers do not send less than the tile's size.
fn worth(tile: Size) -> u64 {
    u64::from(tile.width) * u64::from(tile.height) * 5
}

/// Least rate that a sender is held to, bit/s: enough to keep sound and a small picture, so that it is there when wanted.
const LEAST_RATE: u64 = 200_000;
/// Most rate that a sender is asked for, bit/s: full HD at its best.
const MOST_RATE: u64 = 6_000_000;
/// The share of the sound, and of headers, bit/s.
const SOUND_RATE: u64 = 80_000;

/// Furthest that a picture goes back for being reordered: 16 pictures, the most that H.264 has, at 24 fps.
const REORDERED: Duration = Duration::from_millis(670);

/// How often a layer whose size is unknown is asked for a keyframe, which tells it: its first was lost.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What an RTP packet says of itself in clear (RFC 3550 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its stream.
    pub ssrc: Ssrc,
    /// Its number in the stream, which wraps.
    pub number: u16,
    /// RTP time of its frame, which wraps.
    pub time: u32,
}

impl Head {
    /// Of a datagram, if it is RTP.
    pub fn read(datagram: &[u8]) -> Option<Self> {
        let head: &[u8; 12] = datagram.first_chunk()?;
        // Others on the port begin otherwise (RFC 7983 §7), and RTCP has its own second bytes (RFC 5761 §4).
        let is_rtp = head[0] >> 6 == 2 && !(192..=223).contains(&head[1]);
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        is_rtp.then(|| Self { ssrc: word(8).into(), number: u16::from_be_bytes([head[2], head[3]]), time: word(4) })
    }
}

/// What comes out, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// The next packet.
    Packet(Packet),
    /// Pictures from here on are to be turned clockwise by so many quarters.
    Turned(u8),
    /// Pictures from here on are coloured so where their bitstream does not say.
    Colored(ColorSpace),
}

/// See the module.
#[derive(Debug)]
pub struct Intake {
    sections: Sections,
    timeline: Timeline,
    layers: Layers,
    /// The layers' names, by number, each with what is known of its stream.
    streams: Vec<Stream>,
    keyframes: Keyframes,
    demand: Demand,
    /// What comes next decodes: a keyframe went out, and since then nothing was lost that the codec cannot do without.
    decodes: bool,
    /// The codec tells sizes, so layers of unknown size are asked for a keyframe, then.
    probe: Option<Instant>,
    /// The last `avcC` record that went out.
    config: Option<Bytes>,
    turned: u8,
    color: ColorSpace,
    /// Where the picture and the sound stand.
    last: [Option<Timestamp>; 2],
    ready: VecDeque<Media>,
}

#[derive(Debug)]
struct Stream {
    rid: Option<Rid>,
    /// Its name on the wire.
    ssrc: Option<Ssrc>,
    patience: Patience,
    framer: FromAnnexB,
}

impl Intake {
    /// Of a session with these sections.
    pub fn new(sections: Sections) -> Self {
        Self {
            sections,
            timeline: Timeline::default(),
            layers: Layers::default(),
            streams: Vec::new(),
            keyframes: Keyframes::default(),
            demand: Demand::default(),
            decodes: false,
            probe: None,
            config: None,
            turned: 0,
            color: ColorSpace::default(),
            last: [None; 2],
            ready: VecDeque::new(),
        }
    }

    /// The next of what was taken.
    pub fn pop(&mut self) -> Option<Media> {
        self.ready.pop_front()
    }

    /// What the room can use from now on.
    pub fn demand(&mut self, demand: Demand) {
        if demand.keyframes != self.demand.keyframes {
            self.keyframes.want();
        }
        self.demand = demand;
    }

    /// The rate that the sender should stay below, bit/s: what its tile can show.
    pub fn rate(&self) -> u64 {
        let picture = self.demand.tile.map_or(0, worth);
        // A sender of several layers spends about a third on the smaller ones.
        let picture = if self.streams.len() > 1 { picture * 4 / 3 } else { picture };
        (picture + SOUND_RATE).clamp(LEAST_RATE, MOST_RATE)
    }

    /// The layer of which to ask a keyframe now, if any. It counts as asked for.
    pub fn keyframe_to_ask(&mut self, now: Instant) -> Option<Option<Rid>> {
        let wanted = self.layers.wanted(self.demand.tile, now);
        // Before anything decodable came there is one stream at least that can be asked.
        let rid = self.streams.get(wanted.unwrap_or(0))?.rid;
        if self.layers.current() != wanted {
            self.keyframes.want();
        }
        if self.keyframes.ask(self.doubt(), now) {
            return Some(rid);
        }
        let unknown = self.layers.unknown(now).filter(|_| self.streams.len() > 1)?;
        let due = self.probe.is_some_and(|at| at <= now);
        if due {
            self.probe = Some(now + PROBE_EVERY);
        }
        due.then(|| self.streams[unknown].rid)
    }

    /// When to look at [`Intake::keyframe_to_ask`] again.
    pub fn next_keyframe(&self, now: Instant) -> Option<Instant> {
        self.keyframes.next(self.doubt(), now).filter(|_| !self.streams.is_empty())
    }

    /// When to look at [`Intake::gives_up`] again.
    pub fn next_end(&self) -> Option<Instant> {
        self.streams.iter().filter_map(|stream| stream.patience.ends_at()).min()
    }

    /// A layer that now goes on without what it misses, if any. It counts as done.
    pub fn gives_up(&mut self, now: Instant) -> Option<Option<Rid>> {
        self.streams.iter_mut().find_map(|stream| stream.patience.gives_up(now).then_some(stream.rid))
    }

    /// When a keyframe of the layer that goes to the room would be good to have, as what it misses may never come.
    fn doubt(&self) -> Option<Instant> {
        // Of the first of all keyframes something may be missing too.
        self.streams.get(self.layers.current().unwrap_or(0))?.patience.asks_at()
    }

    /// A layer's pictures bear this name on the wire.
    pub fn meet(&mut self, rid: Option<Rid>, ssrc: Ssrc, now: Instant) {
        if let Some(layer) = self.layer(rid, now) {
            self.streams[layer].ssrc = Some(ssrc);
        }
    }

    /// A packet came; frames follow from it when they are whole. What it says of itself is not verified yet.
    pub fn hear(&mut self, head: Head, now: Instant) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == Some(head.ssrc)) {
            stream.patience.heard(head.number, head.time, now);
        }
    }

    /// What a question to the sender of this layer and its answer take.
    pub fn measured(&mut self, rid: Option<Rid>, round_trip: Duration) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.rid == rid) {
            stream.patience.measured(round_trip);
        }
    }

    /// Names of the layers that were heard, for feedback.
    pub fn rids(&self) -> impl Iterator<Item = Option<Rid>> + '_ {
        self.streams.iter().map(|stream| stream.rid)
    }

    /// Takes a frame.
    pub fn take(&mut self, data: MediaData, now: Instant) {
        let codec = data.params.spec().codec;
        if Some(data.mid) == self.sections.audio {
            let codec = match codec {
                Format::Opus => AudioCodec::Opus,
                Format::PCMA => AudioCodec::Pcma,
                Format::PCMU => AudioCodec::Pcmu,
                _ => return,
            };
            let pts = self.timeline.place(SOUND, nanos(data.time), data.network_time);
            self.push(Codec::Audio(codec), Role::Key, pts, Bytes::from_owner(data.data));
        } else if Some(data.mid) == self.sections.video {
            let codec = match codec {
                Format::H264 => VideoCodec::H264,
                Format::Vp8 => VideoCodec::Vp8,
                Format::Vp9 => VideoCodec::Vp9,
                Format::Av1 => VideoCodec::Av1,
                _ => return,
            };
            self.picture(codec, data, now);
        }
    }

    /// Takes a sender report.
    pub fn report(&mut self, report: &SenderFeedback) {
        let since_epoch = report.sender_info.ntp_time.duration_since(std::time::UNIX_EPOCH);
        let Some(ntp) = since_epoch.ok().and_then(|since| i64::try_from(since.as_nanos()).ok()) else { return };
        let lane = match report.mid {
            mid if Some(mid) == self.sections.audio => Some(SOUND),
            mid if Some(mid) == self.sections.video => {
                self.streams.iter().position(|stream| stream.rid == report.rid).map(lane_of)
            }
            _ => None,
        };
        // Before the first packet the stack does not know the stream's rate.
        if let Some(lane) = lane.filter(|_| report.sender_info.rtp_time.denom() > 1) {
            self.timeline.report(lane, nanos(report.sender_info.rtp_time), ntp);
        }
    }

    fn picture(&mut self, codec: VideoCodec, data: MediaData, now: Instant) {
        let Some(layer) = self.layer(data.rid, now) else { return };
        self.streams[layer].patience.came(**data.seq_range.end() as u16);
        let pts = self.timeline.place(lane_of(layer), nanos(data.time), data.network_time);
        let framer = &mut self.streams[layer].framer;
        let bytes = data.data.len();
        let (key, payload) = match codec {
            VideoCodec::H264 => match framer.take(&data.data) {
                Some(unit) => (unit.role == Role::Key, unit.data),
                // Parameters alone, or a picture before any.
                None => return self.keyframes.want(),
            },
            _ => (data.is_keyframe(), Bytes::from_owner(data.data.clone())),
        };
        let size = match codec {
            VideoCodec::H264 if key => framer.size(),
            VideoCodec::Vp8 if key => frame::vp8_size(&payload),
            VideoCodec::Vp9 if key => frame::vp9_size(&payload),
            _ => None,
        };
        self.layers.heard(layer, bytes, size, now);
        if size.is_some() {
            self.probe.get_or_insert(now + PROBE_EVERY);
        }
        let wanted = self.layers.wanted(self.demand.tile, now);
        if key && wanted == Some(layer) {
            self.layers.change(layer);
            self.keyframes.came();
        } else if wanted != self.layers.current() {
            self.keyframes.want();
        }
        if self.layers.current() != Some(layer) {
            return;
        }
        if key {
            self.decodes = true;
        } else if !data.contiguous {
            self.keyframes.want();
            self.decodes &= hides_loss(codec);
        }
        if !self.decodes {
            return self.keyframes.want();
        }
        self.turn(&data);
        self.color(&data, key);
        self.configure(layer, codec, pts);
        self.push(Codec::Video(codec), if key { Role::Key } else { Role::Delta }, pts, payload);
    }

    /// A change of orientation (3GPP TS 26.114 §7.4.5), which senders tell with keyframes and whenever it changes.
    fn turn(&mut self, data: &MediaData) {
        let Some(turned) = data.ext_vals.video_orientation.map(|orientation| orientation as u8) else { return };
        if turned != self.turned {
            self.turned = turned;
            self.ready.push_back(Media::Turned(turned));
        }
    }

    /// A change of colours. Senders tell them with keyframes and whenever they change.
    fn color(&mut self, data: &MediaData, key: bool) {
        let space = match data.ext_vals.user_values.get::<ColorSpace>() {
            Some(space) => *space,
            None if key => ColorSpace::default(),
            None => return,
        };
        if space != self.color {
            self.color = space;
            self.ready.push_back(Media::Colored(space));
        }
    }

    fn configure(&mut self, layer: Layer, codec: VideoCodec, pts: Timestamp) {
        if codec != VideoCodec::H264 {
            self.config = None;
            return;
        }
        let config = self.streams[layer].framer.config();
        if config != self.config.as_ref() {
            self.config = config.cloned();
            if let Some(config) = self.config.clone() {
                self.push(Codec::Video(codec), Role::Config, pts, config);
            }
        }
    }

    fn push(&mut self, codec: Codec, role: Role, pts: Timestamp, data: Bytes) {
        let last = &mut self.last[usize::from(codec.track() == Track::Audio)];
        // Layers agree on the time to within a few ms, so a change of layer may seem to go back.
        let newest = last.map_or(pts, |last| last.max(pts));
        *last = Some(newest);
        // Encoders that are no browsers reorder pictures of H.264: one that is shown before those that it is made of goes back. When it is
        // to be decoded RTP does not say; that is never earlier than what came before it.
        let reorders = codec == Codec::Video(VideoCodec::H264) && role == Role::Delta;
        let pts = if reorders && newest.since(pts) <= REORDERED { pts } else { newest };
        self.ready.push_back(Media::Packet(Packet { codec, role, pts, dts: newest, data }));
    }

    /// The number of a layer; `None` when a sender has too many.
    fn layer(&mut self, rid: Option<Rid>, now: Instant) -> Option<Layer> {
        if let Some(known) = self.streams.iter().position(|stream| stream.rid == rid) {
            return Some(known);
        }
        if self.streams.len() >= MAX_LAYERS {
            return None;
        }
        if self.streams.is_empty() {
            self.keyframes.begins(now);
        }
        self.streams.push(Stream { rid, ssrc: None, patience: Patience::default(), framer: FromAnnexB::default() });
        Some(self.streams.len() - 1)
    }

    /// The section of the picture, for feedback.
    pub fn picture_section(&self) -> Option<Mid> {
        self.sections.video
    }
}

/// Whether pictures go on after one was lost. Our decoder of H.264 makes up for it, and encoders that send nothing else know no
/// request for a keyframe as a rule: what would stand until their next, seconds later, rather shows a flaw. The other codecs come
/// from browsers, which answer within a blink, and their decoders would smear the picture until then.
fn hides_loss(codec: VideoCodec) -> bool {
    codec == VideoCodec::H264
}

fn lane_of(layer: Layer) -> Lane {
    SOUND + 1 + layer
}

fn nanos(time: MediaTime) -> i64 {
    let (units, rate) = (i128::from(time.numer()), i128::from(time.denom()));
    i64::try_from(units * 1_000_000_000 / rate.max(1)).unwrap_or(i64::MAX)
}
