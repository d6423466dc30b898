//! Whole streams through the segmenter; every event is held against what the module promises.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    media::{AudioCodec, Packet, Role, Size, VideoCodec},
    mux::boxes::{Reader, children, find},
};

const VIDEO: Codec = Codec::Video(VideoCodec::Vp8);
const AUDIO: Codec = Codec::Audio(AudioCodec::Opus);

pub(in crate::mux) fn packet(codec: Codec, role: Role, dts_ms: i64, data: Vec<u8>) -> Packet {
    let at = Timestamp::from_millis(dts_ms);
    Packet { codec, role, pts: at, dts: at, data: data.into() }
}

fn picture(ms: i64, key: bool, width: u8) -> Packet {
    let data = vec![u8::from(!key), 2, 0, 0x9d, 1, 0x2a, width, 0, 90, 0, 7];
    packet(VIDEO, if key { Role::Key } else { Role::Delta }, ms, data)
}

fn sound(ms: i64) -> Packet {
    packet(AUDIO, Role::Key, ms, vec![0xfc, 1, 2])
}

/// `seconds` of 25 pictures a second with a keyframe every `gop`, and Opus.
pub(in crate::mux) fn stream(from_ms: i64, seconds: i64, gop: i64, width: u8) -> Vec<Packet> {
    let mut packets: Vec<_> = (0..seconds * 25).map(|n| picture(from_ms + n * 40, n % gop == 0, width)).collect();
    packets.extend((0..seconds * 50).map(|n| sound(from_ms + n * 20)));
    packets.sort_by_key(|packet| packet.dts);
    packets
}

/// The file of a recording, and its events.
pub(in crate::mux) fn recording(streams: Vec<Vec<Packet>>) -> (Vec<u8>, Vec<Event>) {
    let done = run(Settings::default(), streams.into_iter().map(|packets| (0, packets)).collect());
    let mut file = Vec::new();
    for event in &done.events {
        match event {
            Event::Init(init) => file.extend_from_slice(&init.data),
            Event::Part(part) => file.extend_from_slice(&part.data),
            _ => {}
        }
    }
    (file, done.events)
}

/// Of one track: where it ends, in seconds.
#[derive(Default)]
struct Checker {
    events: Vec<Event>,
    init: Option<u32>,
    rates: [u32; 2],
    ends: [f64; 2],
    open: Option<(Begin, u32, Duration, u64)>,
    end: Duration,
    next: Option<u64>,
}

impl Checker {
    fn drain(&mut self, segmenter: &mut Segmenter) {
        while let Some(event) = segmenter.next_event() {
            self.check(&event);
            self.events.push(event);
        }
    }

    fn check(&mut self, event: &Event) {
        match event {
            Event::Init(init) => {
                assert!(self.open.is_none(), "an init within a segment");
                assert!(init.video.is_some() || init.audio.is_some());
                let rate = init.audio.as_ref().map_or(1, |audio| audio.rate);
                (self.init, self.rates) = (Some(init.number), [90_000, rate]);
                let moov = find(&init.data, &[b"moov"]).expect("a moov");
                let tracks = children(moov).filter(|(kind, _)| kind == b"trak").count();
                assert_eq!(tracks, init.codecs().split(',').count());
            }
            Event::Begin(begin) => {
                assert!(self.open.is_none() && Some(begin.init) == self.init);
                assert!(self.next.is_none_or(|next| next == begin.segment));
                assert!(begin.start >= self.end, "time falls: {:?} after {:?}", begin.start, self.end);
                assert!(begin.start == self.end || begin.discontinuity || self.next.is_none(), "an unmarked hole");
                self.open = Some((*begin, 0, Duration::ZERO, 0));
                self.end = begin.start;
            }
            Event::Part(part) => {
                let (begin, index, duration, bytes) = self.open.as_mut().expect("a part in a segment");
                assert_eq!((part.segment, part.index, part.start), (begin.segment, *index, self.end));
                assert!(part.duration > Duration::ZERO);
                assert!(*index > 0 || part.independent == begin.independent);
                *index += 1;
                *duration += part.duration;
                *bytes += part.data.len() as u64;
                self.end = part.start + part.duration;
                self.fragment(&part.data);
            }
            Event::End(end) => {
                let (begin, parts, duration, bytes) = self.open.take().expect("a segment ends once");
                assert_eq!((end.segment, end.parts, end.bytes), (begin.segment, parts, bytes));
                assert_eq!(end.duration, duration);
                self.next = Some(end.segment + 1);
            }
            Event::Dropped { packets, .. } => assert!(*packets > 0),
            Event::Jumped { .. } | Event::Refused(_) => {}
        }
    }

