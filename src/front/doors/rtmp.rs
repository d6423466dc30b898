//! The RTMP door: who may publish to which place, who may watch which program.
//!
//! Knows addresses and keys; bytes are [`crate::front::rtmp`]'s, places are the rooms', at this front or another. One task a connection; it
//! ends with the connection, with its seat, with its [admission](accept), or with the front.

mod entrance;
mod place;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

pub use self::entrance::Entrance;
use self::{
    entrance::Refusal,
    place::{Lost, Program, Target, pass_on},
};
use crate::{
    base::{ParticipantId, RoomId, Secret, tasks::Tasks},
    front::{
        cluster::{self, Cluster},
        docker::Place,
        metrics::Counters,
        model::{Audience, Coming, Door, Parting, RoomError},
        net::{
            accept::{self, Admission, Line, Standing},
            guess::Scope,
            low_delay::LowDelay,
        },
        room::Rooms,
        rtmp::{self, Limits, PlayRequest, PublishRequest, Publisher, Request, flv::Media},
    },
    media::GopCache,
};

/// A publisher that sends nothing for this long has lost its cable, or stands still; its place is freed. Encoders that lose the
/// network for a moment are back within 10 s or connect anew.
const SILENCE: Duration = Duration::from_secs(15);

/// How long a publisher whose room moves is kept: as long as its room may be nobody's, and some more for the front that takes it.
const FOLLOW: Duration = Duration::from_secs(20);

/// From one attempt to find the room again to the next.
const AGAIN: Duration = Duration::from_millis(100);

const EVICTED: &str = "the place was taken over or removed";

/// How publishing ended.
enum End {
    /// The publisher said so.
    Left,
    /// By us; the publisher is told why.
    Cut(String),
    /// The connection or what came over it.
    Broken(String),
    /// The room goes on at another front, and the publisher with it.
    Moved,
}

/// What RTMP comes over.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for S {}

/// Whose connection it is.
#[derive(Debug, Clone, Copy)]
struct Guest<'a> {
    peer: SocketAddr,
    /// Its place here. One that came through another front has its place there, and goes no further.
    admission: Option<&'a Admission>,
}

impl Guest<'_> {
    fn is_inward(self) -> bool {
        self.admission.is_none()
    }

    /// It has shown what it may have here.
    fn is(self, standing: Standing) -> Result<(), Refusal> {
        let Some(admission) = self.admission else { return Ok(()) };
        admission.promote(standing).map_err(|full| Refusal::Other(full.to_string()))
    }
}

/// What the door needs.
#[derive(Debug, Clone)]
pub struct RtmpDoor {
    /// Where people go.
    pub rooms: Rooms,
    /// What a peer may take before it has shown its key.
    pub limits: Limits,
    /// Counts who came and who was refused.
    pub counters: Counters,
    /// The other fronts, if there are any.
    pub cluster: Option<Cluster>,
    /// Who gets in, and who is kept waiting.
    pub entrance: Entrance,
}

impl RtmpDoor {
    /// Accepts until `tasks` stop.
    pub async fn serve(self, listener: TcpListener, tasks: Tasks) {
        loop {
            let (stream, peer) = tokio::select! {
                () = tasks.stopping() => return,
                accepted = accept::next(&listener, "RTMP") => accepted,
            };
            let admission = match self.entrance.admit(peer.ip()) {
                Ok(admission) => admission,
                Err(reason) => {
                    self.counters.rtmp_refused(reason);
                    continue;
                }
            };
            let open = self.counters.rtmp_connected();
            let door = self.clone();
            let stop = tasks.clone();
            tasks.spawn("rtmp", async move {
                let line = Line::new(stream);
                let evicted = tokio::select! {
                    () = door.meet_client(line.clone(), peer, &admission) => false,
                    () = admission.evicted() => true,
                    () = stop.stopping() => false,
                };
                drop((admission, open));
                if evicted {
                    door.counters.rtmp_refused("evicted");
                    door.entrance.silence().keep(line, &stop);
                }
            });
        }
    }

    async fn meet_client(&self, line: Line, peer: SocketAddr, admission: &Admission) {
        self.serve_guest(LowDelay::new(line), Guest { peer, admission: Some(admission) }).await;
    }

    /// Serves the connection of `peer`, which came through another front, until it ends.
    pub async fn meet_inward<S: Wire>(&self, stream: S, peer: SocketAddr) {
        self.serve_guest(stream, Guest { peer, admission: None }).await;
    }

