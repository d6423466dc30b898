//! ICE over TCP for networks that block UDP (RFC 6544, passive): each datagram behind its length (RFC 4571).

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use str0m::net::Protocol;
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    time::timeout,
};

use super::Port;
use crate::{
    base::tasks::Tasks,
    front::net::{
        accept::{self, Admission, Admissions, Shares, Standing},
        low_delay::LowDelay,
    },
};

/// How long a stranger may take to show the name of a session.
const GREETING: Duration = Duration::from_secs(5);

/// A connection on which nothing comes for this long is closed: as long as a session lives without a word.
const IDLE: Duration = super::super::deadlines::SILENCE;

/// Longest time for the peer to take what is written, little as that is; then it is closed, and its session ends of silence. The
/// kernel has taken most of a second's worth before, so a peer that stands still is left within 5 s.
const STALL: Duration = Duration::from_secs(4);

/// Datagrams that may wait for a slow connection: the largest keyframe, at 8 Mbit/s. More are lost, as by UDP.
const QUEUE: usize = 512;

/// With so many waiting a connection is ready for more: what is then written goes out behind 16 kB at most.
const FEW: usize = 12;

/// Bytes beyond which a write takes no further datagram, so that it is soon seen how many wait.
const BURST_BYTES: usize = 16 << 10;

/// Largest datagram, bytes: what the RTP stack takes. A peer that claims more speaks another protocol.
const MAX_BYTES: usize = 2000;

pub(super) async fn serve(port: Arc<Port>, listener: TcpListener, shares: Shares, tasks: Tasks) {
    let admissions = Admissions::new(shares);
    loop {
        let (stream, peer) = tokio::select! {
            () = tasks.stopping() => return,
            accepted = accept::next(&listener, "ICE-TCP") => accepted,
        };
        let Ok(admission) = admissions.admit(peer.ip(), Standing::Stranger) else { continue };
        let (port, stop) = (port.clone(), tasks.clone());
        tasks.spawn("webrtc tcp", async move {
            tokio::select! {
                () = carry(&port, stream, peer, &admission) => {}
                () = admission.evicted() => {}
                () = stop.stopping() => {}
            }
        });
    }
}

async fn carry(port: &Port, stream: TcpStream, peer: SocketAddr, admission: &Admission) {
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let local = stream.local_addr().ok().map(|address| address.ip().to_canonical());
    let (reader, writer) = io::split(LowDelay::new(stream));
    let mut reader = Reader { reader, buffer: BytesMut::new() };
    let Ok(Some(first)) = timeout(GREETING, reader.next()).await else { return };
    // The way back stands before the session hears anything, as it answers at once.
    let (sender, queue) = mpsc::channel(QUEUE);
    let way = Way { sender, taken: Arc::default() };
    let taken = way.taken.clone();
    port.streams().insert(peer, way);
    let _leave = Leave { port, peer };
    let shown = port.deliver(Protocol::Tcp, peer, local, &first, Instant::now());
    if shown.is_none_or(|standing| admission.promote(standing).is_err()) {
        return;
    }
    let reading = async {
        while let Ok(Some(datagram)) = timeout(IDLE, reader.next()).await {
            let _ = port.deliver(Protocol::Tcp, peer, local, &datagram, Instant::now());
        }
    };
    tokio::select! {
        () = reading => {}
        () = write(writer, queue, &taken) => {}
    }
}

/// Takes the way back away when the connection ends, however it does.
struct Leave<'a> {
    port: &'a Port,
    peer: SocketAddr,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.port.streams().remove(&self.peer);
    }
}

async fn write(mut writer: WriteHalf<LowDelay>, mut queue: mpsc::Receiver<Bytes>, taken: &Notify) {
    let mut buffer = BytesMut::new();
    while let Some(first) = queue.recv().await {
        let mut next = Some(first);
        while let Some(datagram) = next {
            buffer.put_u16(datagram.len() as u16);
            buffer.put_slice(&datagram);
            next = if buffer.len() < BURST_BYTES { queue.try_recv().ok() } else { None };
        }
        match timeout(STALL, writer.write_all(&buffer)).await {
            Ok(Ok(())) => buffer.clear(),
            _ => return,
        }
        taken.notify_waiters();
    }
}

/// The way to the peer of one connection. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Way {
    sender: mpsc::Sender<Bytes>,
    /// Wakes who waits whenever some went out.
    taken: Arc<Notify>,
}

impl Way {
    /// Hands a datagram on; false when too many wait, or the connection has ended.
    pub(super) fn send(&self, datagram: Bytes) -> bool {
        self.sender.try_send(datagram).is_ok()
    }

    /// Waits until few wait. Cancel safe.
    pub(super) async fn ready(&self) {
        loop {
            let taken = self.taken.notified();
            if QUEUE - self.sender.capacity() <= FEW || self.sender.is_closed() {
                return;
            }
            tokio::select! {
                () = taken => {}
                () = self.sender.closed() => return,
            }
        }
    }
}

struct Reader {
    reader: ReadHalf<LowDelay>,
    buffer: BytesMut,
}

impl Reader {
    /// The next datagram; `None` at the end, or when the peer speaks something else.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.buffer.len() >= 2 {
                let length = usize::from(u16::from_be_bytes([self.buffer[0], self.buffer[1]]));
                if length > MAX_BYTES {
                    return None;
                }
                if self.buffer.len() >= 2 + length {
                    self.buffer.advance(2);
                    return Some(self.buffer.split_to(length).freeze());
                }
            }
            self.buffer.reserve(2 + MAX_BYTES);
            if self.reader.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }
}