    /// Durations are positive, time does not fall, and the bytes are where the boxes say.
    fn fragment(&mut self, data: &[u8]) {
        let moof = find(data, &[b"moof"]).expect("a moof");
        let moof_size = moof.len() + 8;
        let mut place = moof_size + 8;
        for (_, traf) in children(moof).filter(|(kind, _)| kind == b"traf") {
            let id = u32::from_be_bytes(find(traf, &[b"tfhd"]).expect("a tfhd")[4..8].try_into().expect("four"));
            let track = id as usize - 1;
            let tfdt = find(traf, &[b"tfdt"]).expect("a tfdt");
            let mut at = u64::from_be_bytes(tfdt[4..12].try_into().expect("eight"));
            let rate = f64::from(self.rates[track]);
            assert!(
                at as f64 / rate + 1e-4 >= self.ends[track],
                "track {id}: {} after {}",
                at as f64 / rate,
                self.ends[track]
            );
            let mut run = Reader(find(traf, &[b"trun"]).expect("a trun"));
            let (_, fields) = run.version_flags().expect("flags");
            let count = run.u32().expect("a count");
            assert!(count > 0);
            assert_eq!(run.u32().expect("an offset") as usize, place);
            for _ in 0..count {
                let (duration, size) = (run.u32().expect("a duration"), run.u32().expect("a size"));
                assert!(duration > 0 && size > 0);
                at += u64::from(duration);
                place += size as usize;
                if fields & 0xc00 == 0xc00 {
                    run.u64().expect("flags and an offset");
                }
            }
            self.ends[track] = at as f64 / rate;
        }
        assert_eq!(place, data.len());
    }

    fn begins(&self) -> Vec<Begin> {
        self.events
            .iter()
            .filter_map(|event| if let Event::Begin(begin) = event { Some(*begin) } else { None })
            .collect()
    }

    fn parts(&self) -> Vec<&Part> {
        self.events.iter().filter_map(|event| if let Event::Part(part) = event { Some(part) } else { None }).collect()
    }

    fn ends(&self) -> Vec<End> {
        self.events.iter().filter_map(|event| if let Event::End(end) = event { Some(*end) } else { None }).collect()
    }

    fn inits(&self) -> Vec<&Init> {
        self.events.iter().filter_map(|event| if let Event::Init(init) = event { Some(init) } else { None }).collect()
    }

    fn dropped(&self, of: Why) -> u64 {
        let of = |event: &Event| match event {
            Event::Dropped { why, packets, .. } if *why == of => *packets,
            _ => 0,
        };
        self.events.iter().map(of).sum()
    }
}

