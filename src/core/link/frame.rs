//! Framing (IPC protocol): a big-endian `u32` length, one byte of kind, then the body. The length counts kind and body.
//!
//! Control messages and reports are JSON, since they are rare and small, and a trace of them is readable. Media
//! messages are a fixed header and the coded bytes; the coded bytes are sliced out of the read buffer, not copied.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::message::{Control, Feed, FromWorker, Report, ToWorker};
use crate::{
    base::AssetHash,
    media::{Codec, Packet, Role, Timestamp},
};

/// Longest frame. A 4K keyframe at the highest rate is under 4 MB; a snapshot under 8 MB.
pub const MAX_FRAME: usize = 16 << 20;

/// Longest report of a worker, bytes: levels or statistics of 128 feeds take a third of it.
const MAX_REPORT: usize = 64 << 10;

/// Longest packet of the program and longest snapshot, bytes: twice what 4K takes at the highest rate.
const MAX_PICTURE: usize = 8 << 20;

/// Longest packet of a listener's mix, bytes: 20 ms of Opus at its highest rate take 1275 (RFC 6716 §3.4).
const MAX_SOUND: usize = 2 << 10;

/// Why bytes are not a frame of this link. After such an error the link cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The frame is empty, or longer than a frame of its kind may be.
    #[error("a frame of {0} bytes, which none of its kind has")]
    Length(usize),
    /// A kind that this side does not accept.
    #[error("a frame of kind {0}")]
    Kind(u8),
    /// A media header with an undefined value.
    #[error("a media frame with a malformed header")]
    Media,
    /// A control message or report that does not parse.
    #[error("a control frame that does not parse: {0}")]
    Json(#[from] serde_json::Error),
}

const KIND_JSON: u8 = 0;
const KIND_PACKET: u8 = 1;
const KIND_SNAPSHOT: u8 = 2;
const KIND_ASSET: u8 = 3;
const KIND_SOUND: u8 = 4;

/// Bytes of an asset's hash.
const HASH: usize = 32;

/// Bytes of a media header: feed or listener, flags, codec, role, pts, dts.
const MEDIA_HEADER: usize = 4 + 1 + 1 + 1 + 8 + 8;

/// An encoded message: the head, then the coded bytes of a media message.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Length, kind, and everything except the coded bytes.
    pub head: Bytes,
    /// The coded bytes, shared with the packet.
    pub tail: Bytes,
}

impl Frame {
    /// Whole length on the wire, bytes.
    pub fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Always false: a frame has at least its length and kind.
    pub fn is_empty(&self) -> bool {
        false
    }
}

fn json(message: &impl serde::Serialize) -> Frame {
    let body = serde_json::to_vec(message).expect("link messages have text keys and finite numbers");
    let mut head = BytesMut::with_capacity(5 + body.len());
    head.put_u32(body.len() as u32 + 1);
    head.put_u8(KIND_JSON);
    head.extend_from_slice(&body);
    Frame { head: head.freeze(), tail: Bytes::new() }
}

fn media(kind: u8, of: u32, replay: bool, packet: &Packet) -> Frame {
    let mut head = BytesMut::with_capacity(5 + MEDIA_HEADER);
    head.put_u32((1 + MEDIA_HEADER + packet.data.len()) as u32);
    head.put_u8(kind);
    head.put_u32(of);
    head.put_u8(u8::from(replay));
    head.put_u8(codec_code(packet.codec));
    head.put_u8(match packet.role {
        Role::Config => 0,
        Role::Key => 1,
        Role::Delta => 2,
    });
    head.put_i64(packet.pts.nanos());
    head.put_i64(packet.dts.nanos());
    Frame { head: head.freeze(), tail: packet.data.clone() }
}

fn codec_code(codec: Codec) -> u8 {
    Codec::ALL.iter().position(|c| *c == codec).expect("every codec is listed") as u8
}

