//! A session on the port: brings it what comes and sends what it gives, until one of its ends.

use std::{
    convert::Infallible,
    future::Future,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, oneshot},
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;

use super::{
    End, Error,
    bucket::Bucket,
    egress::Outlet,
    ingest::Media,
    port::{Batch, Lease},
    session::{Output, Session},
};
use crate::{
    base::ParticipantId,
    front::model::{Parting, Program, RoomError, Seat},
    media::{Packet, Track, fanout::Subscription},
};

/// Most times in a row that the stack may want the present moment to pass. It needs a few; one that wants it for ever must not
/// keep a core busy.
const MOST_PASSES: u32 = 64;

/// How long it then has to wait.
const BREATH: Duration = Duration::from_millis(1);

/// How often a client's question for a keyframe is passed on: as often as the room makes one for it.
const KEYFRAMES: Bucket = Bucket::new(2, 2);

const TAKEN: &str = "the place was taken over or removed";

/// What went to one client or server since its session stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Bytes of media.
    pub bytes: u64,
    /// Packets that it did not get because it, or the line, was slow.
    pub dropped: u64,
}

/// What a session is asked from outside.
#[derive(Debug)]
pub enum Command {
    /// The client's new ICE credentials; our answer and our new name come back.
    Restart {
        /// The client's name.
        ufrag: String,
        /// The client's password.
        password: String,
        /// Answer, and our name in it.
        reply: oneshot::Sender<Result<(String, String), Error>>,
    },
    /// The client leaves.
    Leave,
}

/// A session with its way in and out.
#[derive(Debug)]
pub struct Connection {
    session: Session,
    lease: Lease,
    batch: Batch,
    commands: mpsc::Receiver<Command>,
    stop: CancellationToken,
}

/// What came of the last input, when everything that it brought is sent.
#[derive(Debug)]
struct Settled {
    until: Instant,
    media: Vec<Media>,
    connected: bool,
    keyframe: bool,
}

impl Connection {
    /// A session that clients reach by `lease`, until `stop`.
    pub fn new(session: Session, lease: Lease, commands: mpsc::Receiver<Command>, stop: CancellationToken) -> Self {
        let batch = lease.port().batch();
        Self { session, lease, batch, commands, stop }
    }

    /// Takes what a server sends to the place that `take` gives once there are media; none ends the session.
    pub async fn pull<F>(self, take: impl Fn() -> F + Send + Sync) -> End
    where
        F: Future<Output = Option<Seat>> + Send,
    {
        let take = || {
            let taken = take();
            async { taken.await.ok_or(End::Over) }
        };
        match self.publish(take).await {
            End::Cut(_) => End::Over,
            end => end,
        }
    }

    /// Takes what a peer sends to the seat that `take` gives once the peer is connected, or once there are media where we asked for
    /// the session: a client that cannot connect throws nobody out.
    pub async fn publish<F>(mut self, take: impl Fn() -> F + Send + Sync) -> End
    where
        F: Future<Output = Result<Seat, End>> + Send,
    {
        match self.carry_in(take).await {
            Ok(never) => match never {},
            Err(end) => self.close(end).await,
        }
    }

    async fn carry_in<F>(&mut self, take: impl Fn() -> F + Send + Sync) -> Result<Infallible, End>
    where
        F: Future<Output = Result<Seat, End>> + Send,
    {
        let mut seat: Option<Seat> = None;
        let end = self.feed(take, &mut seat).await;
        if let (Some(seat), Err(End::Left)) = (seat, &end) {
            seat.part(Parting::Left);
        }
        end
    }