    async fn serve_guest<S: Wire>(&self, stream: S, guest: Guest<'_>) {
        let peer = guest.peer;
        let step = || guest.admission.into_iter().for_each(Admission::step);
        let mut request = match rtmp::accept_stepwise(stream, &self.limits, step).await {
            Ok(request) => request,
            Err(error) => {
                self.counters.rtmp_refused("protocol");
                tracing::info!(%peer, "RTMP connection ended before it asked for anything: {error}");
                return;
            }
        };
        // An encoder may end its stream and begin another on the same connection.
        loop {
            request = match request {
                Request::Publish(request) => match self.publisher(request, guest).await {
                    Some(next) => next,
                    None => return,
                },
                Request::Play(request) => return self.player(request, guest).await,
            };
        }
    }

    /// What the peer asks for once it has ended its stream, if it does.
    async fn publisher<S: Wire>(&self, request: PublishRequest<S>, guest: Guest<'_>) -> Option<Request<S>> {
        let peer = guest.peer;
        let keys: Vec<Secret> = request.readings("key").into_iter().map(Secret::new).collect();
        let place = request.places().find_map(|(app, name)| publish_address(app, name));
        let Some((room, participant)) = place else {
            self.counters.rtmp_refused("publish");
            request.reject("publish to rtmp://HOST/in/ROOM/PARTICIPANT?key=KEY").await;
            return None;
        };
        let mut target = match self.seat(&room, &participant, &keys, guest).await {
            Ok(target) => target,
            Err(refusal) => {
                self.counters.rtmp_refused(refusal.label("publish"));
                tracing::debug!(%peer, %room, %participant, "RTMP publisher refused: {refusal}");
                request.reject(&refusal.to_string()).await;
                return None;
            }
        };
        let mut publisher = match request.accept().await {
            Ok(publisher) => publisher,
            Err(error) => {
                tracing::info!(%peer, %room, %participant, "RTMP publisher left at once: {error}");
                return None;
            }
        };
        if guest.is_inward() {
            publisher.set_from_front();
        }
        tracing::info!(%peer, %room, %participant, "publishing by RTMP");
        let mut kept = GopCache::new();
        let end = loop {
            let end = self.receive(&mut publisher, &mut target, &room, guest, &mut kept).await;
            if !matches!(end, End::Moved) {
                break end;
            }
            tracing::info!(%peer, %room, %participant, "the publisher follows its room");
            match self.follow(&mut publisher, (&room, &participant), &keys, guest, &mut kept).await {
                Ok(next) => target = next,
                Err(end) => break end,
            }
        };
        // The place is free before the peer has said goodbye.
        match &end {
            End::Left => target.close(Parting::Left).await,
            End::Cut(reason) => target.fail(reason),
            End::Broken(_) | End::Moved => target.close(Parting::Lost).await,
        }
        match end {
            End::Moved => None,
            End::Left => {
                tracing::info!(%peer, %room, %participant, "publishing by RTMP ended: it left");
                publisher.again().await
            }
            End::Cut(reason) => {
                tracing::info!(%peer, %room, %participant, "publishing by RTMP ended: {reason}");
                publisher.finish(Some(&reason)).await;
                None
            }
            End::Broken(reason) => {
                tracing::info!(%peer, %room, %participant, "publishing by RTMP ended: {reason}");
                None
            }
        }
    }

    /// The place of a participant for one who comes with a key that is one of these.
    async fn seat(
        &self,
        room: &RoomId,
        participant: &ParticipantId,
        keys: &[Secret],
        guest: Guest<'_>,
    ) -> Result<Target, Refusal> {
        let find = async {
            let target = self.target(room, participant, keys, guest).await?;
            match guest.is(Standing::Known) {
                Ok(()) => Ok(target),
                Err(refusal) => {
                    target.fail(&refusal.to_string());
                    Err(refusal)
                }
            }
        };
        self.attempt(room, Scope::Publish(room, participant), guest, find).await
    }

    /// One attempt of a guest to open something, which may be a guess. A guest that came through another front was counted there.
    async fn attempt<T>(
        &self,
        room: &RoomId,
        scope: Scope<'_>,
        guest: Guest<'_>,
        find: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        if guest.is_inward() {
            return find.await;
        }
        // A room that moves is waited for first: no attempt is under way for as long as that takes.
        if let Some(cluster) = &self.cluster {
            cluster.settled(room).await.map_err(Refusal::Other)?;
        }
        self.entrance.attempt(guest.peer.ip(), scope, find).await
    }

