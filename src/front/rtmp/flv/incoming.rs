//! The messages of one RTMP stream as packets.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes};

use super::{
    super::chunk::{Message, kind},
    Timeline, Unit, Unsupported, audio,
    headers::Headers,
    tag, video,
};
use crate::media::{Packet, Role, Timestamp, Track};

/// How often it is told that something is still left out: as often as it matters whether that is all of its track.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Most different things told to be left out of one stream; an encoder has one or two.
const MAX_TOLD: usize = 8;

/// How long a codec's header may come after what it is for before that is told: longer than encoders that send it late need.
const HEADER_WAIT: Duration = Duration::from_secs(1);

/// What comes out, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// The next packet.
    Packet(Packet),
    /// Something of the stream is left out, for this reason. Told again every 2 s while it goes on.
    Unusable(Track, String),
}

/// Reads tags, places them in time, and queues what they hold. What cannot be used is left out and told; the rest goes on.
#[derive(Debug, Default)]
pub struct Incoming {
    timeline: Timeline,
    headers: Headers,
    /// Since when units come that wait for a header, of picture and sound.
    waiting: [Option<Instant>; 2],
    ready: VecDeque<Media>,
    /// What was told, and when last.
    told: Vec<(Unsupported, Instant)>,
}

impl Incoming {
    /// The next of what was taken.
    pub fn pop(&mut self) -> Option<Media> {
        self.ready.pop_front()
    }

    /// Takes a message of media; `now` is when it arrived.
    pub fn take(&mut self, message: Message, now: Instant) {
        match message.kind {
            kind::AGGREGATE => self.aggregate(&message, now),
            kind => self.tag(kind, message.timestamp, message.payload, now),
        }
    }

    fn tag(&mut self, kind: u8, timestamp: u32, tag: Bytes, now: Instant) {
        let read = match kind {
            kind::VIDEO => video(tag),
            kind::AUDIO => audio(tag),
            _ => Ok(None),
        };
        let unit = match read {
            Ok(Some(unit)) => unit,
            Ok(None) => return,
            Err(unsupported) => return self.leave_out(unsupported, now),
        };
        let track = unit.codec.track();
        if unit.others {
            self.leave_out(tag::others(track), now);
        }
        let waiting = usize::from(track == Track::Audio);
        match self.headers.take(unit) {
            Ok(units) => {
                self.waiting[waiting] = None;
                for (later, unit) in units {
                    self.place(unit, timestamp.wrapping_add(later as u32), now);
                }
            }
            // The header may just be late.
            Err(unsupported) => {
                let since = *self.waiting[waiting].get_or_insert(now);
                if now.saturating_duration_since(since) >= HEADER_WAIT {
                    self.leave_out(unsupported, now);
                }
            }
        }
    }

    fn place(&mut self, unit: Unit, timestamp: u32, now: Instant) {
        let track = unit.codec.track();
        let millis = match unit.role {
            Role::Config => self.timeline.newest(track),
            _ => self.timeline.place(track, timestamp, now),
        };
        let dts = Timestamp::from_millis(millis);
        let pts = Timestamp::from_millis(millis + i64::from(unit.composition));
        let packet = Packet { codec: unit.codec, role: unit.role, pts, dts, data: unit.data };
        self.ready.push_back(Media::Packet(packet));
    }

    fn leave_out(&mut self, what: Unsupported, now: Instant) {
        match self.told.iter().position(|(told, _)| *told == what) {
            Some(place) if now.saturating_duration_since(self.told[place].1) < TELL_EVERY => return,
            Some(place) => self.told[place].1 = now,
            None if self.told.len() >= MAX_TOLD => return,
            None => self.told.push((what.clone(), now)),
        }
        self.ready.push_back(Media::Unusable(what.track(), what.to_string()));
    }

    /// A run of FLV tags in one message, whose times are relative to the first's (RTMP 1.0 §7.1.6).
    fn aggregate(&mut self, message: &Message, now: Instant) {
        const TAG_HEADER: usize = 11;
        const BACK_POINTER: usize = 4;
        let mut rest = message.payload.clone();
        let mut first = None;
        while rest.len() >= TAG_HEADER {
            let (kind, length) = (rest.get_u8(), rest.get_uint(3) as usize);
            let time = rest.get_uint(3) as u32 | u32::from(rest.get_u8()) << 24;
            rest.advance(3);
            if length > rest.len() {
                return;
            }
            let tag = rest.split_to(length);
            rest.advance(BACK_POINTER.min(rest.len()));
            let first = *first.get_or_insert(time);
            self.tag(kind, message.timestamp.wrapping_add(time.wrapping_sub(first)), tag, now);
        }
    }
}
