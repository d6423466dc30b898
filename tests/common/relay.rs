//! Minimal RTMP relay around the listener session: a stream that is published under a name can be played under it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tilecast::{
    front::{
        net::address::Stream,
        rtmp::{self, Limits, Player, Publisher, Request},
    },
    media::{Packet, fanout::Fanout},
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet, time::timeout};
use tokio_rustls::TlsAcceptor;

use super::process::LIMIT;

/// What one publisher sent, from beginning to end.
#[derive(Debug)]
pub struct Published {
    pub path: String,
    pub packets: Vec<Packet>,
    pub error: Option<rtmp::Error>,
}

/// Serves on loopback until dropped. Publishing under a path that contains `denied` is refused.
pub struct Relay {
    pub address: SocketAddr,
    streams: Streams,
    finished: mpsc::UnboundedReceiver<Published>,
    _tasks: JoinSet<()>,
}

type Streams = Arc<Mutex<HashMap<String, Fanout>>>;

/// What a refused publisher must get to read.
pub const REFUSAL: &str = "the key does not fit; ask for the right one";

impl Relay {
    /// With `tls`, serves RTMPS.
    pub async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let streams = Streams::default();
        let (done, finished) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let shared = streams.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.expect("accepting on loopback");
                socket.set_nodelay(true).expect("a TCP socket");
                let (tls, streams, done) = (tls.clone(), shared.clone(), done.clone());
                connections.spawn(async move {
                    let stream: Stream = match tls {
                        None => Box::new(socket),
                        Some(tls) => Box::new(tls.accept(socket).await.expect("a TLS client")),
                    };
                    serve(stream, streams, done).await;
                });
            }
        });
        Self { address, streams, finished, _tasks: tasks }
    }

    /// The stream under `path`, there or not.
    pub fn stream(&self, path: &str) -> Fanout {
        stream(&self.streams, path)
    }

    /// Refuses players of `path` from here on.
    pub fn forget(&self, path: &str) {
        self.streams.lock().expect("no panic under it").remove(path);
    }

    /// Waits for the next publisher to end.
    pub async fn published(&mut self) -> Published {
        timeout(LIMIT, self.finished.recv()).await.expect("a publisher ends").expect("the relay serves")
    }
}

fn stream(streams: &Streams, path: &str) -> Fanout {
    streams.lock().expect("no panic under it").entry(path.to_owned()).or_default().clone()
}

async fn serve(stream: Stream, streams: Streams, done: mpsc::UnboundedSender<Published>) {
    match rtmp::accept(stream, &Limits::default()).await {
        Ok(Request::Publish(request)) if request.path().contains("denied") => request.reject(REFUSAL).await,
        Ok(Request::Publish(request)) => {
            let path = request.path();
            let publisher = request.accept().await.expect("a publisher that waits");
            // A test that is over no longer listens.
            let _ = done.send(receive(publisher, path, &streams).await);
        }
        Ok(Request::Play(request)) => {
            let known = streams.lock().expect("no panic under it").get(&request.path()).cloned();
            match known {
                Some(fanout) => send(request.accept().await.expect("a player that waits"), fanout).await,
                None => request.reject("there is no such stream").await,
            }
        }
        // Someone who only looks whether the port is open.
        Err(error) => eprintln!("relay: {error}"),
    }
}

async fn receive(mut publisher: Publisher<Stream>, path: String, streams: &Streams) -> Published {
    let fanout = stream(streams, &path);
    let mut packets = Vec::new();
    let error = loop {
        match publisher.next().await {
            Ok(Some(packet)) => {
                fanout.push(&packet);
                packets.push(packet);
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    fanout.end();
    publisher.finish(None).await;
    Published { path, packets, error }
}

async fn send(mut player: Player<Stream>, fanout: Fanout) {
    if player.carry(&mut fanout.subscribe()).await.is_ok() {
        player.finish().await;
    }
}