impl ToWorker {
    /// The message in wire form.
    pub fn encode(&self) -> Frame {
        match self {
            Self::Control(control) => json(control),
            Self::Packet { feed, replay, packet } => media(KIND_PACKET, feed.0, *replay, packet),
            Self::Asset { hash, file } => {
                let mut head = BytesMut::with_capacity(5 + HASH);
                head.put_u32((1 + HASH + file.len()) as u32);
                head.put_u8(KIND_ASSET);
                head.extend_from_slice(hash.bytes());
                Frame { head: head.freeze(), tail: file.clone() }
            }
        }
    }

    /// Takes the next message from `input`; `None` until the message is complete.
    pub fn decode(input: &mut BytesMut) -> Result<Option<Self>, FrameError> {
        let Some((kind, mut body)) = take(input, |_| MAX_FRAME)? else { return Ok(None) };
        match kind {
            KIND_JSON => Ok(Some(Self::Control(serde_json::from_slice::<Control>(&body)?))),
            KIND_PACKET => {
                let (of, replay, packet) = take_media(body)?;
                Ok(Some(Self::Packet { feed: Feed(of), replay, packet }))
            }
            KIND_ASSET => {
                let hash = *body.first_chunk::<HASH>().ok_or(FrameError::Media)?;
                body.advance(HASH);
                Ok(Some(Self::Asset { hash: AssetHash::from_bytes(hash), file: body }))
            }
            other => Err(FrameError::Kind(other)),
        }
    }
}

impl FromWorker {
    /// The message in wire form.
    pub fn encode(&self) -> Frame {
        match self {
            Self::Report(report) => json(report),
            Self::Program(packet) => media(KIND_PACKET, 0, false, packet),
            Self::Sound { listener, packet } => media(KIND_SOUND, *listener, false, packet),
            Self::Snapshot { id, jpeg } => {
                let mut head = BytesMut::with_capacity(13);
                head.put_u32((9 + jpeg.len()) as u32);
                head.put_u8(KIND_SNAPSHOT);
                head.put_u64(*id);
                Frame { head: head.freeze(), tail: jpeg.clone() }
            }
        }
    }

    /// Longest frame of a kind without its length field, bytes. A worker is not trusted, so it gets no more of the
    /// front's memory than its messages need.
    fn longest(kind: u8) -> usize {
        match kind {
            KIND_JSON => MAX_REPORT,
            KIND_PACKET | KIND_SNAPSHOT => MAX_PICTURE,
            KIND_SOUND => MAX_SOUND,
            // An unknown kind passes with any length, so that the error names the kind.
            _ => MAX_FRAME,
        }
    }

    /// Takes the next message from `input`; `None` until the message is complete.
    pub fn decode(input: &mut BytesMut) -> Result<Option<Self>, FrameError> {
        let Some((kind, mut body)) = take(input, Self::longest)? else { return Ok(None) };
        match kind {
            KIND_JSON => Ok(Some(Self::Report(serde_json::from_slice::<Report>(&body)?))),
            KIND_PACKET => Ok(Some(Self::Program(take_media(body)?.2))),
            KIND_SOUND => {
                let (listener, _, packet) = take_media(body)?;
                Ok(Some(Self::Sound { listener, packet }))
            }
            KIND_SNAPSHOT if body.len() >= 8 => Ok(Some(Self::Snapshot { id: body.get_u64(), jpeg: body })),
            KIND_SNAPSHOT => Err(FrameError::Media),
            other => Err(FrameError::Kind(other)),
        }
    }
}

fn take(input: &mut BytesMut, longest: fn(u8) -> usize) -> Result<Option<(u8, Bytes)>, FrameError> {
    let Some(length) = input.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    let most = input.get(4).map_or(MAX_FRAME, |kind| longest(*kind));
    if length == 0 || length > most {
        return Err(FrameError::Length(length));
    }
    if input.len() < 4 + length {
        // Reserves space for the whole frame, so that a large frame is not moved repeatedly while it grows.
        input.reserve(4 + length - input.len());
        return Ok(None);
    }
    input.advance(4);
    let mut frame = input.split_to(length).freeze();
    let kind = frame.get_u8();
    Ok(Some((kind, frame)))
}