    /// The place of a participant, wherever its room is, by whichever of the keys opens it; the reason why not is for people.
    async fn target(
        &self,
        room: &RoomId,
        participant: &ParticipantId,
        keys: &[Secret],
        guest: Guest<'_>,
    ) -> Result<Target, Refusal> {
        let none = [Secret::new("")];
        let mut refused = Refusal::from(RoomError::WrongKey);
        for key in if keys.is_empty() { &none } else { keys } {
            match self.open(room, participant, key, guest).await {
                Err(refusal @ Refusal::Guess(_)) => refused = refusal,
                end => return end,
            }
        }
        Err(refused)
    }

    async fn open(
        &self,
        room: &RoomId,
        participant: &ParticipantId,
        key: &Secret,
        guest: Guest<'_>,
    ) -> Result<Target, Refusal> {
        if let Some(cluster) = self.cluster.as_ref().filter(|_| !guest.is_inward())
            && let Place::There(address) = cluster.settled(room).await.map_err(Refusal::Other)?
        {
            let published = cluster.publish(&address, guest.peer, (room, participant), key).await;
            return Ok(Target::Front(Box::new(published?)));
        }
        let coming = Coming { door: Door::Rtmp, from: guest.peer.ip() };
        Ok(Target::Seat(self.rooms.publish(room, participant, key, coming).await?))
    }

    /// Finds the place again after the room has moved, and gives it what shows a picture at once. What the publisher sends
    /// meanwhile is read, so that it notices nothing.
    async fn follow<S: Wire>(
        &self,
        publisher: &mut Publisher<S>,
        (room, participant): (&RoomId, &ParticipantId),
        keys: &[Secret],
        guest: Guest<'_>,
        kept: &mut GopCache,
    ) -> Result<Target, End> {
        let find = async {
            let deadline = Instant::now() + FOLLOW;
            loop {
                match self.target(room, participant, keys, guest).await {
                    Ok(target) => return Ok(target),
                    // A front that is just going, or has just gone, is not the last word.
                    Err(_) if Instant::now() < deadline => tokio::time::sleep(AGAIN).await,
                    Err(reason) => return Err(End::Cut(reason.to_string())),
                }
            }
        };
        let mut find = std::pin::pin!(find);
        let mut target = loop {
            tokio::select! {
                target = &mut find => break target?,
                packet = publisher.next() => match packet {
                    Ok(Some(packet)) => kept.push(&packet),
                    Ok(None) => return Err(End::Left),
                    Err(error) => return Err(End::Broken(error.to_string())),
                },
            }
        };
        for packet in kept.replay() {
            // If it moves on at once, the next round sees it.
            if target.send(packet).await.is_err() {
                break;
            }
        }
        Ok(target)
    }

    /// Hands packets on until something ends it.
    async fn receive<S: Wire>(
        &self,
        publisher: &mut Publisher<S>,
        target: &mut Target,
        room: &RoomId,
        guest: Guest<'_>,
        kept: &mut GopCache,
    ) -> End {
        let lost = |reason: Lost| match (reason, &self.cluster) {
            (Lost::Moving, Some(_)) if !guest.is_inward() => End::Moved,
            (Lost::Evicted, Some(cluster)) if cluster.has_moved(room) => match guest.is_inward() {
                true => End::Cut(cluster::MOVING.to_owned()),
                false => End::Moved,
            },
            (Lost::Refused(reason), _) => End::Cut(reason),
            (Lost::Moving | Lost::Evicted, _) => End::Cut(EVICTED.to_owned()),
        };
        let (mut last, alarm) = (tokio::time::Instant::now(), tokio::time::sleep(SILENCE));
        tokio::pin!(alarm);
        loop {
            let media = tokio::select! {
                media = publisher.next_media() => media,
                reason = target.lost() => return lost(reason),
                // Set anew when it goes off: with every packet would be seventy times a second.
                () = &mut alarm => match last + SILENCE {
                    end if end <= tokio::time::Instant::now() => return End::Cut("nothing came for 15 s".to_owned()),
                    end => {
                        alarm.as_mut().reset(end);
                        continue;
                    }
                },
            };
            last = tokio::time::Instant::now();
            match media {
                Ok(Some(Media::Unusable(track, reason))) => {
                    tracing::info!(peer = %guest.peer, %room, "left out of what is published by RTMP: {reason}");
                    if let Err(reason) = target.unusable(track, reason).await {
                        return lost(reason);
                    }
                }
                Ok(Some(Media::Packet(packet))) => {
                    if self.cluster.is_some() {
                        kept.push(&packet);
                    }
                    if let Err(reason) = target.send(&packet).await {
                        return lost(reason);
                    }
                }
                Ok(None) if publisher.said_goodbye() => return End::Left,
                Ok(None) => return End::Broken("the connection closed without a goodbye".to_owned()),
                Err(error) => {
                    self.counters.rtmp_refused("media");
                    return match error {
                        rtmp::Error::Protocol { .. } | rtmp::Error::Idle(_) => End::Cut(error.to_string()),
                        _ => End::Broken(error.to_string()),
                    };
                }
            }
        }
    }

