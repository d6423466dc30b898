//! Lists of whole streams, read by a strict reader after every event.

mod rules;

use proptest::prelude::*;

use super::*;
use crate::{
    media::{Packet, Track},
    mux::{
        cmaf::{
            Event, Segmenter, Settings as Cut,
            tests::{recording, stream},
        },
        index::tests::scan,
    },
};
use rules::{Read, check, follows};

const LOW: View<'_> = View { low_latency: true, skip: false, suffix: "" };
const DELTA: View<'_> = View { low_latency: true, skip: true, suffix: "" };
const PLAIN: View<'_> = View { low_latency: false, skip: false, suffix: "" };

fn list(kind: Kind) -> Playlist {
    let cut = Cut::default();
    Playlist::new(Settings { kind, part: cut.part, longest: cut.longest, file: None })
}

/// A viewer who reloads whenever something came, with deltas and without.
struct Viewer {
    list: Playlist,
    last: [Option<Read>; 2],
    removed: Vec<u64>,
}

impl Viewer {
    fn new(kind: Kind) -> Self {
        Self { list: list(kind), last: [None, None], removed: Vec::new() }
    }

    fn take(&mut self, event: &Event) {
        let list = &mut self.list;
        match event {
            Event::Begin(begin) => list.begin(begin, Some(Date(1_796_083_200_000).after(begin.start))),
            Event::Part(part) => {
                let ask = Ask { segment: Some(part.segment), part: Some(part.index.into()), skip: false };
                assert_eq!(list.answer(&ask), Answer::Wait);
                list.part(part);
                assert_eq!(list.answer(&ask), Answer::Ready);
            }
            Event::End(end) => {
                let ask = Ask { segment: Some(end.segment), ..Ask::default() };
                assert_eq!(list.answer(&ask), Answer::Wait);
                self.removed.extend(list.end(end));
                assert_eq!(list.answer(&ask), Answer::Ready);
            }
            _ => {}
        }
    }

    fn reload(&mut self) {
        let whole = check(&self.list.write(&LOW));
        let delta = check(&self.list.write(&DELTA));
        assert_eq!(whole.segments[delta.skipped as usize..], delta.segments, "a delta is the end of the whole");
        assert_eq!((whole.first, &whole.hint), (delta.first, &delta.hint));
        let plain = check(&self.list.write(&PLAIN));
        assert!(plain.segments.iter().all(|segment| segment.parts.is_empty()) && plain.hint.is_none());
        for (place, read) in [whole, plain].into_iter().enumerate() {
            if let Some(old) = &self.last[place].as_ref().filter(|_| !read.ended) {
                follows(old, &read);
            }
            self.last[place] = Some(read);
        }
    }

    fn watch(&mut self, packets: Vec<Packet>) {
        let mut segmenter = Segmenter::new(Cut::default());
        for packet in packets {
            segmenter.push(packet);
            self.drain(&mut segmenter);
        }
        segmenter.finish();
        self.drain(&mut segmenter);
    }

    fn drain(&mut self, segmenter: &mut Segmenter) {
        let mut is_new = false;
        while let Some(event) = segmenter.next_event() {
            self.take(&event);
            is_new = true;
        }
        if is_new {
            self.reload();
        }
    }

    fn last(&self) -> &Read {
        self.last[0].as_ref().expect("it was read")
    }
}

#[test]
fn a_live_list_slides_and_keeps_the_rules() {
    let mut viewer = Viewer::new(Kind::Live { window: Duration::from_secs(60) });
    let packets = [stream(0, 60, 50, 160), stream(60_000, 60, 50, 80)].concat();
    viewer.watch(packets);
    let last = viewer.last();
    assert_eq!((last.first, last.segments.len(), last.discontinuities), (30, 30, 0));
    assert_eq!(viewer.removed, (0..30).collect::<Vec<_>>());
    assert_eq!(last.hint.as_deref(), Some("p60-0.m4s"));
    let delta = check(&viewer.list.write(&DELTA));
    assert_eq!((delta.skipped, delta.segments.len()), (18, 12));
    assert!(last.segments[29].parts.len() == 8 && last.segments[20].parts.is_empty());
    let mut old = Viewer::new(Kind::Live { window: Duration::ZERO });
    old.watch([stream(0, 20, 50, 160), stream(20_000, 40, 50, 80)].concat());
    assert_eq!((old.last().segments.len(), old.last().discontinuities), (6, 1), "three target durations stay");
}

#[test]
fn a_list_that_ends_is_one_to_watch_again() {
    let mut viewer = Viewer::new(Kind::Event);
    viewer.watch(stream(0, 40, 50, 160));
    viewer.list.finish();
    viewer.reload();
    let last = viewer.last();
    assert!(last.ended && last.hint.is_none() && last.segments.len() == 20);
    let (peak, average) = viewer.list.rates();
    assert!(average > 0 && peak >= average);
    assert_eq!(viewer.list.answer(&Ask { segment: Some(900), ..Ask::default() }), Answer::Ready);
}

