//! What fuzzing calls: one function a reader of bytes from the network. `fuzz_targets/` feeds them from libFuzzer, and
//! `tests/quick/rtmp_mutation.rs` from bounded random mutations, so that every run of the tests has some.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tilecast::front::rtmp::{
    self, Caps, Limits, Request,
    amf::{Command, Malformed, Property, Writer},
    chunk::{ChunkReader, ChunkWriter, Fault, Message, kind},
    flv,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Small, so that bounds are met often.
const CAPS: Caps = Caps { input: 512, message: 4096, held: 8192 };

/// The chunk reader: however the bytes are cut up, it finds the same messages and the same fault, and invents nothing.
pub fn chunks(data: &[u8]) {
    let Some((&first, bytes)) = data.split_first() else { return };
    let (whole, fault) = read(bytes, CAPS.input);
    let (cut, cut_fault) = read(bytes, usize::from(first % 64) + 1);
    assert_eq!(whole, cut);
    assert_eq!(fault, cut_fault);
    assert!(whole.iter().map(|m| m.payload.len()).sum::<usize>() <= bytes.len());
}

fn read(bytes: &[u8], step: usize) -> (Vec<Message>, Option<Fault>) {
    let mut reader = ChunkReader::new(CAPS);
    let mut messages = Vec::new();
    for piece in bytes.chunks(step) {
        reader.input().extend_from_slice(piece);
        loop {
            match reader.read_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(fault) => return (messages, Some(fault)),
            }
        }
    }
    (messages, None)
}

/// AMF0: whatever a command holds, it is read or refused for one of three reasons.
pub fn amf0(data: &[u8]) {
    match Command::read(data) {
        Ok(_) | Err(Malformed::NoCommand | Malformed::Deep | Malformed::Many) => {}
        Err(fault) => panic!("{fault}"),
    }
}

/// FLV tag bodies.
pub fn flv(data: &[u8]) {
    let tag = Bytes::copy_from_slice(data);
    for unit in [flv::video(tag.clone()), flv::audio(tag)].into_iter().flatten().flatten() {
        assert!(!unit.data.is_empty() && unit.data.len() < data.len());
        assert!((-0x80_0000..0x80_0000).contains(&unit.composition));
    }
}

/// A whole connection, from the byte after the handshake; how many packets came of it.
pub fn accept(data: &[u8]) -> usize {
    let mut input = vec![0; 1 + 2 * 1536];
    input[0] = 3;
    input.extend_from_slice(data);
    connection(input)
}

/// A whole connection, from its first byte; how many packets came of it.
pub fn connection(input: Vec<u8>) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let limits = Limits { greeting: Duration::from_secs(5), ..Limits::default() };
    runtime.block_on(async {
        match rtmp::accept(Script { input, at: 0 }, &limits).await {
            Ok(Request::Publish(request)) => {
                let _ = (request.path(), request.readings("key").len());
                let Ok(mut publisher) = request.accept().await else { return 0 };
                let mut packets = 0;
                while let Ok(Some(packet)) = publisher.next().await {
                    assert!(!packet.data.is_empty());
                    packets += 1;
                }
                packets
            }
            Ok(Request::Play(request)) => {
                let Ok(mut player) = request.accept().await else { return 0 };
                player.closed().await;
                0
            }
            Err(_) => 0,
        }
    })
}

/// A peer that says what was written for it, then closes, and does not care for answers.
#[derive(Debug)]
struct Script {
    input: Vec<u8>,
    at: usize,
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let end = self.input.len().min(self.at + into.remaining());
        into.put_slice(&self.input[self.at..end]);
        self.at = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What a publisher sends after the handshake, to mutate.
pub fn session() -> Vec<u8> {
    let mut writer = ChunkWriter::default();
    let mut command = |payload: Bytes, stream| writer.message(kind::COMMAND, stream, 0, &[], &payload);
    let client = [("app", Property::Text("in/weekly")), ("tcUrl", Property::Text("rtmp://host/in/weekly"))];
    command(Writer::command("connect", 1.0).object(&client).finish(), 0);
    command(Writer::command("releaseStream", 2.0).null().text("alice").finish(), 0);
    command(Writer::command("createStream", 3.0).null().finish(), 0);
    command(Writer::command("publish", 4.0).null().text("alice?key=k").text("live").finish(), 1);
    writer.set_chunk_size(256);
    let metadata =
        Writer::default().text("@setDataFrame").text("onMetaData").array(&[("width", Property::Number(640.0))]);
    writer.message(kind::DATA, 1, 0, &[], &metadata.finish());
    writer.message(kind::VIDEO, 1, 0, &[0x17, 0, 0, 0, 0], &Bytes::from(vec![1; 40]));
    writer.message(kind::AUDIO, 1, 0, &[0xaf, 0], &Bytes::from(vec![0x11, 0x90]));
    for time in [0, 40, 0xff_ffff, 0x100_0028, 7] {
        writer.message(kind::VIDEO, 1, time, &[0x27, 1, 0, 0, 80], &Bytes::from(vec![2; 700]));
        writer.message(kind::AUDIO, 1, time, &[0xaf, 1], &Bytes::from(vec![3; 100]));
    }
    writer.message(
        kind::AGGREGATE,
        1,
        90,
        &[9, 0, 0, 6, 0, 0, 9, 0, 0, 0, 0],
        &Bytes::from_static(b"\x27\x01\0\0\0\x01\0\0\0\0"),
    );
    writer.message(kind::COMMAND, 0, 0, &[], &Writer::command("deleteStream", 5.0).null().number(1.0).finish());
    let mut bytes = Vec::new();
    while writer.queued() > 0 {
        let mut slices = ChunkWriter::no_slices();
        let filled = writer.slices(&mut slices);
        let before = bytes.len();
        slices[..filled].iter().for_each(|slice| bytes.extend_from_slice(slice));
        let sent = bytes.len() - before;
        writer.advance(sent);
    }
    bytes
}
