//! The program for one client that watches: our packets as the RTP stack's frames. PURE but for that stack's own types.

use std::time::{Duration, Instant};

use str0m::{
    Rtc, RtcError,
    format::Codec as Format,
    media::{Frequency, MediaTime},
};

use super::{h264::ToAnnexB, peer::Sections};
use crate::media::{AudioCodec, Codec, Packet, Role, Timestamp, Track, VideoCodec};

/// How far apart the frames are that a newcomer is given of the time before it came. Their true distance would put it that
/// much behind, for good; so it sees them in a blink and is then with everyone.
const CATCH_UP: Duration = Duration::from_millis(2);

/// Most of the past that a newcomer is given, bytes: what a line of 20 Mbit/s takes in a tenth of a second. Beyond it a fresh
/// keyframe is there sooner.
const MOST_PAST: usize = 256 * 1024;

/// Zero of the program's time line on the wire: early enough that nothing before the first packet is negative.
const LEAD: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub struct Outlet {
    sections: Sections,
    framer: ToAnnexB,
    /// A moment, and the program's time then: sender reports give both tracks' times by it, so that lips are in time.
    anchor: Option<(Instant, Timestamp)>,
    last: [Option<Timestamp>; 2],
    /// A keyframe was sent, so what follows it decodes.
    begun: bool,
}

impl Outlet {
    /// Of a session with these sections.
    pub fn new(sections: Sections) -> Self {
        Self { sections, framer: ToAnnexB::default(), anchor: None, last: [None; 2], begun: false }
    }

    /// Readies what was queued before the client came: places it right before its newest packet, or, where it is too much,
    /// leaves the parameters alone. False when the client has to wait for the next keyframe.
    pub fn catch_up(packets: &mut Vec<Packet>) -> bool {
        packets.retain(|packet| packet.track() == Track::Video);
        if packets.iter().map(|packet| packet.data.len()).sum::<usize>() > MOST_PAST {
            packets.retain(|packet| packet.role == Role::Config);
        }
        let mut frames: Vec<&mut Packet> = packets.iter_mut().filter(|packet| packet.role != Role::Config).collect();
        let Some(edge) = frames.last().map(|packet| packet.pts) else { return false };
        for (left, packet) in frames.iter_mut().rev().enumerate() {
            // Frames that really are closer stay so.
            packet.pts = packet.pts.max(edge - CATCH_UP * left as u32);
            packet.dts = packet.pts;
        }
        true
    }

    /// Hands a packet to the stack; false when there was nothing to hand on. The stack must be drained before the next.
    pub fn write(&mut self, rtc: &mut Rtc, packet: &Packet, now: Instant) -> Result<bool, RtcError> {
        let (mid, format, frequency) = match packet.codec {
            Codec::Video(VideoCodec::H264) => (self.sections.video, Format::H264, Frequency::NINETY_KHZ),
            Codec::Audio(AudioCodec::Opus) => (self.sections.audio, Format::Opus, Frequency::FORTY_EIGHT_KHZ),
            _ => return Ok(false),
        };
        if packet.role == Role::Config {
            if packet.track() == Track::Video {
                self.framer.configure(&packet.data);
            }
            return Ok(false);
        }
        let Some(mid) = mid else { return Ok(false) };
        if packet.track() == Track::Video {
            self.begun |= packet.is_keyframe();
            if !self.begun {
                return Ok(false);
            }
        }
        let data = match packet.track() {
            Track::Video => self.framer.convert(&packet.data, packet.role),
            Track::Audio => Some(packet.data.to_vec()),
        };
        let Some(data) = data else { return Ok(false) };
        let last = &mut self.last[usize::from(packet.track() == Track::Audio)];
        let pts = last.map_or(packet.pts, |last| last.max(packet.pts));
        *last = Some(pts);
        let wallclock = self.wallclock(pts, now);
        let Some(writer) = rtc.writer(mid) else { return Ok(false) };
        let Some(pt) = writer.payload_params().find(|params| params.spec().codec == format).map(|params| params.pt())
        else {
            return Ok(false);
        };
        writer.write(pt, wallclock, time(pts, frequency), data)?;
        Ok(true)
    }

    /// When a packet of this time was the present: never later than `now`, since of a moment that is still to come the stack
    /// reports no time at all.
    fn wallclock(&mut self, pts: Timestamp, now: Instant) -> Instant {
        let (at, zero) = *self.anchor.get_or_insert((now, pts));
        let moment = if pts >= zero { at.checked_add(pts.since(zero)) } else { at.checked_sub(zero.since(pts)) };
        moment.map_or(now, |moment| moment.min(now))
    }
}

fn time(pts: Timestamp, frequency: Frequency) -> MediaTime {
    let nanos = u128::try_from((pts + LEAD).nanos()).unwrap_or(0);
    let units = nanos * u128::from(frequency.get()) / 1_000_000_000;
    MediaTime::new(u64::try_from(units).unwrap_or(u64::MAX), frequency)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_newcomer_gets_the_past_in_a_blink_and_the_present_on_time() {
        let packet = |role, millis| {
            let pts = Timestamp::from_millis(millis);
            Packet { codec: Codec::Video(VideoCodec::H264), role, pts, dts: pts, data: Bytes::new() }
        };
        let mut packets = vec![packet(Role::Config, 0), packet(Role::Key, 1000)];
        packets.extend((1..30).map(|frame| packet(Role::Delta, 1000 + 33 * frame)));
        assert!(Outlet::catch_up(&mut packets));
        let times: Vec<i64> = packets[1..].iter().map(|packet| packet.pts.millis()).collect();
        assert_eq!(times.last(), Some(&1957), "the newest keeps its time");
        assert_eq!(times[0], 1957 - 58);
        assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    }

    #[test]
    fn a_newcomer_to_a_long_gop_waits_for_the_next_keyframe() {
        let codec = Codec::Video(VideoCodec::H264);
        let packet = |role| Packet {
            codec,
            role,
            pts: Timestamp::ZERO,
            dts: Timestamp::ZERO,
            data: Bytes::from(vec![0; MOST_PAST / 2]),
        };
        let mut packets = vec![packet(Role::Config), packet(Role::Key), packet(Role::Delta)];
        assert!(!Outlet::catch_up(&mut packets));
        assert_eq!(packets.len(), 1);
    }

    #[test]
    fn what_comes_early_is_of_the_present() {
        let mut outlet = Outlet::new(Sections::default());
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut wallclock = |pts, now| outlet.wallclock(Timestamp::from_millis(pts), after(now));
        assert_eq!(wallclock(5000, 0), start);
        assert_eq!(wallclock(5033, 40), after(33), "late, of its own time");
        assert_eq!(wallclock(5066, 60), after(60), "early, of now");
        assert_eq!(wallclock(4900, 70), start - Duration::from_millis(100), "sound is behind");
    }

    #[test]
    fn times_on_the_wire_are_exact() {
        assert_eq!(time(Timestamp::ZERO, Frequency::NINETY_KHZ).numer(), 60 * 90_000);
        assert_eq!(time(Timestamp::from_millis(20), Frequency::FORTY_EIGHT_KHZ).numer(), 60 * 48_000 + 960);
    }
}