#[test]
fn requests_are_held_against_the_advance_limit() {
    let mut viewer = Viewer::new(Kind::Live { window: Duration::from_secs(60) });
    viewer.watch(stream(0, 5, 50, 160));
    // Three segments are there, of 8, 8 and 4 parts.
    assert_eq!(viewer.list.next(), (3, 0));
    let answer = |segment, part| viewer.list.answer(&Ask { segment, part, skip: false });
    assert_eq!(answer(None, None), Answer::Ready);
    assert_eq!(answer(None, Some(1)), Answer::Bad(BadAsk::PartAlone));
    assert_eq!(
        [answer(Some(2), None), answer(Some(3), None), answer(Some(4), None)],
        [Answer::Ready, Answer::Wait, Answer::Wait]
    );
    assert_eq!(answer(Some(5), None), Answer::Bad(BadAsk::TooFar));
    assert_eq!(answer(Some(u64::MAX), Some(u64::MAX)), Answer::Bad(BadAsk::TooFar));
    assert_eq!(
        [answer(Some(2), Some(3)), answer(Some(2), Some(4))],
        [Answer::Ready, Answer::Wait],
        "the next segment's first"
    );
    assert_eq!([answer(Some(3), Some(9)), answer(Some(3), Some(10))], [Answer::Wait, Answer::Bad(BadAsk::TooFar)]);
    assert_eq!(
        Ask::parse("token=x&_HLS_msn=7&_HLS_part=2&_HLS_skip=v2").map(|ask| (ask.segment, ask.part, ask.skip)),
        Ok((Some(7), Some(2), true))
    );
    for bad in [
        "_HLS_msn=",
        "_HLS_msn=-1",
        "_HLS_msn=1&_HLS_msn=1",
        "_HLS_msn=99999999999999999999",
        "_HLS_skip=NO",
        "_HLS_part=1",
        "_HLS_msn=+1",
    ] {
        assert!(Ask::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn lost_media_are_gaps_and_rare_pictures_have_no_parts() {
    let mut viewer = Viewer::new(Kind::Event);
    viewer.watch(stream(0, 8, 50, 160));
    viewer.list.lose(1);
    viewer.list.lose(77);
    let read = check(&viewer.list.write(&PLAIN));
    assert_eq!(read.segments.iter().map(|segment| segment.gap).collect::<Vec<_>>(), [false, true, false, false]);
    assert!(viewer.list.write(&LOW).contains("GAP=YES"));
    let mut rare = Viewer::new(Kind::Event);
    let mut packets = stream(0, 20, 1, 160);
    packets.retain(|packet| packet.track() == Track::Video && packet.dts.millis() % 1000 == 0);
    rare.watch(packets);
    assert!(rare.last().segments.iter().all(|segment| segment.parts.is_empty()));
}

#[test]
fn a_recording_is_listed_as_ranges_of_its_file() {
    let (file, _) = recording(vec![stream(0, 6, 50, 160), stream(0, 4, 50, 80)]);
    let list = Playlist::of_recording(
        &scan(&file),
        "video.mp4",
        Duration::from_secs(2),
        Duration::from_secs(4),
        Some(Date(0)),
    );
    let read = check(&list.write(&LOW));
    assert!(read.ended && read.segments.len() == 5 && read.segments[3].discontinuity);
    assert_eq!(read.segments[4].date.as_deref(), Some("1970-01-01T00:00:08.000Z"));
    let mut sum = 0;
    for segment in &read.segments {
        let range = segment.range.as_ref().and_then(|range| range.split_once('@')).expect("a range");
        let (len, offset): (usize, usize) = (range.0.parse().expect("bytes"), range.1.parse().expect("a place"));
        assert_eq!(file[offset + 4..offset + 8], *b"moof");
        sum += len;
    }
    let inits: u64 = scan(&file).inits().iter().map(|init| init.len).sum();
    assert_eq!(sum as u64 + inits, file.len() as u64);
}

#[test]
fn a_suffix_follows_every_name() {
    let mut viewer = Viewer::new(Kind::Event);
    viewer.watch(stream(0, 4, 50, 160));
    let text = viewer.list.write(&View { suffix: "?token=a\"\n#b", ..LOW });
    let names = text.matches(".m4s").count() + text.matches(".mp4").count();
    assert_eq!(text.matches("?token=a#b").count(), names);
    check(&text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_stream_keeps_the_rules(pieces in proptest::collection::vec((1i64..9, 1i64..200, 1u8..4, 0i64..3_000, any::<bool>()), 1..8)) {
        let mut viewer = Viewer::new(Kind::Live { window: Duration::from_secs(20) });
        let (mut at, mut packets) = (0, Vec::new());
        for (seconds, gop, size, pause, has_sound) in pieces {
            let mut piece = stream(at, seconds, gop, size * 16);
            piece.retain(|packet| has_sound || packet.track() == Track::Video);
            packets.extend(piece);
            at += seconds * 1000 + pause;
        }
        viewer.watch(packets);
        viewer.list.finish();
        viewer.reload();
    }
}