    async fn feed<F>(&mut self, take: impl Fn() -> F + Send + Sync, seat: &mut Option<Seat>) -> Result<Infallible, End>
    where
        F: Future<Output = Result<Seat, End>> + Send,
    {
        let mut demand = None;
        loop {
            let settled = self.settle().await?;
            let due = match self.session.role().is_ours() {
                true => seat.is_none() && !settled.media.is_empty(),
                false => settled.connected,
            };
            if due {
                let taken = take().await?;
                let mut demanded = taken.demand();
                demanded.mark_changed();
                demand = Some(demanded);
                *seat = Some(taken);
            }
            if let Some(seat) = seat.as_ref() {
                for media in settled.media {
                    let sent = match media {
                        Media::Packet(packet) => seat.send(packet).await,
                        Media::Turned(quarters) => seat.turn(quarters).await,
                        Media::Colored(space) => seat.color(space).await,
                    };
                    sent.map_err(|evicted| End::Cut(evicted.to_string()))?;
                }
            }
            let evicted = async {
                match seat.as_ref() {
                    Some(seat) => seat.evicted().await,
                    None => std::future::pending().await,
                }
            };
            let changed = async {
                match &mut demand {
                    Some(demand) => demand.changed().await.map(|()| *demand.borrow_and_update()),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                input = Self::input(&mut self.session, &mut self.lease, &mut self.batch, settled.until) => input?,
                () = evicted => return Err(End::Cut(TAKEN.to_owned())),
                changed = changed => match changed {
                    Ok(changed) => self.session.demand(changed),
                    Err(_) => return Err(End::Cut(TAKEN.to_owned())),
                },
                command = self.commands.recv() => self.obey(command)?,
                () = self.stop.cancelled() => return Err(End::Stopping),
            }
        }
    }

    /// Sends the program, with the sound of everyone or of everyone but one, from the moment the client is connected; without a program
    /// the session ends with that reason.
    pub async fn watch(
        self,
        program: Result<Program, RoomError>,
        without: Option<&ParticipantId>,
        connected: impl Fn() + Sync,
    ) -> End {
        match program {
            Ok(program) => {
                let tell = |sent: Sent| {
                    if sent == Sent::default() {
                        connected();
                    }
                };
                self.send(&program, without, tell).await
            }
            Err(error) => self.close(End::Cut(error.to_string())).await,
        }
    }

    /// Sends the program to a server from the moment the session stands.
    pub async fn push(self, program: &Program, tell: impl FnMut(Sent) + Send) -> End {
        self.send(program, None, tell).await
    }

    async fn send(mut self, program: &Program, without: Option<&ParticipantId>, tell: impl FnMut(Sent) + Send) -> End {
        match self.carry_out(program, without, tell).await {
            Ok(never) => match never {},
            Err(end) => self.close(end).await,
        }
    }

    async fn carry_out(
        &mut self,
        source: &Program,
        without: Option<&ParticipantId>,
        mut tell: impl FnMut(Sent) + Send,
    ) -> Result<Infallible, End> {
        let mut reading: Option<(Subscription, Subscription)> = None;
        let (mut bytes, mut told, mut questions) = (0, Sent::default(), KEYFRAMES);
        loop {
            let settled = self.settle().await?;
            if settled.keyframe && questions.take(1, Instant::now()) {
                source.keyframe().await;
            }
            if settled.connected {
                tell(told);
                let sound = self.stop.run_until_cancelled(source.listen(without)).await.ok_or(End::Stopping)?;
                let sound = sound.map_err(|error| End::Cut(error.to_string()))?;
                let mut program = source.packets().subscribe();
                let mut past: Vec<Packet> = std::iter::from_fn(|| program.try_next()).collect();
                if !Outlet::catch_up(&mut past) {
                    source.keyframe().await;
                }
                for packet in past {
                    bytes += self.write(&packet)?;
                    self.settle().await?;
                }
                reading = Some((program, sound.subscribe()));
            }
            // While the line takes no more, what comes waits where it can still be left out.
            let (port, line) = (self.lease.port().clone(), self.batch.line);
            let next = async {
                let Some((program, sound)) = &mut reading else { return std::future::pending().await };
                if let Some(line) = line {
                    port.ready(line).await;
                }
                tokio::select! {
                    packet = picture(program) => packet,
                    packet = sound.next() => packet,
                }
            };
            tokio::select! {
                input = Self::input(&mut self.session, &mut self.lease, &mut self.batch, settled.until) => input?,
                packet = next => match packet {
                    Some(packet) => bytes += self.write(&packet)?,
                    None => return Err(End::Cut("the room ended".to_owned())),
                },
                command = self.commands.recv() => self.obey(command)?,
                () = self.stop.cancelled() => return Err(End::Stopping),
            }
            if let Some((program, sound)) = &reading {
                let sent = Sent { bytes, dropped: program.stats().dropped + sound.stats().dropped };
                if sent != told {
                    told = sent;
                    tell(sent);
                }
            }
        }
    }

    /// Hands a packet to the session; gives the bytes of it that go out.
    fn write(&mut self, packet: &Packet) -> Result<u64, End> {
        let written = self.session.write(packet, Instant::now())?;
        Ok(if written { packet.data.len() as u64 } else { 0 })
    }

    /// Takes everything out of the session and sends what is to be sent.
    async fn settle(&mut self) -> Result<Settled, End> {
        let mut settled = Settled { until: Instant::now(), media: Vec::new(), connected: false, keyframe: false };
        let mut passes = 0;
        loop {
            let now = Instant::now();
            match self.session.poll(now)? {
                Output::Send(transmit) => self.batch.push(&transmit),
                Output::Media(media) => settled.media.push(media),
                Output::Connected => settled.connected = true,
                Output::Keyframe => settled.keyframe = true,
                Output::Wait(until) if until <= now && passes < MOST_PASSES => {
                    passes += 1;
                    self.session.pass(now)?;
                }
                Output::Wait(until) => {
                    settled.until = until.max(now + BREATH);
                    break;
                }
            }
        }
        if !self.batch.is_empty() {
            self.lease.port().send(&mut self.batch).await;
        }
        Ok(settled)
    }

    /// The next datagram, or the moment waited for.
    async fn input(session: &mut Session, lease: &mut Lease, batch: &mut Batch, until: Instant) -> Result<(), End> {
        tokio::select! {
            datagram = lease.next() => {
                let Some(datagram) = datagram else { return Err(End::Stopping) };
                batch.source = datagram.local;
                session.receive(datagram.proto, datagram.source, datagram.destination, &datagram.bytes, datagram.at)
            }
            () = sleep_until(until.into()) => session.pass(Instant::now()),
        }
    }

    fn obey(&mut self, command: Option<Command>) -> Result<(), End> {
        match command {
            None | Some(Command::Leave) => return Err(End::Left),
            Some(Command::Restart { ufrag, password, reply }) => {
                let answer = self.session.restart(&ufrag, &password);
                let name = self.session.ufrag();
                self.lease.rename(name.clone());
                // Whoever asked may have gone.
                let _ = reply.send(answer.map(|answer| (answer, name)));
            }
        }
        Ok(())
    }

    /// Says goodbye, unless the client did.
    async fn close(mut self, end: End) -> End {
        if !matches!(end, End::Broken(_)) {
            self.session.close();
            while let Ok(Output::Send(transmit)) = self.session.poll(Instant::now()) {
                self.batch.push(&transmit);
            }
            self.lease.port().send(&mut self.batch).await;
        }
        end
    }
}

/// The program's next picture: its own sound is not what WebRTC clients hear. Cancel safe.
async fn picture(program: &mut Subscription) -> Option<Packet> {
    loop {
        let packet = program.next().await?;
        if packet.track() == Track::Video {
            return Some(packet);
        }
    }
}
