//! One client's conversation, without sockets and clocks: datagrams and the time in; datagrams, media and the next moment out.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use str0m::{
    Event, Input, Output as Stack, Rtc,
    bwe::Bitrate,
    media::{KeyframeRequestKind, Rid},
    net::{Protocol, Receive, Transmit},
    rtp::Ssrc,
};

use super::{
    End, Error,
    deadlines::Stage,
    egress::Outlet,
    ingest::{Head, Intake, Media},
    offer::Offer,
    peer::{Made, Maker, Role},
};
use crate::{front::model::Demand, media::Packet};

/// Most streams that a client may send over time: eight layers with their repairs, begun anew a few times. The stack remembers
/// each for as long as the session lasts.
const MAX_STREAMS: usize = 64;

/// How often a sender is told its rate again: the message may be lost.
const RATE_EVERY: Duration = Duration::from_secs(1);

/// What a session gives.
#[derive(Debug)]
pub enum Output {
    /// Send this.
    Send(Transmit),
    /// A client that publishes sent this.
    Media(Media),
    /// The connection is there and secure.
    Connected,
    /// A client that watches cannot go on before the next keyframe.
    Keyframe,
    /// Nothing more until then, or until something comes.
    Wait(Instant),
}

/// Which way media go.
#[derive(Debug)]
enum Way {
    In(Box<Intake>),
    Out(Box<Outlet>),
}

