//! Hostile RTMP peers that send too much, too little, too slowly or something else: their own connection ends.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tilecast::{
    front::rtmp::{
        self, Error, Limits, Request,
        amf::{Malformed, Writer},
        chunk::{Fault, kind},
    },
    media::{AudioCodec, Codec, Packet, Role, Timestamp},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};

/// Long enough for the busiest machine, and no test waits for it.
const LONG: Duration = Duration::from_secs(60);
/// A bound that a test does wait for.
const SHORT: Duration = Duration::from_millis(100);

fn limits() -> Limits {
    Limits { greeting: LONG, idle: LONG, stall: LONG, ..Limits::default() }
}

/// C0 and C1, then C2.
fn handshake() -> Vec<u8> {
    let mut bytes = vec![0; 1 + 2 * 1536];
    bytes[0] = 3;
    bytes
}

/// A message in one chunk, after a chunk size of 1 MiB was set.
fn message(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 0, 4, kind::SET_CHUNK_SIZE, 0, 0, 0, 0, 0, 0x10, 0, 0];
    bytes.extend([3, 0, 0, 0]);
    bytes.extend(&(payload.len() as u32).to_be_bytes()[1..]);
    bytes.push(kind);
    bytes.extend(stream.to_le_bytes());
    bytes.extend(payload);
    bytes
}

fn command(payload: Writer) -> Vec<u8> {
    message(kind::COMMAND, 1, &payload.finish())
}

fn connect() -> Vec<u8> {
    command(Writer::command("connect", 1.0).object(&[]))
}

fn publish() -> Vec<u8> {
    [connect(), command(Writer::command("publish", 2.0).null().text("alice").text("live"))].concat()
}

/// Lets a peer say `bytes` after the handshake, and returns what becomes of it. The peer reads everything and then
/// waits.
async fn said(bytes: &[u8], limits: &Limits) -> Result<Request<DuplexStream>, Error> {
    let (ours, theirs) = duplex(1 << 20);
    let (mut read, mut write) = tokio::io::split(theirs);
    let bytes = [handshake(), bytes.to_vec()].concat();
    let peer = async {
        write.write_all(&bytes).await.expect("room for all of it");
        // Keeps the connection open until ours is gone.
        let _ = tokio::io::copy(&mut read, &mut tokio::io::sink()).await;
        panic!("ours is dropped only with the result");
    };
    tokio::select! {
        result = rtmp::accept(ours, limits) => result,
        () = peer => unreachable!(),
    }
}

