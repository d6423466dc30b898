//! Tag bodies, as encoders write them and as ours are read back.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{
    super::chunk::{Message, kind},
    write::Head,
    *,
};
use crate::media::{AudioCodec, Codec, Packet, Role, Timestamp, Track, VideoCodec};

const AVC: Codec = Codec::Video(VideoCodec::H264);
const HEVC: Codec = Codec::Video(VideoCodec::Hevc);

fn read_video(bytes: &[u8]) -> Option<(Codec, Role, i32, Vec<u8>)> {
    let unit = video(Bytes::copy_from_slice(bytes)).expect("taken")?;
    Some((unit.codec, unit.role, unit.composition, unit.data.to_vec()))
}

fn read_audio(bytes: &[u8]) -> Option<(Codec, Role, Vec<u8>)> {
    let unit = audio(Bytes::copy_from_slice(bytes)).expect("taken")?;
    Some((unit.codec, unit.role, unit.data.to_vec()))
}

#[test]
fn pictures_of_every_kind_of_tag() {
    assert_eq!(read_video(&[0x17, 0, 0, 0, 0, 1]), Some((AVC, Role::Config, 0, vec![1])));
    assert_eq!(read_video(&[0x17, 1, 0, 0, 80, 2]), Some((AVC, Role::Key, 80, vec![2])));
    assert_eq!(read_video(&[0x27, 1, 0xff, 0xff, 0xd8, 3]), Some((AVC, Role::Delta, -40, vec![3])));
    assert_eq!(read_video(&[0x1c, 1, 0, 0, 0, 4]), Some((HEVC, Role::Key, 0, vec![4])));
    assert_eq!(read_video(b"\x90hvc1\x05"), Some((HEVC, Role::Config, 0, vec![5])));
    assert_eq!(read_video(b"\xa1hvc1\x00\x00\x28\x06"), Some((HEVC, Role::Delta, 40, vec![6])));
    assert_eq!(read_video(b"\x93hvc1\x07"), Some((HEVC, Role::Key, 0, vec![7])));
    assert_eq!(read_video(b"\x91av01\x08"), Some((Codec::Video(VideoCodec::Av1), Role::Key, 0, vec![8])));
    assert_eq!(read_video(b"\x91vp09\x09"), Some((Codec::Video(VideoCodec::Vp9), Role::Key, 0, vec![9])));
    // A modifier of three bytes (nanoseconds) before coded frames.
    assert_eq!(
        read_video(b"\x97\x02\x00\x00\x01\x01vp08\x0a"),
        Some((Codec::Video(VideoCodec::Vp8), Role::Key, 0, vec![10]))
    );
}

#[test]
fn what_shows_nothing_is_passed_over() {
    for nothing in [
        &b""[..],
        b"\x17",
        b"\x17\x01\x00\x00",
        b"\x17\x02\x00\x00\x00", // end of sequence
        b"\x57\x00",             // a seek command
        b"\x17\x00\x00\x00\x00", // an empty config
        b"\x94hvc1\x02",         // colour metadata
        b"\x92hvc1",             // end of sequence
        b"\x91hvc1\x00",
        b"\x97\xff\xff",
        b"\x97\xff\xff\xff\x00",
    ] {
        assert_eq!(read_video(nothing), None, "{nothing:?}");
    }
    for nothing in [&b""[..], b"\xaf", b"\xaf\x00", b"\xaf\x02\x00", b"\x2f", b"\x92Opus", b"\x91Op"] {
        assert_eq!(read_audio(nothing), None, "{nothing:?}");
    }
}