/// See the module.
pub struct Session {
    rtc: Rtc,
    role: Role,
    way: Way,
    stage: Stage,
    ready: VecDeque<Output>,
    /// The rate last told, bit/s, and when.
    told: Option<(u64, Instant)>,
    /// The layer for whose packets the stack may not ask at this moment.
    waives: Option<Option<Rid>>,
    /// Names of the streams that came.
    streams: HashSet<Ssrc>,
    offer: String,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl Session {
    /// Of a peer that answered `offer`, or whose own `offer` was answered.
    pub fn new(role: Role, made: Made, offer: &str, now: Instant) -> Self {
        let way = match role {
            Role::Publish | Role::Pull => Way::In(Box::new(Intake::new(made.sections))),
            Role::Watch | Role::Push => Way::Out(Box::new(Outlet::new(made.sections))),
        };
        Self {
            rtc: made.rtc,
            role,
            stage: Stage::new(role, now),
            way,
            ready: VecDeque::new(),
            told: None,
            waives: None,
            streams: HashSet::new(),
            offer: offer.to_owned(),
        }
    }

    /// Which way media go, and who asked.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The name that the client's first messages bear (RFC 8445 §7.1.3), and the version of the session.
    pub fn ufrag(&mut self) -> String {
        self.rtc.direct_api().local_ice_credentials().ufrag
    }

    /// A datagram came. What is no datagram of ours is ignored.
    pub fn receive(
        &mut self,
        proto: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) -> Result<(), End> {
        let head = Head::read(bytes);
        if let Some(head) = head
            && !self.is_expected(head.ssrc)
        {
            return Ok(());
        }
        let Ok(received) = Receive::new(proto, source, destination, bytes) else { return Ok(()) };
        self.stage.heard(now);
        self.rtc.handle_input(Input::Receive(now, received))?;
        if let (Way::In(intake), Some(head)) = (&mut self.way, head) {
            // Only now does the stack know whose a new stream is.
            let pictures = intake.picture_section();
            if let Some(stream) = self.rtc.direct_api().stream_rx(&head.ssrc).filter(|s| Some(s.mid()) == pictures) {
                intake.meet(stream.rid(), head.ssrc, now);
            }
            intake.hear(head, now);
        }
        Ok(())
    }

    /// Whether a stream of this name may come: of a client that sends, and not after many others.
    fn is_expected(&mut self, ssrc: Ssrc) -> bool {
        let room = self.role.is_incoming() && self.streams.len() < MAX_STREAMS;
        self.streams.contains(&ssrc) || (room && self.streams.insert(ssrc))
    }

    /// The moment that was waited for.
    pub fn pass(&mut self, now: Instant) -> Result<(), End> {
        Ok(self.rtc.handle_input(Input::Timeout(now))?)
    }

    /// The next of what the last input brought; drained when it says to wait.
    pub fn poll(&mut self, now: Instant) -> Result<Output, End> {
        loop {
            if let Some(output) = self.ready.pop_front() {
                return Ok(output);
            }
            if let Way::In(intake) = &mut self.way
                && let Some(media) = intake.pop()
            {
                return Ok(Output::Media(media));
            }
            match self.rtc.poll_output()? {
                Stack::Transmit(transmit) => return Ok(Output::Send(transmit)),
                Stack::Event(event) => self.happen(event, now)?,
                Stack::Timeout(at) => {
                    if !self.rtc.is_alive() {
                        return Err(End::Left);
                    }
                    // The stack is drained, so it may be changed once and is then drained again.
                    if self.give_up(now)? || self.feed_back(now) {
                        continue;
                    }
                    let own = self.stage.next();
                    self.stage.check(now)?;
                    let soonest = now + Duration::from_millis(1);
                    let asks = match &self.way {
                        Way::In(intake) if self.stage.is_connected() => {
                            [intake.next_keyframe(soonest), intake.next_end().map(|at| at.max(soonest))]
                        }
                        _ => [None; 2],
                    };
                    return Ok(Output::Wait(asks.into_iter().flatten().fold(at.min(own), Instant::min)));
                }
            }
        }
    }

    /// What the room can use from a client that publishes.
    pub fn demand(&mut self, demand: Demand) {
        if let Way::In(intake) = &mut self.way {
            intake.demand(demand);
        }
    }

    /// Sends a packet to whom the program goes; false when there was nothing to send. The session must be drained before the
    /// next.
    pub fn write(&mut self, packet: &Packet, now: Instant) -> Result<bool, End> {
        match &mut self.way {
            Way::Out(outlet) if self.stage.is_connected() => Ok(outlet.write(&mut self.rtc, packet, now)?),
            _ => Ok(false),
        }
    }

    /// The client's new ICE credentials; ours come back, in an answer.
    pub fn restart(&mut self, ufrag: &str, password: &str) -> Result<String, Error> {
        let fresh = |line: &str| match line {
            line if line.starts_with("a=ice-ufrag:") => format!("a=ice-ufrag:{ufrag}\r\n"),
            line if line.starts_with("a=ice-pwd:") => format!("a=ice-pwd:{password}\r\n"),
            line if line.starts_with("a=candidate:") => String::new(),
            line => format!("{line}\r\n"),
        };
        let offer: String = self.offer.lines().map(fresh).collect();
        let answer = Maker::answer_again(&mut self.rtc, &Offer::read(&offer)?)?;
        self.offer = offer;
        Ok(answer)
    }

    /// Says goodbye; what is polled after this is the last.
    pub fn close(&mut self) {
        if self.rtc.close().is_err() {
            self.rtc.disconnect();
        }
    }

    fn happen(&mut self, event: Event, now: Instant) -> Result<(), End> {
        match event {
            Event::IceConnectionStateChange(state) if state.is_connected() => self.stage.checked(now),
            // Whom we called must be there; who called us may come back from elsewhere, and has a deadline for it.
            Event::IceConnectionStateChange(state)
                if state.is_disconnected() && self.role.is_ours() && self.stage.is_connected() =>
            {
                return Err(End::Silent("the server's UDP address no longer answers"));
            }
            Event::Connected => {
                self.stage.connected(now);
                self.ready.push_back(Output::Connected);
            }
            Event::MediaData(data) => {
                self.stage.media(now);
                if let Way::In(intake) = &mut self.way {
                    intake.take(data, now);
                }
            }
            Event::MediaIngressStats(stats) => {
                if let Way::In(intake) = &mut self.way
                    && let Some(round_trip) = stats.rtt.filter(|_| intake.picture_section() == Some(stats.mid))
                {
                    intake.measured(stats.rid, round_trip);
                }
            }
            Event::SenderFeedback(report) => {
                if let Way::In(intake) = &mut self.way {
                    intake.report(&report);
                }
            }
            Event::KeyframeRequest(_) => self.ready.push_back(Output::Keyframe),
            Event::Closed => return Err(End::Left),
            _ => {}
        }
        Ok(())
    }

    /// Has the stack go on without what a layer misses. By itself it waits until it has asked five times and for three round trips
    /// more, over a second on a line of 120 ms; while it may not ask, it goes on with what came three round trips ago. False when
    /// there is nothing to change.
    fn give_up(&mut self, now: Instant) -> Result<bool, End> {
        let Way::In(intake) = &mut self.way else { return Ok(false) };
        let Some(mid) = intake.picture_section() else { return Ok(false) };
        let given_up = intake.gives_up(now);
        if let Some(rid) = given_up
            && let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, rid)
        {
            stream.suppress_nack(true);
            self.waives = Some(rid);
            return Ok(true);
        }
        if let Some(rid) = self.waives.take()
            && let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, rid)
        {
            stream.suppress_nack(false);
            return Ok(true);
        }
        Ok(false)
    }

    /// Makes one change of the stack: asks for a keyframe, or tells the rate. False when there is nothing to say.
    fn feed_back(&mut self, now: Instant) -> bool {
        let Way::In(intake) = &mut self.way else { return false };
        let Some(mid) = intake.picture_section().filter(|_| self.stage.is_connected()) else { return false };
        if let Some(rid) = intake.keyframe_to_ask(now)
            && let Some(mut writer) = self.rtc.writer(mid)
        {
            // A client that knows no such request is waited for.
            let _ = writer.request_keyframe(rid, KeyframeRequestKind::Pli);
            return true;
        }
        let rate = intake.rate();
        if self.told.is_some_and(|(told, at)| told == rate && now.duration_since(at) < RATE_EVERY) {
            return false;
        }
        let Some(rid) = intake.rids().next() else { return false };
        self.told = Some((rate, now));
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_rx_by_mid(mid, rid) else { return false };
        stream.request_remb(Bitrate::bps(rate));
        true
    }
}
