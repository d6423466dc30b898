//! WebRTC client of the lab, on real sockets, by UDP or by TCP.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use bytes::{Buf, BufMut, BytesMut};
use reqwest::{StatusCode, header};
use str0m::{
    Candidate, Event, Input, Output, Rtc,
    change::SdpAnswer,
    format::Codec,
    media::{Direction, MediaKind, MediaTime, Mid, Rid, Simulcast, SimulcastLayer},
    net::{Protocol, Receive, TcpType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// Longest time for a connection.
const CONNECT: Duration = Duration::from_secs(20);

/// Transport of the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Udp,
    Tcp,
}

#[derive(Debug)]
enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream, BytesMut),
}

/// A client that is connected.
pub struct Client {
    rtc: Rtc,
    link: Link,
    local: SocketAddr,
    remote: SocketAddr,
    pub audio: Mid,
    pub video: Mid,
    pub session: String,
    http: reqwest::Client,
    seen: Vec<(Instant, Event)>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Client {
    /// Offers sound and picture at `base` and `path` (`/whip/...` to send, `/whep/...` to receive) and waits for the
    /// connection.
    ///
    /// # Errors
    /// When it is refused or not connected within 20 s.
    pub async fn open(base: &str, path: &str, key: &str, wire: Wire) -> Result<Self> {
        Self::open_layered(base, path, key, wire, &[]).await
    }

    /// The same with a picture in several layers of these names, each sent by [`Client::send_layer`].
    ///
    /// # Errors
    /// As for [`Client::open`].
    pub async fn open_layered(base: &str, path: &str, key: &str, wire: Wire, layers: &[&str]) -> Result<Self> {
        let direction = if path.starts_with("/whip/") { Direction::SendOnly } else { Direction::RecvOnly };
        let now = Instant::now();
        let mut rtc = Rtc::builder().set_reordering_size_video(400).build(now);
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        if wire == Wire::Udp {
            rtc.add_local_candidate(Candidate::host(socket.local_addr()?, "udp")?);
        }
        let mut change = rtc.sdp_api();
        let audio = change.add_media(MediaKind::Audio, direction, None, None, None);
        let mut simulcast = Simulcast::new();
        layers.iter().for_each(|layer| simulcast.add_send_layer(SimulcastLayer::new(layer)));
        let simulcast = (!layers.is_empty()).then_some(simulcast);
        let video = change.add_media(MediaKind::Video, direction, None, None, simulcast);
        let (offer, pending) = change.apply().context("an offer")?;
        let http = reqwest::Client::new();
        let request =
            http.post(format!("{base}{path}")).bearer_auth(key).header(header::CONTENT_TYPE, "application/sdp");
        let response = request.body(offer.to_sdp_string()).send().await?;
        let status = response.status();
        let location = response.headers().get(header::LOCATION).and_then(|at| at.to_str().ok()).unwrap_or_default();
        let session = format!("{base}{location}");
        let answer = response.text().await?;
        if status != StatusCode::CREATED {
            bail!("{path}: {status} {answer}");
        }
        let remote = candidate(&answer, wire)?;
        let link = match wire {
            Wire::Udp => Link::Udp(socket),
            Wire::Tcp => Link::Tcp(TcpStream::connect(remote).await?, BytesMut::new()),
        };
        let local = match &link {
            Link::Udp(socket) => socket.local_addr()?,
            Link::Tcp(stream, _) => stream.local_addr()?,
        };
        rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer)?)?;
        if wire == Wire::Tcp {
            let own = Candidate::builder().tcp().host(local).tcptype(TcpType::Active).build()?;
            rtc.add_local_candidate(own);
        }
        let mut client = Self { rtc, link, local, remote, audio, video, session, http, seen: Vec::new() };
        let deadline = now + CONNECT;
        while !client.rtc.is_connected() {
            if Instant::now() > deadline {
                bail!("{path}: no connection within 20 s");
            }
            client.step(deadline).await?;
        }
        Ok(client)
    }

    /// Runs the connection until `until`, and returns its events.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn run(&mut self, until: Instant) -> Result<Vec<(Instant, Event)>> {
        while Instant::now() < until {
            self.step(until).await?;
        }
        Ok(std::mem::take(&mut self.seen))
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// When the stack or the socket refuses it.
    pub async fn send(&mut self, mid: Mid, codec: Codec, time: MediaTime, data: &[u8]) -> Result<()> {
        self.send_layer(mid, None, codec, time, data).await
    }

    /// Sends a frame of one layer.
    ///
    /// # Errors
    /// As for [`Client::send`].
    pub async fn send_layer(
        &mut self,
        mid: Mid,
        layer: Option<&str>,
        codec: Codec,
        time: MediaTime,
        data: &[u8],
    ) -> Result<()> {
        let mut writer = self.rtc.writer(mid).context("the connection has ended")?;
        if let Some(layer) = layer {
            writer = writer.rid(Rid::from(layer));
        }
        let params = writer.payload_params().find(|params| params.spec().codec == codec);
        let pt = params.context("the codec was not agreed on")?.pt();
        writer.write(pt, Instant::now(), time, data.to_vec())?;
        self.drain().await.map(drop)
    }

    /// Ends the session properly.
    ///
    /// # Errors
    /// When the server does not know it any more.
    pub async fn leave(self) -> Result<()> {
        self.http.delete(&self.session).send().await?.error_for_status()?;
        Ok(())
    }

    /// The server's address.
    pub fn port(&self) -> SocketAddr {
        self.remote
    }

    /// False when the server ended the connection.
    pub fn is_alive(&self) -> bool {
        self.rtc.is_alive()
    }

    /// Handles one input, or the passing of time until `until` at most.
    async fn step(&mut self, until: Instant) -> Result<()> {
        let next = self.drain().await?.min(until);
        let wait = next.saturating_duration_since(Instant::now());
        let mut datagram = vec![0; 2000];
        let received = timeout(wait, self.link.receive(&mut datagram)).await;
        let now = Instant::now();
        match received {
            Ok(length) => {
                let proto = if matches!(self.link, Link::Udp(_)) { Protocol::Udp } else { Protocol::Tcp };
                if let Ok(received) = Receive::new(proto, self.remote, self.local, &datagram[..length?]) {
                    self.rtc.handle_input(Input::Receive(now, received))?;
                }
            }
            Err(_) => self.rtc.handle_input(Input::Timeout(now))?,
        }
        Ok(())
    }

    async fn drain(&mut self) -> Result<Instant> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => return Ok(at),
                Output::Event(event) => self.seen.push((Instant::now(), event)),
                Output::Transmit(transmit) => self.link.send(transmit.destination, &transmit.contents).await?,
            }
        }
    }
}