fn take_media(mut body: Bytes) -> Result<(u32, bool, Packet), FrameError> {
    if body.len() < MEDIA_HEADER {
        return Err(FrameError::Media);
    }
    let of = body.get_u32();
    let replay = body.get_u8() != 0;
    let codec = *Codec::ALL.get(usize::from(body.get_u8())).ok_or(FrameError::Media)?;
    let role = match body.get_u8() {
        0 => Role::Config,
        1 => Role::Key,
        2 => Role::Delta,
        _ => return Err(FrameError::Media),
    };
    let pts = Timestamp::from_nanos(body.get_i64());
    let dts = Timestamp::from_nanos(body.get_i64());
    Ok((of, replay, Packet { codec, role, pts, dts, data: body }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Listener, *};
    use crate::media::AudioCodec;

    fn wire(frames: &[Frame]) -> BytesMut {
        let mut bytes = BytesMut::new();
        for frame in frames {
            bytes.extend_from_slice(&frame.head);
            bytes.extend_from_slice(&frame.tail);
        }
        bytes
    }

    fn sample() -> Vec<ToWorker> {
        let packet = Packet {
            codec: Codec::Audio(AudioCodec::Opus),
            role: Role::Key,
            pts: Timestamp::from_millis(-5),
            dts: Timestamp::from_millis(7),
            data: Bytes::from_static(b"coded"),
        };
        vec![
            ToWorker::Control(Control::Keyframe),
            ToWorker::Packet { feed: Feed(7), replay: true, packet },
            ToWorker::Asset { hash: AssetHash::of(b"file"), file: Bytes::from_static(b"file") },
            ToWorker::Control(Control::Snapshot(9)),
            ToWorker::Control(Control::Rotation { feed: Feed(7), quarter_turns: 3 }),
            ToWorker::Control(Control::Color { feed: Feed(7), space: crate::media::ColorSpace::default() }),
            ToWorker::Control(Control::Listeners(vec![
                Listener { id: 1, without: None },
                Listener { id: 2, without: Some("alice".parse().expect("an id")) },
            ])),
        ]
    }

    #[test]
    fn messages_survive_the_wire_however_it_cuts_them() {
        let sent = sample();
        let bytes = wire(&sent.iter().map(ToWorker::encode).collect::<Vec<_>>());
        for step in [1, 2, 3, 7, 1000] {
            let (mut input, mut got) = (BytesMut::new(), Vec::new());
            for piece in bytes.chunks(step) {
                input.extend_from_slice(piece);
                while let Some(message) = ToWorker::decode(&mut input).expect("valid") {
                    got.push(message);
                }
            }
            assert_eq!(got, sent, "step {step}");
        }
    }

    #[test]
    fn snapshots_and_sound_carry_their_numbers() {
        let ToWorker::Packet { packet, .. } = sample().swap_remove(1) else { panic!("a packet") };
        let jpeg = Bytes::from_static(b"jpeg");
        let (snapshot, sound) = (FromWorker::Snapshot { id: 3, jpeg }, FromWorker::Sound { listener: 9, packet });
        let mut bytes = wire(&[snapshot.encode(), sound.encode()]);
        for sent in [snapshot, sound] {
            assert_eq!(FromWorker::decode(&mut bytes).expect("valid"), Some(sent));
        }
    }

    #[test]
    fn an_absurd_length_is_refused_before_it_is_waited_for() {
        let mut bytes = BytesMut::from(&[0xff, 0xff, 0xff, 0xff][..]);
        assert!(matches!(FromWorker::decode(&mut bytes), Err(FrameError::Length(_))));
    }

    #[test]
    fn a_worker_gets_no_more_of_the_memory_than_its_kind_of_message_takes() {
        for (kind, most) in [(KIND_JSON, MAX_REPORT), (KIND_PACKET, MAX_PICTURE), (KIND_SOUND, MAX_SOUND)] {
            let announce = |length: usize| {
                let mut bytes = BytesMut::new();
                bytes.put_u32(length as u32);
                bytes.put_u8(kind);
                FromWorker::decode(&mut bytes)
            };
            assert!(matches!(announce(most), Ok(None)), "kind {kind}");
            assert!(matches!(announce(most + 1), Err(FrameError::Length(_))), "kind {kind}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let mut input = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = ToWorker::decode(&mut input) {}
            let mut input = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = FromWorker::decode(&mut input) {}
        }
    }
}
