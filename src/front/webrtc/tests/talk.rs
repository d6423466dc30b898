//! A whole conversation on simulated time: our session, a client made of the same stack, and a network between them.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use str0m::{
    Candidate, Event, Input, Output as Stack, Rtc,
    change::{SdpAnswer, SdpApi, SdpOffer},
    format::Codec as Format,
    media::{Frequency, MediaTime, Mid, Rid},
    net::{Protocol, Receive},
    rtp::VideoOrientation,
};

use super::super::{
    End, color,
    ingest::Media,
    peer::{Maker, Role},
    session::{Output, Session},
};
use crate::media::{ColorSpace, Packet};

/// How the network treats a datagram: the delay, or loss.
pub type Network = Box<dyn FnMut(Duration) -> Option<Duration>>;

/// 20 ms each way, nothing lost.
pub fn calm() -> Network {
    Box::new(|_| Some(Duration::from_millis(20)))
}

/// Loses `percent` and holds datagrams back for 20 to 70 ms, so that many come in another order.
pub fn rough(percent: u64) -> Network {
    let mut seed = 7_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    Box::new(move |_| {
        let (lost, late) = (random() % 100 < percent, random() % 50);
        (!lost).then(|| Duration::from_millis(20 + late))
    })
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    at: Instant,
    order: u64,
    to_us: bool,
    bytes: Vec<u8>,
}

pub struct Talk {
    pub begin: Instant,
    pub now: Instant,
    pub session: Session,
    pub client: Rtc,
    pub network: Network,
    /// What the session gave, each with when.
    pub media: Vec<(Duration, Media)>,
    /// What happened at the client, each with when.
    pub events: Vec<(Duration, Event)>,
    /// When the client asked for keyframes of the program.
    pub keyframes: usize,
    pub connected: Option<Duration>,
    pub end: Option<End>,
    ours: SocketAddr,
    theirs: SocketAddr,
    flying: BinaryHeap<Reverse<Flying>>,
    order: u64,
    our_next: Instant,
    their_next: Instant,
}

/// An offer and the client that made it.
pub struct Offered {
    pub client: Rtc,
    pub offer: SdpOffer,
    pub pending: str0m::change::SdpPendingOffer,
    pub mids: Vec<Mid>,
}

pub const THEIRS: ([u8; 4], u16) = ([192, 0, 2, 9], 40_000);
pub const OURS: ([u8; 4], u16) = ([203, 0, 113, 1], 8189);

pub fn maker() -> Maker {
    Maker::new(&[OURS.into()], &[OURS.into()])
}