#[test]
fn sounds_of_every_kind_of_tag() {
    let (aac, mp3, opus) =
        (Codec::Audio(AudioCodec::Aac), Codec::Audio(AudioCodec::Mp3), Codec::Audio(AudioCodec::Opus));
    assert_eq!(read_audio(&[0xaf, 0, 0x11, 0x90]), Some((aac, Role::Config, vec![0x11, 0x90])));
    assert_eq!(read_audio(&[0xa0, 1, 7]), Some((aac, Role::Key, vec![7])), "the rate bits say nothing");
    assert_eq!(read_audio(&[0x72, 0xd5]), Some((Codec::Audio(AudioCodec::Pcma), Role::Key, vec![0xd5])));
    assert_eq!(read_audio(&[0x82, 0xff]), Some((Codec::Audio(AudioCodec::Pcmu), Role::Key, vec![0xff])));
    assert_eq!(read_audio(&[0x22, 0xff]), Some((mp3, Role::Key, vec![0xff])), "5.5 kHz mono, it says");
    assert_eq!(read_audio(&[0xef, 0xff]), Some((mp3, Role::Key, vec![0xff])), "8 kHz");
    assert_eq!(read_audio(b"\x90Opus\x01"), Some((opus, Role::Config, vec![1])));
    assert_eq!(read_audio(b"\x91Opus\x02"), Some((opus, Role::Key, vec![2])));
}

#[test]
fn what_is_not_taken_is_named_with_what_is() {
    for (tag, name) in [
        (&b"\x22\x00"[..], "H.263"),
        (b"\x14\x00", "VP6"),
        (b"\x91vvc1\x00", "vvc1"),
        (b"\x91\x1b[2J\x00", "\\x1b[2J"),
        (b"\x96\x01avc1\x01\x00\x00\x00\x02", "tracks"),
    ] {
        let text = video(Bytes::copy_from_slice(tag)).expect_err("not taken").to_string();
        assert!(text.contains(name) && text.contains("set the encoder to"), "{text}");
    }
    for (tag, name) in [
        (&b"\xb2\x00"[..], "Speex"),
        (b"\x32\x00", "PCM"),
        (b"\x91ac-3\x00", "ac-3"),
        (b"\x95\x01mp4a\x01\x02", "tracks"),
    ] {
        let text = audio(Bytes::copy_from_slice(tag)).expect_err("not taken").to_string();
        assert!(text.contains(name) && text.contains("set the encoder to"), "{text}");
    }
}

#[test]
fn every_codec_is_read_as_it_was_written() {
    for codec in Codec::ALL {
        let reorders = matches!(codec, Codec::Video(VideoCodec::H264 | VideoCodec::Hevc));
        let bare = matches!(codec, Codec::Audio(AudioCodec::Mp3 | AudioCodec::Pcma | AudioCodec::Pcmu));
        for role in [Role::Config, Role::Key, Role::Delta] {
            if (bare || role == Role::Delta) && role != Role::Key && !reorders {
                continue; // MP3 and G.711 have no config, and only pictures have deltas worth telling apart here.
            }
            let shift = if reorders && role != Role::Config { -40 } else { 0 };
            let (dts, pts) = (Timestamp::from_millis(100), Timestamp::from_millis(100 + shift));
            let packet = Packet { codec, role, pts, dts, data: Bytes::from_static(b"coded") };
            let head = Head::of(&packet);
            let tag = Bytes::from([head.bytes(), &packet.data].concat());
            let unit = if head.kind == kind::VIDEO { video(tag) } else { audio(tag) };
            let wanted = Unit { codec, role, composition: shift as i32, data: packet.data, others: false };
            assert_eq!(unit, Ok(Some(wanted)), "{codec:?} {role:?}");
        }
    }
}

#[test]
fn of_several_tracks_the_first_is_taken() {
    // Two of one codec, then one each of two, each with its length.
    for tag in [
        &b"\x96\x10avc1\x01\0\0\x01\x07\x00\0\0\x02\x08\x09"[..],
        b"\x96\x20avc1\x00\0\0\x02\x08\x09hvc1\x01\0\0\x01\x07",
    ] {
        let unit = video(Bytes::copy_from_slice(tag)).expect("taken").expect("a config");
        assert_eq!((unit.codec, unit.role, &unit.data[..], unit.others), (AVC, Role::Config, &[8, 9][..], true));
    }
    let unit = audio(Bytes::from_static(b"\x95\x01Opus\x00\x05")).expect("taken").expect("a frame");
    assert_eq!((&unit.data[..], unit.others), (&[5][..], false));
    for broken in [&b"\x96"[..], b"\x96\x00", b"\x96\x10avc1", b"\x96\x10avc1\x00\0\0\xff\x01", b"\x96\x20avc1\x00"] {
        assert_eq!(read_video(broken), None, "{broken:?}");
    }
}