async fn fault(bytes: &[u8]) -> Fault {
    match said(bytes, &limits()).await {
        Err(Error::Protocol { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nested_values_end_the_connection_and_nothing_else() {
    // 40 kB of it overflowed the stack of the crate that builds the values.
    let nested = [10u8, 0, 0, 0, 1].repeat(10_000);
    assert!(matches!(fault(&message(kind::COMMAND, 0, &nested)).await, Fault::TooLong { .. }));
    let shorter = [10u8, 0, 0, 0, 1].repeat(1_600);
    assert_eq!(fault(&message(kind::COMMAND, 0, &shorter)).await, Fault::Command(Malformed::Deep));
    assert_eq!(fault(&message(kind::COMMAND_AMF3, 0, &shorter)).await, Fault::Command(Malformed::Deep));
}

#[tokio::test]
async fn what_means_nothing_to_us_is_passed_over() {
    let strange = [
        message(kind::DATA, 0, b"\x02\x00\x0d@setDataFrame"),
        message(kind::DATA, 0, &[10u8, 0, 0, 0, 1].repeat(1_600)),
        message(kind::USER_CONTROL, 0, &[0, 26, 0]),
        message(kind::USER_CONTROL, 0, &[0]),
        message(kind::ACKNOWLEDGEMENT, 0, &[]),
        message(kind::WINDOW_SIZE, 0, &[0, 0]),
        message(99, 7, &[1, 2, 3]),
        message(kind::VIDEO, 1, &[0; 100]),
    ];
    let bytes = [strange.concat(), publish()].concat();
    assert!(matches!(said(&bytes, &limits()).await, Ok(Request::Publish(request)) if request.name() == "alice"));
}

#[tokio::test]
async fn commands_out_of_order_are_refused() {
    let nameless = message(kind::COMMAND, 0, &[5, 5]);
    assert_eq!(fault(&nameless).await, Fault::Command(Malformed::NoCommand));
    assert!(matches!(fault(&command(Writer::command("publish", 2.0).null())).await, Fault::OutOfOrder(_)));
    assert!(matches!(fault(&[connect(), connect()].concat()).await, Fault::OutOfOrder(_)));
    let create = command(Writer::command("createStream", 2.0).null());
    assert!(matches!(fault(&[connect(), create.repeat(1000)].concat()).await, Fault::OutOfOrder(_)));
}

#[tokio::test]
async fn a_stream_may_follow_another_on_the_same_connection() {
    let unpublish = command(Writer::command("FCUnpublish", 5.0).null().text("alice"));
    let delete = command(Writer::command("deleteStream", 6.0).null().number(1.0));
    let create = command(Writer::command("createStream", 7.0).null());
    let bob = command(Writer::command("publish", 8.0).null().text("bob").text("live"));
    let media = message(kind::AUDIO, 1, &[0x2f; 100]);
    for farewell in [[unpublish.clone(), delete.clone()].concat(), delete, unpublish] {
        let all = [publish(), media.clone(), farewell, create.clone(), bob.clone(), media.clone()].concat();
        let (ours, mut theirs) = duplex(1 << 20);
        theirs.write_all(&[handshake(), all].concat()).await.expect("room");
        let Ok(Request::Publish(request)) = rtmp::accept(ours, &limits()).await else { panic!("it asked to publish") };
        let mut publisher = request.accept().await.expect("it waits");
        assert!(matches!(publisher.next().await, Ok(Some(_))));
        assert!(matches!(publisher.next().await, Ok(None)) && publisher.said_goodbye());
        let Some(Request::Publish(request)) = publisher.again().await else { panic!("it asked again") };
        assert_eq!(request.name(), "bob");
        let mut publisher = request.accept().await.expect("it waits");
        assert!(matches!(publisher.next().await, Ok(Some(_))));
        drop(theirs);
        assert!(publisher.again().await.is_none());
    }
}

#[tokio::test]
async fn a_second_stream_beside_the_first_is_refused_and_the_first_goes_on() {
    let (ours, mut theirs) = duplex(1 << 20);
    let bob = command(Writer::command("publish", 8.0).null().text("bob").text("live"));
    let all = [handshake(), publish(), bob, message(kind::AUDIO, 1, &[0x2f; 100])].concat();
    theirs.write_all(&all).await.expect("room");
    let Ok(Request::Publish(request)) = rtmp::accept(ours, &limits()).await else { panic!("it asked to publish") };
    let mut publisher = request.accept().await.expect("it waits");
    assert!(matches!(publisher.next().await, Ok(Some(_))));
}

#[tokio::test]
async fn a_stranger_may_not_announce_or_hold_much() {
    assert!(matches!(fault(&message(kind::VIDEO, 1, &[0; 20_000])).await, Fault::TooLong { limit: 8_192, .. }));
    let mut halves = Vec::new();
    for id in 4..60 {
        halves.extend([id, 0, 0, 0, 0, 0x20, 0, kind::VIDEO, 1, 0, 0, 0]);
        halves.extend([0; 128]);
    }
    assert_eq!(fault(&halves).await, Fault::Held(8_192));
}

#[tokio::test]
async fn other_protocols_are_told_by_the_first_byte() {
    let (ours, mut theirs) = duplex(1024);
    theirs.write_all(b"GET / HTTP/1.1\r\n").await.expect("room");
    assert!(matches!(rtmp::accept(ours, &limits()).await, Err(Error::Handshake)));
}

#[tokio::test]
async fn silence_and_dribble_end_in_time() {
    let short = Limits { greeting: SHORT, ..limits() };
    let (ours, _theirs) = duplex(1024);
    assert!(matches!(rtmp::accept(ours, &short).await, Err(Error::Greeting(_))), "not a byte");
    assert!(matches!(said(&connect(), &short).await, Err(Error::Greeting(_))), "and then nothing");
    let (ours, mut theirs) = duplex(1 << 20);
    theirs.write_all(&handshake()).await.expect("room");
    theirs.write_all(&connect()).await.expect("room");
    let dribble = async {
        loop {
            theirs
                .write_all(&message(kind::USER_CONTROL, 0, &[0, 3, 0, 0, 0, 0, 0, 0, 0, 0]))
                .await
                .expect("ours is there");
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = rtmp::accept(ours, &short) => assert!(matches!(result, Err(Error::Greeting(_))), "busy, but no request"),
        () = dribble => unreachable!("it goes on for ever"),
    }
}

#[test]
fn a_connection_cut_anywhere_ends() {
    let session = super::entries::session();
    for cut in (0..session.len()).step_by(7) {
        assert!(super::entries::accept(&session[..cut]) <= 13);
    }
    for cut in [0, 1, 1000, 1537, 2000, 3072] {
        assert_eq!(super::entries::connection(handshake()[..cut].to_vec()), 0);
    }
}

#[tokio::test]
async fn a_publisher_that_falls_silent_is_let_go() {
    let short = Limits { idle: SHORT, ..limits() };
    let (ours, mut theirs) = duplex(1 << 20);
    theirs.write_all(&[handshake(), publish()].concat()).await.expect("room");
    let Ok(Request::Publish(request)) = rtmp::accept(ours, &short).await else { panic!("it asked to publish") };
    let mut publisher = request.accept().await.expect("it waits");
    assert!(matches!(publisher.next().await, Err(Error::Idle(_))));
}

#[tokio::test]
async fn a_player_that_takes_nothing_is_let_go() {
    let short = Limits { stall: SHORT, ..limits() };
    let (ours, mut theirs) = duplex(16 << 10);
    let play = command(Writer::command("play", 2.0).null().text("weekly"));
    theirs.write_all(&[handshake(), connect(), play].concat()).await.expect("room");
    let Ok(Request::Play(request)) = rtmp::accept(ours, &short).await else { panic!("it asked to play") };
    let mut player = request.accept().await.expect("the replies fit");
    let packet = Packet {
        codec: Codec::Audio(AudioCodec::Mp3),
        role: Role::Key,
        pts: Timestamp::ZERO,
        dts: Timestamp::ZERO,
        data: Bytes::from(vec![0; 1000]),
    };
    let end = async {
        loop {
            // Being asked again and again, as beside a timer, must not begin the wait anew.
            if let Ok(Err(error)) = tokio::time::timeout(SHORT / 10, player.send(&packet)).await {
                return error;
            }
        }
    };
    assert!(matches!(end.await, Error::Stalled(_)));
}

#[tokio::test]
async fn acknowledgements_tell_the_running_total() {
    let (ours, mut theirs) = duplex(1 << 20);
    let window = message(kind::WINDOW_SIZE, 0, &10_000u32.to_be_bytes());
    theirs.write_all(&[handshake(), window, publish()].concat()).await.expect("room");
    let Ok(Request::Publish(request)) = rtmp::accept(ours, &limits()).await else { panic!("it asked to publish") };
    let mut publisher = request.accept().await.expect("it waits");
    let media = message(kind::AUDIO, 1, &[0x2f; 1000]);
    theirs.write_all(&media.repeat(20)).await.expect("room");
    for _ in 0..20 {
        publisher.next().await.expect("it holds").expect("it goes on");
    }
    let mut answers = Vec::new();
    let read = async {
        theirs.read_to_end(&mut answers).await.expect("all of it");
        drop(theirs);
    };
    tokio::join!(publisher.finish(None), read);
    let acknowledged: Vec<u32> = answers
        .windows(16)
        .filter(|w| w[0] == 2 && w[1..8] == [0, 0, 0, 0, 0, 4, kind::ACKNOWLEDGEMENT] && w[8..12] == [0; 4])
        .map(|w| u32::from_be_bytes([w[12], w[13], w[14], w[15]]))
        .collect();
    assert!(!acknowledged.is_empty());
    assert!(acknowledged.iter().all(|&total| total >= 5_000));
    assert!(acknowledged.windows(2).all(|w| w[1] - w[0] >= 5_000), "{acknowledged:?}");
    assert!(*acknowledged.last().expect("some") > 20_000 - 5_000 - 2_000, "{acknowledged:?}");
}

/// A peer whose words are all there to be read, and who takes none any more.
#[derive(Debug)]
struct Gone(io::Cursor<Vec<u8>>, usize);

impl AsyncRead for Gone {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // A message a read, so that there are answers to send between them.
        let at = self.0.position() as usize;
        let end = (at + into.remaining().min(self.1)).min(self.0.get_ref().len());
        into.put_slice(&self.0.get_ref()[at..end]);
        self.0.set_position(end as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Gone {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let talking = self.0.position() < self.0.get_ref().len() as u64 - 100;
        Poll::Ready(if talking { Ok(bytes.len()) } else { Err(io::ErrorKind::ConnectionReset.into()) })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_farewell_is_heard_from_a_peer_that_has_already_closed() {
    let question = command(Writer::command("getStreamLength", 6.0).null().text("alice"));
    let delete = command(Writer::command("deleteStream", 7.0).null().number(1.0));
    let bytes = [handshake(), publish(), question, delete].concat();
    let limits = limits();
    let Ok(Request::Publish(request)) = rtmp::accept(Gone(io::Cursor::new(bytes), 16), &limits).await else {
        panic!("it asked to publish")
    };
    let mut publisher = request.accept().await.expect("it still listens");
    assert!(matches!(publisher.next().await, Ok(None)), "the farewell, not the broken pipe");
}
