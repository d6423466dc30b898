//! The messages of one RTMP stream as packets.

use std::{collections::VecDeque, time::Instant};

use bytes::{Buf, Bytes};

use super::{Timeline, Unsupported, audio, video};
use crate::{
    front::rtmp::chunk::{Message, kind},
    media::{Packet, Role, Timestamp},
};

/// Reads tags, places them in time, and queues what they hold.
#[derive(Debug, Default)]
pub struct Incoming {
    timeline: Timeline,
    packets: VecDeque<Packet>,
}

impl Incoming {
    /// The next packet of what was taken.
    pub fn pop(&mut self) -> Option<Packet> {
        self.packets.pop_front()
    }

    /// Takes a message of media; `now` is when it arrived.
    pub fn take(&mut self, message: Message, now: Instant) -> Result<(), Unsupported> {
        match message.kind {
            kind::AGGREGATE => self.aggregate(&message, now),
            kind => self.tag(kind, message.timestamp, message.payload, now),
        }
    }

    fn tag(&mut self, kind: u8, timestamp: u32, tag: Bytes, now: Instant) -> Result<(), Unsupported> {
        let unit = match kind {
            kind::VIDEO => video(tag)?,
            kind::AUDIO => audio(tag)?,
            _ => None,
        };
        let Some(unit) = unit else { return Ok(()) };
        let track = unit.codec.track();
        let millis = match unit.role {
            Role::Config => self.timeline.newest(track),
            _ => self.timeline.place(track, timestamp, now),
        };
        let dts = Timestamp::from_millis(millis);
        let pts = Timestamp::from_millis(millis + i64::from(unit.composition));
        self.packets.push_back(Packet { codec: unit.codec, role: unit.role, pts, dts, data: unit.data });
        Ok(())
    }

    /// A run of FLV tags in one message, whose times are relative to the first's (RTMP 1.0 §7.1.6).
    fn aggregate(&mut self, message: &Message, now: Instant) -> Result<(), Unsupported> {
        const TAG_HEADER: usize = 11;
        const BACK_POINTER: usize = 4;
        let mut rest = message.payload.clone();
        let mut first = None;
        while rest.len() >= TAG_HEADER {
            let (kind, length) = (rest.get_u8(), rest.get_uint(3) as usize);
            let time = rest.get_uint(3) as u32 | u32::from(rest.get_u8()) << 24;
            rest.advance(3);
            if length > rest.len() {
                return Ok(());
            }
            let tag = rest.split_to(length);
            rest.advance(BACK_POINTER.min(rest.len()));
            let first = *first.get_or_insert(time);
            self.tag(kind, message.timestamp.wrapping_add(time.wrapping_sub(first)), tag, now)?;
        }
        Ok(())
    }
}