/// What comes of tags, one every `step`: the sizes of packets, and what is told.
fn incoming(tags: &[(u8, &[u8])], step: Duration) -> Vec<Result<(Track, usize), (Track, String)>> {
    let (mut incoming, begin) = (Incoming::default(), Instant::now());
    let mut came = Vec::new();
    for (number, (kind, tag)) in (0..).zip(tags) {
        let payload = Bytes::copy_from_slice(tag);
        let timestamp = (step * number).as_millis() as u32;
        incoming.take(Message { kind: *kind, stream: 1, timestamp, payload }, begin + step * number);
        while let Some(media) = incoming.pop() {
            came.push(match media {
                Media::Packet(packet) => Ok((packet.track(), packet.data.len())),
                Media::Unusable(track, reason) => Err((track, reason)),
            });
        }
    }
    came
}

#[test]
fn a_track_that_cannot_be_used_leaves_the_other_alone_and_is_told_now_and_then() {
    let picture = (kind::VIDEO, &b"\x17\x01\0\0\0\0\0\x01sps"[..]);
    for sound in [&b"\xb2speex"[..], b"\x52nelly", b"\x32pcm", b"\x91ac-3", b"\xf2own", b"\x95\x01Opus\x07two"] {
        let tags = [picture, (kind::AUDIO, sound)].repeat(60);
        let came = incoming(&tags, Duration::from_millis(50));
        let pictures = came.iter().filter(|media| **media == Ok((Track::Video, 6))).count();
        let told = came.iter().filter(|media| matches!(media, Err((Track::Audio, _)))).count();
        // Six seconds: at once, and every two.
        assert_eq!((pictures, told, came.len()), (60, 3, 63), "{sound:?}");
    }
    let sound = (kind::AUDIO, &b"\x2fmp3"[..]);
    for picture in [&b"\x22h263"[..], b"\x13screen", b"\x1d\x01\0\0\0av1", b"\x91vvc1vvc"] {
        let came = incoming(&[(kind::VIDEO, picture), sound, (19, b"what is this")], Duration::from_millis(50));
        assert!(matches!(&came[..], [Err((Track::Video, _)), Ok((Track::Audio, 3))]), "{came:?}");
    }
}

#[test]
fn a_flood_of_codecs_is_told_a_bounded_number_of_times() {
    let tags: Vec<Vec<u8>> = (0..200u8).map(|byte| [b"\x91abc", &[byte][..], b"data"].concat()).collect();
    let tags: Vec<(u8, &[u8])> = tags.iter().map(|tag| (kind::VIDEO, &tag[..])).collect();
    assert_eq!(incoming(&tags, Duration::ZERO).len(), 8);
}

#[test]
fn what_waits_for_its_header_is_told_after_a_second() {
    let picture = (kind::VIDEO, &b"\x17\x01\0\0\0\0\0\0\x02\x65\x01"[..]);
    let sound = (kind::AUDIO, &b"\xaf\x01\x21\x10"[..]);
    let header = (kind::AUDIO, &b"\xaf\x00\x12\x10"[..]);
    let late = [[sound; 5].to_vec(), vec![header, sound]].concat();
    let came = incoming(&late, Duration::from_millis(50));
    assert_eq!(came, [Ok((Track::Audio, 2)), Ok((Track::Audio, 2))], "late is not missing");
    let came = incoming(&[picture, sound].repeat(20), Duration::from_millis(50));
    assert!(matches!(&came[..], [Err((Track::Video, _)), Err((Track::Audio, _))]), "{came:?}");
}
