use proptest::prelude::*;

use super::*;
use crate::{
    media::{AudioCodec, Codec, Packet, Role, VideoCodec},
    mux::{
        boxes::{Reader, children, find},
        cmaf::tests::{packet, recording, stream},
        index::tests::scan,
    },
};

fn bytes(plan: &Plan, sources: &[&[u8]], range: Range<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    for slice in plan.slices(range) {
        match slice {
            Slice::Head(bytes) => out.extend_from_slice(&bytes),
            Slice::Source { source, offset, len } => {
                out.extend_from_slice(&sources[source][offset as usize..(offset + len) as usize]);
            }
        }
    }
    out
}

fn table<'a>(stbl: &'a [u8], kind: &Kind) -> Reader<'a> {
    let mut read = Reader(find(stbl, &[kind]).expect("the table"));
    read.version_flags().expect("a full box");
    read
}

/// Rows of a table, behind its count.
fn rows<const N: usize>(mut read: Reader<'_>) -> Vec<[u32; N]> {
    let count = read.u32().expect("a count");
    (0..count).map(|_| std::array::from_fn(|_| read.u32().expect("a row"))).collect()
}

/// A frame that the tables of a plain MP4 tell: time, bytes, sample description.
type Frame = (u64, Vec<u8>, u32);

/// Reads a track by its tables alone.
fn frames(file: &[u8], track: usize) -> (Vec<Frame>, usize) {
    let moov = find(file, &[b"moov"]).expect("a moov");
    let trak = children(moov).filter(|(kind, _)| kind == b"trak").nth(track).expect("the track").1;
    let stbl = find(trak, &[b"mdia", b"minf", b"stbl"]).expect("tables");
    let durations = rows::<2>(table(stbl, b"stts")).into_iter().flat_map(|[count, lasts]| vec![lasts; count as usize]);
    let mut sizes = table(stbl, b"stsz");
    sizes.u32();
    let sizes = rows::<1>(sizes);
    let mut next = sizes.iter().zip(durations);
    let chunks = rows::<3>(table(stbl, b"stsc"));
    let (mut at, mut frames) = (0, Vec::new());
    for (number, [offset]) in rows::<1>(table(stbl, b"stco")).into_iter().enumerate() {
        let [_, count, entry] = chunks.iter().rev().find(|[first, ..]| *first as usize <= number + 1).expect("a row");
        let mut offset = offset as usize;
        for _ in 0..*count {
            let ([size], lasts) = next.next().expect("a frame");
            frames.push((at, file[offset..offset + *size as usize].to_vec(), *entry));
            offset += *size as usize;
            at += u64::from(lasts);
        }
    }
    assert!(next.next().is_none(), "every frame is in a chunk");
    let keys = find(stbl, &[b"stss"]).map_or(0, |_| rows::<1>(table(stbl, b"stss")).len());
    (frames, keys)
}

fn of(packets: &[Packet], track: Track) -> Vec<Vec<u8>> {
    packets.iter().filter(|packet| packet.track() == track).map(|packet| packet.data.to_vec()).collect()
}

#[test]
fn tables_tell_every_frame_of_two_sizes() {
    let packets = [stream(0, 4, 50, 160), stream(4000, 3, 25, 80)].concat();
    let (file, _) = recording(vec![packets.clone()]);
    let index = scan(&file);
    let plan = plan(&[&index]).expect("there are media");
    let plain = bytes(&plan, &[&file], 0..u64::MAX);
    assert_eq!((plain.len() as u64, plan.duration().as_secs()), (plan.len(), 7));
    assert!(plan.left_out().is_empty());
    let (pictures, keys) = frames(&plain, 0);
    assert_eq!(pictures.iter().map(|frame| frame.1.clone()).collect::<Vec<_>>(), of(&packets, Track::Video));
    assert!(pictures.iter().enumerate().all(|(number, frame)| frame.0 == number as u64 * 3600));
    assert!(pictures.iter().enumerate().all(|(number, frame)| frame.2 == if number < 100 { 1 } else { 2 }));
    assert_eq!(keys, 5);
    let (sounds, _) = frames(&plain, 1);
    assert_eq!(sounds.iter().map(|frame| frame.1.clone()).collect::<Vec<_>>(), of(&packets, Track::Audio));
    assert!(sounds.iter().enumerate().all(|(number, frame)| frame.0 == number as u64 * 960));
}