impl Link {
    async fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> Result<()> {
        match self {
            Self::Udp(socket) => _ = socket.send_to(datagram, to).await?,
            Self::Tcp(stream, _) => {
                let mut frame = BytesMut::with_capacity(2 + datagram.len());
                frame.put_u16(datagram.len() as u16);
                frame.put_slice(datagram);
                stream.write_all(&frame).await?;
            }
        }
        Ok(())
    }

    /// Cancel safe.
    async fn receive(&mut self, into: &mut [u8]) -> Result<usize> {
        match self {
            Self::Udp(socket) => Ok(socket.recv_from(into).await?.0),
            Self::Tcp(stream, buffer) => loop {
                if buffer.len() >= 2 {
                    let length = usize::from(u16::from_be_bytes([buffer[0], buffer[1]]));
                    if buffer.len() >= 2 + length {
                        buffer.advance(2);
                        buffer.split_to(length).copy_to_slice(&mut into[..length]);
                        return Ok(length);
                    }
                }
                if stream.read_buf(buffer).await? == 0 {
                    bail!("the server closed the TCP connection");
                }
            },
        }
    }
}

/// The server's address in the answer.
fn candidate(answer: &str, wire: Wire) -> Result<SocketAddr> {
    let proto = if wire == Wire::Udp { "udp" } else { "tcp" };
    let candidates = answer.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
    for candidate in candidates {
        let words: Vec<&str> = candidate.split_whitespace().collect();
        if words.len() > 5 && words[2] == proto {
            return Ok(SocketAddr::new(words[4].parse()?, words[5].parse()?));
        }
    }
    bail!("the answer has no {proto} candidate: {answer}")
}
