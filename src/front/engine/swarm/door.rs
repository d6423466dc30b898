//! Where workers come in: TLS, the greeting, then the link.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, sink, split},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, timeout},
};
use tokio_rustls::server::TlsStream;

use super::{
    Swarm,
    berth::{Admitted, Wanting},
};
use crate::{
    front::{
        accept,
        engine::{
            Event, Outbox,
            link::{read_link, write_link},
        },
    },
    link::join::{self, Answer, Greeting},
};

/// Most workers that may be at the door at once. Each takes a TLS handshake's memory, some 50 KiB.
const MAX_WAITING: usize = 256;

/// How long a peer may take to say who it is, TLS included.
const GREETING: Duration = Duration::from_secs(10);

/// How long a worker is kept waiting for its room to want one. A room that has just lost its worker asks within milliseconds.
const WANTED: Duration = Duration::from_secs(3);

/// How long a worker that was let go may take to finish what it has.
const GRACE: Duration = Duration::from_secs(2);

/// Accepts until the front stops.
pub async fn serve(swarm: Swarm, listener: TcpListener) {
    let tasks = swarm.shared.tasks.clone();
    let waiting = Arc::new(Semaphore::new(MAX_WAITING));
    loop {
        let (stream, peer) = tokio::select! {
            () = tasks.stopping() => return,
            accepted = accept::next(&listener, "worker") => accepted,
        };
        // Beyond the bound a worker finds the connection closed and tries again.
        let Ok(permit) = waiting.clone().try_acquire_owned() else { continue };
        let (swarm, stop) = (swarm.clone(), tasks.clone());
        tasks.spawn("worker link", async move {
            let met = tokio::select! {
                met = meet(&swarm, stream) => met,
                () = stop.stopping() => return,
            };
            drop(permit);
            match met {
                // It sees by itself when the front stops: its room lets go of it.
                Ok((stream, admitted)) => talk(&swarm, stream, admitted).await,
                Err(reason) => tracing::info!(%peer, "a worker was not let in: {reason}"),
            }
        });
    }
}

async fn meet(swarm: &Swarm, stream: TcpStream) -> Result<(TlsStream<TcpStream>, Admitted), String> {
    join::notice_cuts(&stream).map_err(|error| error.to_string())?;
    let (mut stream, greeting) = match timeout(GREETING, greet(swarm, stream)).await {
        Ok(greeted) => greeted?,
        Err(_) => return Err(format!("it did not say who it is within {} s", GREETING.as_secs())),
    };
    let admitted = match swarm.find(&greeting.room) {
        Some(berth) => berth.admit(&greeting, Instant::now() + WANTED).await,
        None => Err(Answer::Leave("there is no such room".to_owned())),
    };
    let answer = admitted.as_ref().err().cloned().unwrap_or(Answer::Welcome);
    let sent = async {
        stream.write_all(&join::encode(&answer)).await?;
        stream.flush().await
    };
    let sent = timeout(GREETING, sent).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    match (admitted, sent) {
        (Ok(admitted), Ok(())) => Ok((stream, admitted)),
        (Ok(admitted), Err(error)) => {
            let _ = admitted.wanting.events.send(Event::Ended(format!("worker went as it came: {error}"))).await;
            Err(error.to_string())
        }
        (Err(Answer::Later(reason) | Answer::Leave(reason)), _) => Err(reason),
        (Err(Answer::Welcome), _) => unreachable!("a refusal is no welcome"),
    }
}

async fn greet(swarm: &Swarm, stream: TcpStream) -> Result<(TlsStream<TcpStream>, Greeting), String> {
    let mut stream = swarm.shared.acceptor.accept(stream).await.map_err(|error| error.to_string())?;
    let mut input = BytesMut::with_capacity(join::MAX_DOCUMENT + 4);
    loop {
        if let Some(greeting) = join::decode::<Greeting>(&mut input).map_err(|error| format!("it sent {error}"))? {
            // A worker says nothing more before it is answered.
            return if input.is_empty() { Ok((stream, greeting)) } else { Err("it does not wait".to_owned()) };
        }
        match stream.read_buf(&mut input).await {
            Ok(0) => return Err("it hung up".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

async fn talk(swarm: &Swarm, stream: TlsStream<TcpStream>, admitted: Admitted) {
    let Admitted { wanting: Wanting { events, kill }, replaced } = admitted;
    let (mut reader, writer) = split(stream);
    let (outbox, drain) = Outbox::new();
    swarm.shared.tasks.spawn("worker link out", write_link(writer, drain));
    let conversation = async {
        // A room that is gone has dropped its end, which cancels `kill`.
        let _ = events.send(Event::Linked(outbox)).await;
        read_link(&mut reader, &events).await.unwrap_or_else(|| "the worker's connection ended".to_owned())
    };
    let reason = tokio::select! {
        reason = conversation => reason,
        () = replaced.cancelled() => "Swarm has started another task for the room".to_owned(),
        () = kill.cancelled() => {
            // What it still says is read, or its last words would block it.
            let _ = timeout(GRACE, copy(&mut reader, &mut sink())).await;
            return;
        }
    };
    let _ = events.send(Event::Ended(reason)).await;
}
