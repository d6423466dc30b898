//! Door for remote workers (listener): TLS, the greeting, then the link.

use std::time::Duration;

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, sink, split},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};
use tokio_rustls::server::TlsStream;

use super::{
    super::{
        Event, Outbox,
        link::{read_link, write_link},
    },
    Swarm,
    worker_slot::{Admitted, Wanting},
};
use crate::{
    base::RoomId,
    front::{
        docker::{Arrived, CLUSTER_PROTOCOL, Place},
        net::accept::{self, Admission, Admissions, Shares, Standing},
    },
    link::join::{self, Answer, Greeting},
};

/// Time for a peer to authenticate, TLS included.
const GREETING: Duration = Duration::from_secs(10);

/// How long a worker waits for its room to want one. A room that has just lost its worker asks within milliseconds.
const WANTED: Duration = Duration::from_secs(3);

/// Time for a dropped worker to finish what it has.
const GRACE: Duration = Duration::from_secs(2);

/// Accepts until the front stops, with this many unauthenticated connections at once.
pub async fn serve(swarm: Swarm, listener: TcpListener, shares: Shares) {
    let tasks = swarm.shared.tasks.clone();
    let admissions = Admissions::new(shares);
    loop {
        let (stream, peer) = tokio::select! {
            () = tasks.stopping() => return,
            accepted = accept::next(&listener, "worker") => accepted,
        };
        // An evicted worker finds the connection closed and tries again.
        let Ok(admission) = admissions.admit(peer.ip(), Standing::Stranger) else { continue };
        let (swarm, stop) = (swarm.clone(), tasks.clone());
        tasks.spawn("worker link", async move {
            let met = tokio::select! {
                met = meet(&swarm, stream, &admission) => met,
                () = admission.evicted() => return,
                () = stop.stopping() => return,
            };
            match met {
                // The peer has yet to prove that it is a front, and keeps its place until then.
                Ok(Met::Front(stream)) => swarm.hand_on(Arrived { stream: *stream, admission }),
                // The worker's task notices by itself when the front stops: its room drops the worker.
                Ok(Met::Worker(stream, admitted)) => {
                    drop(admission);
                    talk(&swarm, *stream, admitted).await;
                }
                Err(reason) => tracing::info!(%peer, "a worker was not let in: {reason}"),
            }
        });
    }
}

enum Met {
    /// A worker that was admitted.
    Worker(Box<TlsStream<TcpStream>>, Admitted),
    /// Another front of the cluster, which has yet to prove that it is one.
    Front(Box<TlsStream<TcpStream>>),
}

async fn meet(swarm: &Swarm, stream: TcpStream, admission: &Admission) -> Result<Met, String> {
    join::notice_cuts(&stream).map_err(|error| error.to_string())?;
    let (mut stream, greeting) = match timeout(GREETING, greet(swarm, stream)).await {
        Ok(greeted) => match greeted? {
            (stream, Some(greeting)) => (stream, greeting),
            (stream, None) => {
                admission.step();
                return Ok(Met::Front(Box::new(stream)));
            }
        },
        Err(_) => return Err(format!("it did not say who it is within {} s", GREETING.as_secs())),
    };
    admission.step();
    let admitted = match swarm.find(&greeting.room) {
        Some(slot) => slot.admit(&greeting, Instant::now() + WANTED).await,
        None => Err(swarm.whereabouts(&greeting.room)),
    };
    let answer = admitted.as_ref().err().cloned().unwrap_or(Answer::Welcome);
    let sent = async {
        stream.write_all(&join::encode(&answer)).await?;
        stream.flush().await
    };
    let sent = timeout(GREETING, sent).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    match (admitted, sent) {
        (Ok(admitted), Ok(())) => Ok(Met::Worker(Box::new(stream), admitted)),
        (Ok(admitted), Err(error)) => {
            let _ = admitted.wanting.events.send(Event::Ended(format!("worker went as it came: {error}"))).await;
            Err(error.to_string())
        }
        (Err(Answer::Later(reason) | Answer::Leave(reason)), _) => Err(reason),
        (Err(Answer::Elsewhere(address)), _) => Err(format!("its room is at {address}")),
        (Err(Answer::Welcome), _) => unreachable!("a refusal is no welcome"),
    }
}

/// Reads a worker's greeting. A front has named its ALPN protocol and sends no greeting here.
async fn greet(swarm: &Swarm, stream: TcpStream) -> Result<(TlsStream<TcpStream>, Option<Greeting>), String> {
    let mut stream = swarm.shared.acceptor.accept(stream).await.map_err(|error| error.to_string())?;
    if stream.get_ref().1.alpn_protocol() == Some(CLUSTER_PROTOCOL) {
        return Ok((stream, None));
    }
    let mut input = BytesMut::with_capacity(join::MAX_DOCUMENT + 4);
    loop {
        if let Some(greeting) = join::decode::<Greeting>(&mut input).map_err(|error| format!("it sent {error}"))? {
            // A worker sends nothing more before it is answered.
            return if input.is_empty() { Ok((stream, Some(greeting))) } else { Err("it does not wait".to_owned()) };
        }
        match stream.read_buf(&mut input).await {
            Ok(0) => return Err("it hung up".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

impl Swarm {
    fn hand_on(&self, arrived: Arrived) {
        // If there are too many, the connection is closed.
        if let Some(several) = &self.shared.several {
            let _ = several.callers.try_send(arrived);
        }
    }

    /// The answer for a worker whose room is not here.
    fn whereabouts(&self, room: &RoomId) -> Answer {
        match self.shared.several.as_ref().map(|several| (several.index.may_own(), several.index.place(room))) {
            Some((true, Place::There(address))) => Answer::Elsewhere(address),
            Some((true, Place::Here | Place::Moving) | (false, _)) => {
                Answer::Later("its room is moving to another front".to_owned())
            }
            // In a cluster, one front may not have heard of the room yet, and a front that has just come back has not
            // taken up its rooms. A service that no room needs is removed by the sweep.
            Some((true, Place::Nowhere)) | None => Answer::Later("no front has its room".to_owned()),
        }
    }
}

async fn talk(swarm: &Swarm, stream: TlsStream<TcpStream>, admitted: Admitted) {
    let Admitted { wanting: Wanting { events, orders }, replaced } = admitted;
    let (mut reader, writer) = split(stream);
    let (outbox, drain) = Outbox::new();
    swarm.shared.tasks.spawn("worker link out", write_link(writer, drain));
    let conversation = async {
        // If the room is gone it has dropped its end, which cancels `end`.
        let _ = events.send(Event::Linked(outbox)).await;
        read_link(&mut reader, &events).await.unwrap_or_else(|| "the worker's connection ended".to_owned())
    };
    let reason = tokio::select! {
        reason = conversation => reason,
        () = replaced.cancelled() => "Swarm has started another task for the room".to_owned(),
        () = orders.end.cancelled() => {
            let mut nowhere = sink();
            tokio::select! {
                biased;
                () = orders.kill.cancelled() => {}
                // Its remaining messages are read; otherwise writing them would block it.
                _ = timeout(GRACE, copy(&mut reader, &mut nowhere)) => {}
            }
            return;
        }
    };
    let _ = events.send(Event::Ended(reason)).await;
}