/// Runs streams with discontinuities of so many ms between them.
fn run(settings: Settings, streams: Vec<(u64, Vec<Packet>)>) -> Checker {
    let mut segmenter = Segmenter::new(settings);
    let mut checker = Checker::default();
    for (number, (hole, packets)) in streams.into_iter().enumerate() {
        if number > 0 {
            segmenter.discontinuity(Duration::from_millis(hole));
        }
        for packet in packets {
            segmenter.push(packet);
            checker.drain(&mut segmenter);
        }
    }
    segmenter.finish();
    checker.drain(&mut segmenter);
    assert!(checker.open.is_none(), "the last segment ends");
    checker
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn segments_begin_at_keyframes_and_parts_keep_their_length() {
    let done = run(Settings::default(), vec![(0, stream(5000, 20, 50, 160))]);
    let begins = done.begins();
    assert_eq!(begins.len(), 10);
    assert!(begins.iter().all(|begin| begin.independent && !begin.discontinuity));
    assert!(done.ends().iter().all(|end| end.duration == ms(2000)));
    assert_eq!(begins[3].source, Timestamp::from_millis(11_000));
    let ends = done.ends();
    for part in done.parts() {
        let is_last = part.index + 1 == ends[part.segment as usize].parts;
        assert!(part.duration <= ms(300) && (is_last || part.duration >= ms(255)), "{:?}", part.duration);
    }
    assert_eq!((done.inits().len(), done.end), (1, ms(20_000)));
    assert_eq!(done.inits()[0].codecs(), "vp08.00.10.08,opus");
}

#[test]
fn without_keyframes_a_segment_ends_all_the_same() {
    let done = run(Settings::default(), vec![(0, stream(0, 13, 300, 160))]);
    assert!(done.ends().iter().all(|end| end.duration <= ms(4000)));
    let independent: Vec<_> = done.begins().iter().map(|begin| begin.independent).collect();
    assert_eq!(independent, [true, false, false, false, true][..independent.len().min(5)]);
    assert!(done.begins().iter().all(|begin| !begin.discontinuity));
}

#[test]
fn another_size_is_another_init_and_time_goes_on() {
    let packets = [stream(0, 4, 50, 160), stream(4000, 4, 50, 80)].concat();
    let done = run(Settings::default(), vec![(0, packets)]);
    assert_eq!(done.inits().len(), 2);
    assert_eq!(done.inits()[1].video.as_ref().map(|video| video.size), Some(Size { width: 80, height: 90 }));
    let marks: Vec<_> = done.begins().iter().map(|begin| (begin.init, begin.discontinuity)).collect();
    assert_eq!(marks, [(0, false), (0, false), (1, true), (1, false)]);
    assert_eq!(done.end, ms(8000));
}

#[test]
fn a_replaced_worker_leaves_its_hole_and_waits_for_a_keyframe() {
    let mut late = stream(700_000, 4, 15, 160);
    late.retain(|packet| !packet.is_keyframe() || packet.dts > Timestamp::from_millis(700_000));
    let done = run(Settings::default(), vec![(0, stream(0, 4, 50, 160)), (500, late)]);
    assert_eq!(done.inits().len(), 1, "the same format is told once");
    assert_eq!(done.dropped(Why::NoKeyframe), 14);
    let second = done.begins().into_iter().find(|begin| begin.discontinuity).expect("a discontinuity");
    assert!(second.start >= ms(4500), "{second:?}");
    assert_eq!(done.end, ms(8500));
}

#[test]
fn what_the_container_does_not_take_is_said_once_and_the_picture_goes_on() {
    let mut packets = stream(0, 4, 50, 160);
    for packet in packets.iter_mut().filter(|packet| packet.codec == AUDIO) {
        packet.codec = Codec::Audio(AudioCodec::Pcma);
    }
    let done = run(Settings::default(), vec![(0, packets.clone())]);
    let refused: Vec<_> = done.events.iter().filter(|event| matches!(event, Event::Refused(_))).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!((done.inits()[0].codecs(), done.end), ("vp08.00.10.08".into(), ms(4000)));
    let done = run(Settings { g711: true, ..Settings::default() }, vec![(0, packets)]);
    assert_eq!(done.inits()[0].codecs(), "vp08.00.10.08,alaw");
}

#[test]
fn a_camera_may_come_go_and_come_back() {
    let mut packets = stream(0, 30, 50, 160);
    packets.retain(|packet| {
        let at = packet.dts.millis();
        packet.codec == AUDIO || (4000..8000).contains(&at) || at >= 20_000
    });
    let done = run(Settings::default(), vec![(0, packets)]);
    let codecs: Vec<_> = done.inits().iter().map(|init| init.codecs()).collect();
    assert_eq!(codecs, ["opus", "vp08.00.10.08,opus", "opus", "vp08.00.10.08,opus"]);
    assert_eq!(done.end, ms(30_000));
    assert_eq!(done.dropped(Why::Late), 0);
    assert!(done.parts().iter().all(|part| part.duration <= ms(300)), "rare pictures make no long parts");
}

#[test]
fn reordered_pictures_have_offsets() {
    let mut packets = stream(0, 2, 50, 160);
    for packet in packets.iter_mut().filter(|packet| packet.codec == VIDEO) {
        packet.pts = packet.pts + ms(80);
    }
    let done = run(Settings::default(), vec![(0, packets)]);
    let trun = find(&done.parts()[0].data, &[b"moof", b"traf", b"trun"]).expect("pictures come first").to_vec();
    assert_eq!(trun[24..28], 7200u32.to_be_bytes());
}

#[test]
fn a_recording_goes_on_in_another_process() {
    let mut first = Segmenter::new(Settings::default());
    stream(0, 5, 50, 160).into_iter().for_each(|packet| first.push(packet));
    first.finish();
    let resume = first.resume();
    assert_eq!((resume.segment, resume.init, resume.end), (3, 1, ms(5000)));
    let done = run(Settings { resume, ..Settings::default() }, vec![(0, stream(77, 2, 50, 160))]);
    let begin = done.begins()[0];
    assert_eq!((begin.segment, begin.init, begin.start, begin.discontinuity), (3, 1, ms(5000), true));
}

/// One step of a hostile sender.
#[derive(Debug, Clone)]
enum Step {
    Next(u8),
    Jump(i64),
    Hole(u64),
    Finish,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => any::<u8>().prop_map(Step::Next),
        3 => any::<i64>().prop_map(Step::Jump),
        5 => (-5_000_000_000i64..5_000_000_000).prop_map(Step::Jump),
        3 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0)].prop_map(Step::Jump),
        1 => any::<u64>().prop_map(Step::Hole),
        1 => Just(Step::Finish),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_time_stamps_give_a_rising_time_line(steps in proptest::collection::vec((step(), any::<u16>()), 1..300), lasts in any::<bool>()) {
        let mut segmenter = Segmenter::new(Settings { g711: true, ..Settings::default() });
        let mut checker = Checker::default();
        let mut now = 0i64;
        for (step, extra) in steps {
            match step {
                Step::Next(kind) => {
                    let data = match kind % 5 {
                        0 => picture(0, true, 160 + (kind / 100)).data,
                        1 => picture(0, false, 160).data,
                        2 => Bytes::from(vec![kind; usize::from(extra) % 40]),
                        _ => Bytes::from_static(&[0xfc, 1, 2]),
                    };
                    let codec = match kind % 11 {
                        0..4 => VIDEO,
                        4 => Codec::ALL[usize::from(extra) % Codec::ALL.len()],
                        _ => AUDIO,
                    };
                    let role = [Role::Key, Role::Delta, Role::Delta, Role::Key, Role::Config][usize::from(kind % 5)];
                    let role = if codec.track() == Track::Audio && role == Role::Delta { Role::Key } else { role };
                    let pts = Timestamp::from_nanos(now.wrapping_add(i64::from(extra) * 1_000_000 - 20_000_000));
                    segmenter.push(Packet { codec, role, pts, dts: Timestamp::from_nanos(now), data });
                    now = now.wrapping_add(i64::from(extra % 50) * 1_000_000);
                }
                Step::Jump(by) => now = if lasts { now.wrapping_add(by) } else { by },
                Step::Hole(nanos) => segmenter.discontinuity(Duration::from_nanos(nanos)),
                Step::Finish => segmenter.finish(),
            }
            checker.drain(&mut segmenter);
        }
        segmenter.finish();
        checker.drain(&mut segmenter);
        prop_assert!(checker.open.is_none());
    }
}