/// A client that offers what `build` adds.
pub fn offer(now: Instant, build: impl FnOnce(&mut SdpApi<'_>) -> Vec<Mid>) -> Offered {
    let config = Rtc::builder()
        .set_crypto_provider(std::sync::Arc::new(str0m::crypto::from_feature_flags()))
        .enable_pcmu(true, false)
        .enable_pcma(true, false)
        .set_extension(color::ID, color::extension())
        .set_reordering_size_video(200);
    let mut client = config.build(now);
    client.add_local_candidate(Candidate::host(THEIRS.into(), "udp").expect("a candidate"));
    let mut change = client.sdp_api();
    let mids = build(&mut change);
    let (offer, pending) = change.apply().expect("a change");
    Offered { client, offer, pending, mids }
}

impl Talk {
    pub fn begin(role: Role, offered: Offered, now: Instant) -> (Self, Vec<Mid>) {
        let Offered { mut client, offer, pending, mids } = offered;
        let offer = color::for_client(&offer.to_sdp_string());
        let made = maker().answer(role, &offer, now).expect("an answer");
        let accepted = SdpAnswer::from_sdp_string(&color::for_stack(&made.answer)).expect("our answer reads");
        let session = Session::new(role, made, &offer, now);
        client.sdp_api().accept_answer(pending, accepted).expect("our answer fits");
        let talk = Self {
            begin: now,
            now,
            session,
            client,
            network: calm(),
            media: Vec::new(),
            events: Vec::new(),
            keyframes: 0,
            connected: None,
            end: None,
            ours: OURS.into(),
            theirs: THEIRS.into(),
            flying: BinaryHeap::new(),
            order: 0,
            our_next: now,
            their_next: now,
        };
        (talk, mids)
    }

    pub fn passed(&self) -> Duration {
        self.now - self.begin
    }

    fn fly(&mut self, to_us: bool, bytes: Vec<u8>) {
        if let Some(delay) = (self.network)(self.now - self.begin) {
            self.order += 1;
            self.flying.push(Reverse(Flying { at: self.now + delay, order: self.order, to_us, bytes }));
        }
    }

    /// Takes everything out of both ends. To be called after every change of either.
    pub fn settle(&mut self) {
        while self.end.is_none() {
            match self.session.poll(self.now) {
                Ok(Output::Send(transmit)) => self.fly(false, transmit.contents.to_vec()),
                Ok(Output::Media(media)) => self.media.push((self.passed(), media)),
                Ok(Output::Connected) => self.connected = Some(self.passed()),
                Ok(Output::Keyframe) => self.keyframes += 1,
                Ok(Output::Wait(at)) => {
                    self.our_next = at;
                    break;
                }
                Err(end) => self.end = Some(end),
            }
        }
        loop {
            match self.client.poll_output().expect("the client works") {
                Stack::Transmit(transmit) => self.fly(true, transmit.contents.to_vec()),
                Stack::Event(event) => self.events.push((self.passed(), event)),
                Stack::Timeout(at) => {
                    self.their_next = at;
                    break;
                }
            }
        }
    }

    /// Lets `time` pass.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        self.settle();
        loop {
            let arrival = self.flying.peek().map(|Reverse(flying)| flying.at);
            let ours = self.end.is_none().then_some(self.our_next);
            let next = [arrival, ours, Some(self.their_next)].into_iter().flatten().min().unwrap_or(until);
            if next > until {
                self.now = until;
                return;
            }
            self.now = self.now.max(next);
            if arrival.is_some_and(|at| at <= self.now) {
                let Some(Reverse(flying)) = self.flying.pop() else { continue };
                self.arrive(flying);
            } else if ours.is_some_and(|at| at <= self.now) {
                if let Err(end) = self.session.pass(self.now) {
                    self.end = Some(end);
                }
            } else {
                self.client.handle_input(Input::Timeout(self.now)).expect("the client works");
            }
            self.settle();
        }
    }

    fn arrive(&mut self, flying: Flying) {
        if flying.to_us {
            if self.end.is_none() {
                let received = self.session.receive(Protocol::Udp, self.theirs, self.ours, &flying.bytes, self.now);
                self.end = received.err();
            }
            return;
        }
        let Ok(received) = Receive::new(Protocol::Udp, self.ours, self.theirs, &flying.bytes) else { return };
        self.client.handle_input(Input::Receive(self.now, received)).expect("the client works");
    }

    /// The client sends a frame of a codec.
    pub fn send(&mut self, mid: Mid, rid: Option<Rid>, format: Format, time: MediaTime, data: &[u8]) {
        let Some(mut writer) = self.client.writer(mid) else { return };
        if let Some(rid) = rid {
            writer = writer.rid(rid);
        }
        let Some(pt) = writer.payload_params().find(|params| params.spec().codec == format).map(|params| params.pt())
        else {
            return;
        };
        writer.write(pt, self.now, time, data.to_vec()).expect("written");
        self.settle();
    }

    /// The client sends a picture that is to be turned so.
    pub fn send_turned(&mut self, mid: Mid, turned: VideoOrientation, format: Format, time: MediaTime, data: &[u8]) {
        let Some(writer) = self.client.writer(mid) else { return };
        let params = writer.payload_params().find(|params| params.spec().codec == format).map(|params| params.pt());
        let Some(pt) = params else { return };
        writer.video_orientation(turned).write(pt, self.now, time, data.to_vec()).expect("written");
        self.settle();
    }

    /// The client sends a picture that is coloured so, if it says how.
    pub fn send_colored(&mut self, mid: Mid, color: ColorSpace, format: Format, time: MediaTime, data: &[u8]) {
        let Some(writer) = self.client.writer(mid) else { return };
        let params = writer.payload_params().find(|params| params.spec().codec == format).map(|params| params.pt());
        let Some(pt) = params else { return };
        writer.user_extension_value(color).write(pt, self.now, time, data.to_vec()).expect("written");
        self.settle();
    }

    /// How often the client was asked for a keyframe since this was last called.
    pub fn requests(&mut self) -> usize {
        let before = self.events.len();
        self.events.retain(|(_, event)| !matches!(event, Event::KeyframeRequest(_)));
        before - self.events.len()
    }

    /// Packets of one track so far.
    pub fn packets(&self, track: crate::media::Track) -> Vec<(Duration, Packet)> {
        let packets = self.media.iter().filter_map(|(at, media)| match media {
            Media::Packet(packet) if packet.track() == track => Some((*at, packet.clone())),
            _ => None,
        });
        packets.collect()
    }
}

/// A picture of H.264: parameters and an IDR unit, or a P unit, filled up to `size` bytes.
pub fn h264(key: bool, size: usize) -> Vec<u8> {
    let mut picture = Vec::new();
    if key {
        picture.extend([0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0x8c, 0x8d, 0x40, 0x50, 0x1e, 0x80]);
        picture.extend([0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
        picture.extend([0, 0, 0, 1, 0x65]);
    } else {
        picture.extend([0, 0, 0, 1, 0x41]);
    }
    picture.resize(picture.len() + size, 0x5a);
    picture
}

/// A VP8 frame of this size in pixels, filled up to `bytes`.
pub fn vp8(key: bool, width: u16, height: u16, bytes: usize) -> Vec<u8> {
    let mut frame = vec![if key { 0x10 } else { 0x11 }, 0, 0];
    if key {
        frame.extend([0x9d, 0x01, 0x2a]);
        frame.extend(width.to_le_bytes());
        frame.extend(height.to_le_bytes());
    }
    frame.resize(frame.len() + bytes, 0x5a);
    frame
}

/// A VP9 frame of 640x360, filled up to `bytes`.
pub fn vp9(key: bool, bytes: usize) -> Vec<u8> {
    let mut frame = if key {
        vec![0x82, 0x49, 0x83, 0x42, 0x00, 0x27, 0xf0, 0x16, 0x70, 0x38]
    } else {
        vec![0x86, 0x00, 0x40, 0x92]
    };
    frame.resize(frame.len() + bytes, 0x5a);
    frame
}

pub fn at_90khz(millis: u64) -> MediaTime {
    MediaTime::new(millis * 90 + 1_000_000, Frequency::NINETY_KHZ)
}

pub fn at_48khz(millis: u64) -> MediaTime {
    MediaTime::new(millis * 48 + 7_000_000, Frequency::FORTY_EIGHT_KHZ)
}
