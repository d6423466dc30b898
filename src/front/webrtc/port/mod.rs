//! The one port that every WebRTC client reaches: a UDP socket and a TCP listener with the same number.
//!
//! Owns the sockets and knows which session a datagram is for; knows nothing of what is in it. A session leases its way in and
//! sends by itself, so that none waits for another: its queue is bounded, and what does not fit is lost, as on any network.
//! [`Port::serve`] ends when its tasks stop; a lease ends when it is dropped.

mod batch;
pub mod stun;
mod table;
mod tcp;

use std::{
    collections::HashMap,
    convert::Infallible,
    io::{self, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use quinn_udp::{RecvMeta, UdpSocketState};
use str0m::net::Protocol;
use tokio::{
    io::Interest,
    net::{TcpListener, UdpSocket},
    sync::mpsc,
};

pub use batch::Batch;
use table::{Id, Origin, Table};
use tcp::Way;

use super::bucket::Bucket;
use crate::{
    base::tasks::Tasks,
    front::{
        metrics::Counters,
        net::{
            accept::{Shares, Standing},
            address::Connector,
        },
    },
};

/// Datagrams that may wait for one session: a quarter of a second of 8 Mbit/s.
const QUEUE: usize = 256;

/// Buffers that one call of the kernel may fill, each with up to 64 joined datagrams.
const BUFFERS: usize = 8;
const BUFFER_BYTES: usize = 65_535;

/// What the kernel may hold for us each way, bytes: a keyframe of 100 kB to each of 40 viewers at once.
const SOCKET_BYTES: usize = 4 << 20;

/// How long a session waits for the kernel to take a datagram before it counts as lost: longer than the line is ever busy with
/// what the kernel holds.
const SEND_PATIENCE: Duration = Duration::from_millis(50);

/// Pause after the socket refuses to read, an error that would repeat at once.
const READ_PAUSE: Duration = Duration::from_millis(100);

/// Something that came.
#[derive(Debug)]
pub struct Datagram {
    /// When.
    pub at: Instant,
    /// How.
    pub proto: Protocol,
    /// From where.
    pub source: SocketAddr,
    /// To which of our candidates.
    pub destination: SocketAddr,
    /// To which of this machine's addresses, where that is known and matters.
    pub local: Option<IpAddr>,
    /// The bytes.
    pub bytes: Bytes,
}

/// How a session is reached.
#[derive(Debug)]
struct Inlet {
    datagrams: mpsc::Sender<Datagram>,
    /// What its client has shown; what comes to it over TCP has shown as much.
    standing: Standing,
}

/// See the module.
#[derive(Debug)]
pub struct Port {
    socket: UdpSocket,
    state: UdpSocketState,
    table: Mutex<Table<Inlet>>,
    streams: Mutex<HashMap<SocketAddr, Way>>,
    /// Where clients reach us.
    addresses: Vec<SocketAddr>,
    /// The socket hears on every address of the machine.
    anywhere: bool,
    v6: bool,
    counters: Counters,
    /// On a port of one session that we asked for: with whom it may talk.
    reach: Option<Connector>,
}

impl Port {
    /// On `socket`, reached by clients at `public`, or where it is bound when that is empty.
    pub fn new(socket: UdpSocket, public: &[IpAddr], counters: Counters) -> io::Result<Arc<Self>> {
        Self::on(socket, public, None, counters).map(Arc::new)
    }

    fn on(socket: UdpSocket, public: &[IpAddr], reach: Option<Connector>, counters: Counters) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        // Both are wishes: the kernel gives what its limits allow.
        let _ = state.set_recv_buffer_size((&socket).into(), SOCKET_BYTES);
        let _ = state.set_send_buffer_size((&socket).into(), SOCKET_BYTES);
        let bound = socket.local_addr()?;
        let own = [bound.ip()];
        let reached = if public.is_empty() { &own[..] } else { public };
        let addresses = reached.iter().map(|ip| SocketAddr::new(*ip, bound.port())).collect();
        Ok(Self {
            socket,
            state,
            table: Mutex::default(),
            streams: Mutex::default(),
            addresses,
            anywhere: bound.ip().is_unspecified(),
            v6: bound.is_ipv6(),
            counters,
            reach,
        })
    }

    /// A port for one session that we ask for, whose server can send to `local`. Servers have one port for everyone,
    /// as we do, so the sessions with one server are told apart by our end's number alone. What comes from addresses that
    /// `reach` refuses is noise.
    pub async fn alone(local: IpAddr, most: Bucket, reach: Connector, counters: Counters) -> io::Result<Lease> {
        let any: IpAddr = if local.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0)).await?;
        // It is told by nothing, so it needs no name.
        Ok(Arc::new(Self::on(socket, &[local], Some(reach), counters)?).lease(String::new(), most, Standing::Known))
    }

    /// Where clients reach us.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// A way in for the session that a client, which has shown so much, calls by `name` and sends `most` datagrams at most.
    pub fn lease(self: &Arc<Self>, name: String, most: Bucket, standing: Standing) -> Lease {
        let (sender, datagrams) = mpsc::channel(QUEUE);
        let id = self.table().add(name, Inlet { datagrams: sender, standing }, most);
        Lease { port: self.clone(), id, datagrams }
    }

    /// An empty batch of what may be sent in one go.
    pub fn batch(&self) -> Batch {
        Batch::new(self.state.max_gso_segments())
    }

    /// Reads until `tasks` stop; over TCP there are so many places.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shares: Shares, tasks: Tasks) {
        let reading = tasks.clone();
        let port = self.clone();
        tasks.spawn("webrtc udp", async move {
            tokio::select! {
                () = reading.stopping() => {}
                never = port.read() => match never {},
            }
        });
        tcp::serve(self, listener, shares, tasks).await;
    }

    /// Reads for ever.
    pub async fn read(&self) -> Infallible {
        let mut memory = vec![vec![0; BUFFER_BYTES]; BUFFERS];
        loop {
            let mut metas = [RecvMeta::default(); BUFFERS];
            let received = self.socket.async_io(Interest::READABLE, || {
                let mut buffers = memory.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect::<Vec<_>>();
                self.state.recv((&self.socket).into(), &mut buffers, &mut metas)
            });
            let count = match received.await {
                Ok(count) => count,
                Err(error) => {
                    tracing::warn!("the WebRTC port cannot be read now: {error}");
                    tokio::time::sleep(READ_PAUSE).await;
                    continue;
                }
            };
            let now = Instant::now();
            for (buffer, meta) in memory.iter().zip(&metas).take(count) {
                let source = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
                let local = meta.dst_ip.map(|ip| ip.to_canonical());
                for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                    self.deliver(Protocol::Udp, source, local, datagram, now);
                }
            }
        }
    }

    /// Hands a datagram to its session, and gives what the session's client has shown; none when there is no session.
    fn deliver(
        &self,
        proto: Protocol,
        source: SocketAddr,
        local: Option<IpAddr>,
        bytes: &[u8],
        at: Instant,
    ) -> Option<Standing> {
        let mut table = self.table();
        let origin = Origin { address: source, tcp: proto != Protocol::Udp };
        let session = match &self.reach {
            Some(reach) => reach.admits(source.ip()).then(|| table.sole(at)).flatten(),
            None => table.route(origin, bytes, at),
        };
        let Some(session) = session else {
            self.counters.webrtc_noise();
            return None;
        };
        let destination = self.candidate(local, source);
        let local = local.filter(|_| self.anywhere);
        let datagram = Datagram { at, proto, source, destination, local, bytes: Bytes::copy_from_slice(bytes) };
        // A session that does not keep up loses datagrams; it is no reason to hold up the others.
        if session.datagrams.try_send(datagram).is_err() {
            self.counters.webrtc_overrun();
        }
        Some(session.standing)
    }

    /// The candidate that a client means which reached us at `local`: behind address translation none has that address, and any
    /// of the same family will do.
    fn candidate(&self, local: Option<IpAddr>, source: SocketAddr) -> SocketAddr {
        let exact = self.addresses.iter().find(|address| Some(address.ip()) == local);
        let family = || self.addresses.iter().find(|address| address.is_ipv4() == source.is_ipv4());
        *exact.or_else(family).unwrap_or(&self.addresses[0])
    }

    /// Sends what a session has; waits a little when the kernel is busy. What cannot be sent is lost.
    pub async fn send(&self, batch: &mut Batch) {
        for (destination, frame) in batch.frames.drain(..) {
            let stream = self.streams().get(&destination).cloned();
            if stream.is_none_or(|stream| !stream.send(frame)) {
                self.counters.webrtc_overrun();
            }
        }
        for run in batch.runs.drain(..) {
            let destination = match run.destination.ip() {
                IpAddr::V4(ip) if self.v6 => SocketAddr::new(ip.to_ipv6_mapped().into(), run.destination.port()),
                _ => run.destination,
            };
            // The kernel may have said in between that it cannot split.
            let whole = self.state.max_gso_segments() > 1 || run.bytes.len() <= run.size;
            let size = if whole { run.bytes.len() } else { run.size };
            for bytes in run.bytes.chunks(size.max(1)) {
                let transmit = quinn_udp::Transmit {
                    destination,
                    ecn: None,
                    contents: bytes,
                    segment_size: (bytes.len() > run.size).then_some(run.size),
                    src_ip: batch.source,
                };
                let sent =
                    self.socket.async_io(Interest::WRITABLE, || self.state.try_send((&self.socket).into(), &transmit));
                match tokio::time::timeout(SEND_PATIENCE, sent).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(%destination, "a datagram was not sent: {error}"),
                    Err(_) => self.counters.webrtc_overrun(),
                }
            }
        }
    }

    /// Waits until a connection to `destination`, if there is one, has taken nearly all that it was given: what is written before
    /// that only grows old. Cancel safe.
    pub async fn ready(&self, destination: SocketAddr) {
        let stream = self.streams().get(&destination).cloned();
        if let Some(stream) = stream {
            stream.ready().await;
        }
    }

    fn table(&self) -> MutexGuard<'_, Table<Inlet>> {
        // Nothing under this lock can panic half-way.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<SocketAddr, Way>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's way in, until dropped.
#[derive(Debug)]
pub struct Lease {
    port: Arc<Port>,
    id: Id,
    datagrams: mpsc::Receiver<Datagram>,
}

impl Lease {
    /// The next datagram. Cancel safe.
    pub async fn next(&mut self) -> Option<Datagram> {
        self.datagrams.recv().await
    }

    /// Clients call the session by this name from now on, and for a while still by the last one.
    pub fn rename(&self, name: String) {
        self.port.table().name(self.id, name);
    }

    /// Where to send by.
    pub fn port(&self) -> &Arc<Port> {
        &self.port
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.port.table().remove(self.id);
    }
}
