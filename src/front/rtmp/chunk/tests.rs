//! Chunks in every shape the wire has them.

use std::io::IoSlice;

use bytes::Bytes;
use proptest::prelude::*;

use super::{super::limits::Caps, *};

const CAPS: Caps = Caps { input: 4096, message: 1 << 20, held: 1 << 20 };

/// Feeds `bytes` in pieces of `step`, and collects every message.
fn read(caps: Caps, bytes: &[u8], step: usize) -> Result<Vec<Message>, Fault> {
    let mut reader = ChunkReader::new(caps);
    let mut messages = Vec::new();
    for piece in bytes.chunks(step) {
        reader.input().extend_from_slice(piece);
        while let Some(message) = reader.read_message()? {
            messages.push(message);
        }
    }
    Ok(messages)
}

fn drain(writer: &mut ChunkWriter) -> Vec<u8> {
    let mut bytes = Vec::new();
    while writer.queued() > 0 {
        let mut slices = ChunkWriter::no_slices();
        let filled = writer.slices(&mut slices);
        let before = bytes.len();
        slices[..filled].iter().for_each(|slice: &IoSlice<'_>| bytes.extend_from_slice(slice));
        let sent = bytes.len() - before;
        writer.advance(sent);
    }
    bytes
}

/// A chunk with a full header and no extended time.
fn full(id: u8, time: u32, length: usize, kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id];
    bytes.extend_from_slice(&time.to_be_bytes()[1..]);
    bytes.extend_from_slice(&(length as u32).to_be_bytes()[1..]);
    bytes.push(kind);
    bytes.extend_from_slice(&1u32.to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn extended(id: u8, time: u32, length: usize, kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = full(id, 0xff_ffff, length, kind, &time.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn times(messages: &[Message]) -> Vec<u32> {
    messages.iter().map(|m| m.timestamp).collect()
}

#[test]
fn messages_of_several_chunk_streams_interleave() {
    let mut bytes = full(6, 40, 200, kind::VIDEO, &[1; 128]);
    bytes.extend(full(4, 41, 10, kind::AUDIO, &[2; 10]));
    bytes.push(0xc6);
    bytes.extend([1; 72]);
    for step in [1, 7, 4096] {
        let messages = read(CAPS, &bytes, step).expect("legal");
        assert_eq!(times(&messages), [41, 40]);
        assert_eq!(messages[0].payload[..], [2; 10]);
        assert_eq!(messages[1].payload[..], [1; 200]);
    }
}

#[test]
fn times_add_up_over_every_header_format() {
    let mut bytes = full(6, 40, 1, kind::VIDEO, &[0]);
    bytes.extend([0xc6, 0]); // as far again as the first: §5.3.1.2.4
    bytes.extend([0x46, 0, 0, 33, 0, 0, 2, kind::VIDEO, 0, 0]);
    bytes.extend([0x86, 0, 0, 34, 0, 0]);
    bytes.extend([0xc6, 0, 0]);
    bytes.extend(full(6, 20_000, 1, kind::VIDEO, &[0]));
    bytes.extend([0xc6, 0]); // too far for a step: the same time again
    let messages = read(CAPS, &bytes, 1).expect("legal");
    assert_eq!(times(&messages), [40, 80, 113, 147, 181, 20_000, 20_000]);
}

#[test]
fn a_chunk_stream_may_begin_without_a_message_stream() {
    let messages = read(CAPS, &[0x42, 0, 0, 7, 0, 0, 2, kind::USER_CONTROL, 0, 7], 1).expect("librtmp does so");
    assert_eq!((messages[0].stream, messages[0].timestamp, &messages[0].payload[..]), (0, 7, &[0, 7][..]));
}

#[test]
fn extended_times_may_or_may_not_be_repeated() {
    let time = 0x0123_4567;
    let begin = extended(6, time, 200, kind::VIDEO, &[1; 128]);
    let by_the_book = [begin.clone(), vec![0xc6], time.to_be_bytes().to_vec(), vec![1; 72]].concat();
    let old_librtmp = [begin, vec![0xc6], vec![1; 72]].concat();
    for bytes in [by_the_book, old_librtmp] {
        let bytes = [bytes, extended(6, time + 40, 1, kind::VIDEO, &[9])].concat();
        let messages = read(CAPS, &bytes, 5).expect("both are in use");
        assert_eq!(times(&messages), [time, time + 40]);
        assert_eq!(messages[0].payload[..], [1; 200]);
    }
}

#[test]
fn chunk_size_and_abort_are_obeyed() {
    let mut bytes = full(6, 0, 300, kind::VIDEO, &[1; 128]);
    bytes.extend(full(2, 0, 4, kind::ABORT, &6u32.to_be_bytes()));
    bytes.extend(full(2, 0, 4, kind::SET_CHUNK_SIZE, &(1u32 << 20).to_be_bytes()));
    bytes.extend(full(6, 5, 70_000, kind::VIDEO, &[2; 70_000]));
    let messages = read(CAPS, &bytes, 4096).expect("legal");
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].payload[..], [2; 70_000][..]);
}

#[test]
fn chunk_stream_ids_have_three_lengths() {
    for head in [vec![63], vec![0, 255], vec![1, 255, 255]] {
        let mut bytes = full(0, 7, 1, kind::AUDIO, &[3]);
        bytes.splice(..1, head);
        assert_eq!(read(CAPS, &bytes, 1).expect("legal").len(), 1);
    }
}

#[test]
fn what_leans_on_nothing_or_is_too_much_is_refused() {
    let refused = |bytes: &[u8]| read(CAPS, bytes, 64).expect_err("not legal");
    assert_eq!(refused(&[0xc6, 0]), Fault::NoHeader(6));
    assert_eq!(refused(&[0x86, 0, 0, 0]), Fault::NoHeader(6));
    let mut inside = full(6, 0, 200, kind::VIDEO, &[1; 128]);
    inside.extend(full(6, 0, 200, kind::VIDEO, &[1; 128]));
    assert_eq!(refused(&inside), Fault::HeaderInside(6));
    assert!(matches!(refused(&full(6, 0, 0xff_ffff, kind::VIDEO, &[])), Fault::TooLong { .. }));
    assert!(matches!(refused(&full(3, 0, 20_000, kind::COMMAND, &[])), Fault::TooLong { limit: 16_384, .. }));
    assert_eq!(refused(&full(2, 0, 4, kind::SET_CHUNK_SIZE, &[0; 4])), Fault::ChunkSize(0));
    assert_eq!(refused(&full(2, 0, 2, kind::SET_CHUNK_SIZE, &[0; 2])), Fault::ShortControl(1));
    let crowd: Vec<u8> = (2..67).flat_map(|id| [vec![0, id], full(0, 0, 0, 9, &[])[1..].to_vec()].concat()).collect();
    assert_eq!(refused(&crowd), Fault::ChunkStreams);
}

#[test]
fn half_sent_messages_are_bounded_together() {
    let caps = Caps { input: 4096, message: 16 << 10, held: 16 << 10 };
    let halves: Vec<u8> = (3..12).flat_map(|id| full(id, 0, 16 << 10, kind::VIDEO, &[0; 128])).collect();
    assert_eq!(read(caps, &halves, 64), Err(Fault::Held(16 << 10)));
}

fn message() -> impl Strategy<Value = (u8, u32, Vec<u8>, Vec<u8>)> {
    let kinds = prop::sample::select(vec![kind::AUDIO, kind::VIDEO, kind::DATA, kind::COMMAND]);
    let head = prop::collection::vec(any::<u8>(), 0..16);
    (kinds, any::<u32>(), head, prop::collection::vec(any::<u8>(), 0..5000))
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        messages in prop::collection::vec(message(), 1..12),
        chunk_size in 128u32..6000,
        step in 1usize..3000,
    ) {
        let mut writer = ChunkWriter::default();
        writer.set_chunk_size(chunk_size);
        for (kind, time, head, body) in &messages {
            writer.message(*kind, 1, *time, head, &Bytes::from(body.clone()));
        }
        let read = read(CAPS, &drain(&mut writer), step).expect("our own");
        prop_assert_eq!(read.len(), messages.len());
        for (read, (kind, time, head, body)) in read.iter().zip(&messages) {
            prop_assert_eq!((read.kind, read.timestamp, read.stream), (*kind, *time, 1));
            prop_assert_eq!(&read.payload[..], &[&head[..], &body[..]].concat()[..]);
        }
    }
}
