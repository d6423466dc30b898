//! The RTMP door: who may publish to which place, who may watch which program.
//!
//! Knows addresses and keys; bytes are [`super::rtmp`]'s, places are the rooms'. One task a connection; it ends with the
//! connection, with its seat, or with the front.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, sleep},
};

use super::{
    accept,
    metrics::Counters,
    room::{Door, Rooms, Seat},
    rtmp::{self, Limits, PlayRequest, PublishRequest, Publisher, Request},
};
use crate::base::{ParticipantId, RoomId, Secret, tasks::Tasks};

/// Most RTMP connections at once. At 64 KiB for a peer that has not shown its key this bounds strangers to 64 MiB.
const MAX_CONNECTIONS: usize = 1024;

/// A publisher that sends nothing for this long has lost its cable; its place is freed.
const SILENCE: Duration = Duration::from_secs(30);

const EVICTED: &str = "the place was taken over or removed";

/// How publishing ended.
enum End {
    /// The publisher said so.
    Left,
    /// By us; the publisher is told why.
    Cut(String),
    /// The connection or what came over it.
    Broken(String),
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
}

impl RtmpDoor {
    /// Accepts until `tasks` stop.
    pub async fn serve(self, listener: TcpListener, tasks: Tasks) {
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let (stream, peer) = tokio::select! {
                () = tasks.stopping() => return,
                accepted = accept::next(&listener, "RTMP") => accepted,
            };
            let Ok(permit) = connections.clone().try_acquire_owned() else {
                self.counters.rtmp_refused("full");
                continue;
            };
            let open = self.counters.rtmp_connected();
            let door = self.clone();
            let stop = tasks.clone();
            tasks.spawn("rtmp", async move {
                tokio::select! {
                    () = door.meet(stream, peer) => {}
                    () = stop.stopping() => {}
                }
                drop((permit, open));
            });
        }
    }

    async fn meet(&self, stream: TcpStream, peer: SocketAddr) {
        // Packets are small and late ones are worthless.
        let _ = stream.set_nodelay(true);
        match rtmp::accept(stream, &self.limits).await {
            Ok(Request::Publish(request)) => self.publisher(request, peer).await,
            Ok(Request::Play(request)) => self.player(request, peer).await,
            Err(error) => {
                self.counters.rtmp_refused("protocol");
                tracing::info!(%peer, "RTMP connection ended before it asked for anything: {error}");
            }
        }
    }

    async fn publisher(&self, request: PublishRequest<TcpStream>, peer: SocketAddr) {
        let place = publish_address(request.app(), request.name());
        let key = Secret::new(request.query("key").unwrap_or_default());
        let seat = match &place {
            Some((room, participant)) => {
                self.rooms.publish(room, participant, &key, Door::Rtmp).await.map_err(|error| error.to_string())
            }
            None => Err("publish to rtmp://HOST/in/ROOM/PARTICIPANT?key=KEY".to_owned()),
        };
        let (seat, (room, participant)) = match (seat, place) {
            (Ok(seat), Some(place)) => (seat, place),
            (Err(reason), _) => {
                self.counters.rtmp_refused("publish");
                tracing::info!(%peer, app = request.app(), "RTMP publisher refused: {reason}");
                request.reject(&reason).await;
                return;
            }
            (Ok(_), None) => return,
        };
        let mut publisher = match request.accept().await {
            Ok(publisher) => publisher,
            Err(error) => {
                tracing::info!(%peer, %room, %participant, "RTMP publisher left at once: {error}");
                return;
            }
        };
        tracing::info!(%peer, %room, %participant, "publishing by RTMP");
        let end = self.receive(&mut publisher, &seat).await;
        // The place is free before the peer has said goodbye.
        drop(seat);
        match &end {
            End::Left => publisher.finish(None).await,
            End::Cut(reason) => publisher.finish(Some(reason)).await,
            End::Broken(_) => {}
        }
        let (End::Cut(end) | End::Broken(end)) = &end else {
            tracing::info!(%peer, %room, %participant, "publishing by RTMP ended: it left");
            return;
        };
        tracing::info!(%peer, %room, %participant, "publishing by RTMP ended: {end}");
    }

    /// Hands packets to the room until something ends it.
    async fn receive(&self, publisher: &mut Publisher<TcpStream>, seat: &Seat) -> End {
        let mut last = Instant::now();
        let (evicted, alarm) = (seat.evicted(), sleep(SILENCE));
        tokio::pin!(evicted, alarm);
        loop {
            let packet = tokio::select! {
                packet = publisher.next() => packet,
                () = &mut evicted => return End::Cut(EVICTED.to_owned()),
                // Set anew when it goes off: with every packet would be seventy times a second.
                () = &mut alarm => match last + SILENCE {
                    end if end <= Instant::now() => return End::Cut("nothing came for 30 s".to_owned()),
                    end => {
                        alarm.as_mut().reset(end);
                        continue;
                    }
                },
            };
            last = Instant::now();
            match packet {
                Ok(Some(packet)) => {
                    if seat.send(packet).await.is_err() {
                        return End::Cut(EVICTED.to_owned());
                    }
                }
                Ok(None) => return End::Left,
                Err(error) => {
                    self.counters.rtmp_refused("media");
                    return End::Broken(error.to_string());
                }
            }
        }
    }

    async fn player(&self, request: PlayRequest<TcpStream>, peer: SocketAddr) {
        let token = request.query("token").map(Secret::new);
        let program = match play_address(request.app(), request.name()) {
            Some(room) => match self.rooms.program(&room, token.as_ref()).await {
                Ok(program) => Ok((room, program)),
                Err(error) => Err(error.to_string()),
            },
            None => Err("play rtmp://HOST/out/ROOM".to_owned()),
        };
        let (room, program) = match program {
            Ok(found) => found,
            Err(reason) => {
                self.counters.rtmp_refused("play");
                tracing::info!(%peer, app = request.app(), "RTMP player refused: {reason}");
                request.reject(&reason).await;
                return;
            }
        };
        let Ok(mut player) = request.accept().await else { return };
        tracing::info!(%peer, %room, "playing by RTMP");
        match player.carry(&mut program.subscribe()).await {
            Ok(()) => player.finish().await,
            Err(error) => tracing::info!(%peer, %room, "playing by RTMP ended: {error}"),
        }
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