#[test]
fn a_recording_in_two_files_is_one() {
    let (first, _) = recording(vec![stream(0, 4, 50, 160)]);
    let (second, _) = recording(vec![stream(0, 2, 50, 160)]);
    let (one, two) = (scan(&first), scan(&second));
    let plan = plan(&[&one, &two]).expect("there are media");
    let plain = bytes(&plan, &[&first, &second], 0..u64::MAX);
    assert_eq!(frames(&plain, 0).0.len(), 150);
}

#[test]
fn another_codec_is_left_out_and_said() {
    let mut late = stream(4000, 2, 50, 160);
    for packet in &mut late {
        if packet.track() == Track::Video {
            packet.codec = Codec::Video(VideoCodec::Vp9);
            packet.data = vec![0x82, 0x49, 0x83, 0x42, 0x20, 0x13, 0xf0, 0x0b, 0x30, 0].into();
        }
    }
    let (file, _) = recording(vec![stream(0, 4, 50, 160), late]);
    let index = scan(&file);
    let plan = plan(&[&index]).expect("there are media");
    let plain = bytes(&plan, &[&file], 0..u64::MAX);
    assert_eq!((frames(&plain, 0).0.len(), frames(&plain, 1).0.len()), (100, 300));
    let said: Vec<_> = plan.left_out().iter().map(ToString::to_string).collect();
    assert_eq!(said, ["the picture from 4.0 s to 6.0 s is vp09.00.11.08, which cannot be in one track with the rest"]);
}

#[test]
fn a_track_that_begins_late_has_an_empty_edit() {
    let mut packets = stream(0, 8, 50, 160);
    packets.retain(|packet| packet.track() == Track::Audio || packet.dts.millis() >= 4000);
    let (file, _) = recording(vec![packets]);
    let index = scan(&file);
    let plain = bytes(&plan(&[&index]).expect("there are media"), &[&file], 0..u64::MAX);
    let trak = find(&plain, &[b"moov", b"trak"]).expect("the picture comes first");
    let edits = find(trak, &[b"edts", b"elst"]).expect("an edit list");
    assert_eq!(edits[8..24], [4000u64.to_be_bytes(), u64::MAX.to_be_bytes()].concat());
}

#[test]
fn nothing_is_said_to_be_nothing() {
    assert_eq!(plan(&[]).map(|plan| plan.len()), Err(Error::Empty));
    assert_eq!(plan(&[&Index::new()]).map(|plan| plan.len()), Err(Error::Empty));
}

#[test]
fn sound_of_two_rates_keeps_its_time() {
    let aac = |from: i64, config: [u8; 2], rate: i64| {
        let codec = Codec::Audio(AudioCodec::Aac);
        let mut packets = vec![packet(codec, Role::Config, 0, config.to_vec())];
        packets.extend((0..100).map(|n| packet(codec, Role::Key, from + n * 1024 * 1000 / rate, vec![1, 2])));
        packets
    };
    let (file, _) = recording(vec![aac(0, [0x11, 0x90], 48_000), aac(0, [0x12, 0x10], 44_100)]);
    let index = scan(&file);
    let plain = bytes(&plan(&[&index]).expect("there are media"), &[&file], 0..u64::MAX);
    let (frames, _) = frames(&plain, 0);
    assert_eq!(frames.len(), 200);
    let at = frames[199].0 as f64 / 48_000.0;
    let want = 100.0 * 1024.0 / 48_000.0 + 99.0 * 1024.0 / 44_100.0;
    assert!((at - want).abs() < 0.002, "{at} instead of {want}");
}

proptest! {
    #[test]
    fn any_range_is_the_same_bytes(from in 0u64..40_000, len in 0u64..40_000) {
        let (file, _) = recording(vec![stream(0, 4, 50, 160)]);
        let index = scan(&file);
        let plan = plan(&[&index]).expect("there are media");
        let whole = bytes(&plan, &[&file], 0..plan.len());
        let (low, high) = (from.min(plan.len()), (from + len).min(plan.len()));
        prop_assert_eq!(&bytes(&plan, &[&file], from..from + len), &whole[low as usize..high as usize]);
    }
}