    async fn player<S: Wire>(&self, request: PlayRequest<S>, guest: Guest<'_>) {
        let peer = guest.peer;
        let tokens: Vec<Option<Secret>> = match request.readings("token") {
            none if none.is_empty() => vec![None],
            some => some.into_iter().map(|token| Some(Secret::new(token))).collect(),
        };
        let Some(room) = request.places().find_map(|(app, name)| play_address(app, name)) else {
            self.counters.rtmp_refused("play");
            return request.reject("play rtmp://HOST/out/ROOM").await;
        };
        let program = match self.find(&room, &tokens, guest).await {
            Ok(program) => program,
            Err(refusal) => {
                self.counters.rtmp_refused(refusal.label("play"));
                tracing::debug!(%peer, %room, "RTMP player refused: {refusal}");
                return request.reject(&refusal.to_string()).await;
            }
        };
        let Ok(mut player) = request.accept().await else { return };
        tracing::info!(%peer, %room, "playing by RTMP");
        let carried = match program {
            Program::Here(program) => player.carry(&mut program.subscribe()).await,
            Program::There(mut playback) => pass_on(&mut playback, &mut player).await,
        };
        match carried {
            Ok(()) => player.finish().await,
            Err(error) => tracing::info!(%peer, %room, "playing by RTMP ended: {error}"),
        }
    }

    /// A room's program for one who comes with a token that is one of these, or none.
    async fn find(&self, room: &RoomId, tokens: &[Option<Secret>], guest: Guest<'_>) -> Result<Program, Refusal> {
        let find = async {
            let mut refused = Refusal::from(RoomError::WrongToken);
            for token in tokens {
                match self.program(room, token.as_ref(), guest).await {
                    Err(refusal @ Refusal::Guess(_)) => refused = refusal,
                    end => return end,
                }
            }
            Err(refused)
        };
        self.attempt(room, Scope::Watch(room), guest, find).await
    }

    /// A room's program, wherever it is; the reason why not is for people.
    async fn program(&self, room: &RoomId, token: Option<&Secret>, guest: Guest<'_>) -> Result<Program, Refusal> {
        if let Some(cluster) = self.cluster.as_ref().filter(|_| !guest.is_inward())
            && let Place::There(address) = cluster.settled(room).await.map_err(Refusal::Other)?
        {
            let playback = cluster.play(&address, guest.peer, room, token).await?;
            // Whether it was the token that opened it, only that front knows.
            guest.is(Standing::Guest)?;
            return Ok(Program::There(Box::new(playback)));
        }
        let (program, audience) = self.rooms.program(room, token).await?;
        guest.is(match audience {
            Audience::Everybody => Standing::Guest,
            Audience::Invited => Standing::Known,
        })?;
        Ok(Program::Here(program))
    }
}

/// `in/ROOM/PARTICIPANT`, wherever a client draws the line between application and stream name.
fn publish_address(app: &str, name: &str) -> Option<(RoomId, ParticipantId)> {
    match path(app, name)[..] {
        ["in", room, participant] => Some((room.parse().ok()?, participant.parse().ok()?)),
        _ => None,
    }
}

/// `out/ROOM`, likewise.
fn play_address(app: &str, name: &str) -> Option<RoomId> {
    match path(app, name)[..] {
        ["out", room] => room.parse().ok(),
        _ => None,
    }
}

fn path<'a>(app: &'a str, name: &'a str) -> Vec<&'a str> {
    let app = app.split('?').next().unwrap_or_default();
    let name = name.split('?').next().unwrap_or_default();
    app.split('/').chain(name.split('/')).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_wherever_clients_cut_them() {
        for (app, name) in [
            ("in/weekly", "alice"),
            ("in/weekly/", "alice?key=k"),
            ("in", "weekly/alice"),
            ("/in/weekly?key=k", "alice"),
        ] {
            let found = publish_address(app, name).map(|(room, id)| format!("{room}/{id}"));
            assert_eq!(found.as_deref(), Some("weekly/alice"), "{app} {name}");
        }
        for (app, name) in [("live", "alice"), ("in/weekly", ""), ("in/weekly", "../x"), ("out/weekly", "alice")] {
            assert!(publish_address(app, name).is_none(), "{app} {name}");
        }
        assert_eq!(play_address("out", "weekly").map(String::from).as_deref(), Some("weekly"));
        assert!(play_address("in", "weekly").is_none());
    }
}
