//! HTTP server: connections with limits on everything that a peer can prolong or enlarge.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, http::Extensions};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tower::ServiceExt;

use crate::{
    base::tasks::Tasks,
    front::net::accept::{self, Admission, Admissions, Line, Shares, Silence, Standing},
};

/// Limits of the listener.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Places, each of up to `header_bytes`.
    pub places: Shares,
    /// Connections that lost their place and are kept open for a while.
    pub silenced: usize,
    /// The operator's proxies: many people share one connection of a proxy.
    pub proxies: Vec<IpNet>,
    /// Longest time for a request's head to arrive, and so also for a connection to stay idle. Long enough for a
    /// person's next click; it also limits a peer that sends one byte at a time.
    pub header_timeout: Duration,
    /// Largest request head, bytes: several times the longest path and key with a browser's headers.
    pub header_bytes: usize,
    /// Most header lines: browsers send about 20.
    pub headers: usize,
    /// Longest time that sent data may stay unacknowledged before the kernel drops the connection, so that a peer that
    /// stops reading its events holds nothing.
    pub stall: Duration,
    /// Longest time to finish answers after the stop; well within the 5 s of a whole drain.
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            places: accept::Limits::default().http,
            silenced: accept::Limits::default().silenced,
            proxies: Vec::new(),
            header_timeout: Duration::from_secs(15),
            header_bytes: 32 * 1024,
            headers: 64,
            stall: Duration::from_secs(30),
            drain: Duration::from_secs(2),
        }
    }
}

/// The address that a request came from; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The connection of a request; an extension of requests that came through the listener.
#[derive(Debug, Clone)]
pub(in crate::front) struct Visit(Arc<Admission>);

impl Visit {
    /// The client has shown a right key.
    pub fn mark_known(&self) {
        // Without such a place it keeps the one it has.
        let _ = self.0.promote(Standing::Known);
    }
}

/// Serves until the tasks are told to stop; connections are tasks of the same group.
pub async fn serve(listener: TcpListener, router: Router, tasks: Tasks, bounds: Bounds) {
    let (admissions, silence) = (Admissions::new(bounds.places), Silence::new(bounds.silenced));
    let bounds = Arc::new(bounds);
    loop {
        let (stream, address) = tokio::select! {
            () = tasks.stopping() => return,
            accepted = accept::next(&listener, "HTTP") => accepted,
        };
        let ip = address.ip().to_canonical();
        let standing = match bounds.proxies.iter().any(|proxies| proxies.contains(&ip)) {
            true => Standing::Known,
            false => Standing::Stranger,
        };
        let Ok(admission) = admissions.admit(ip, standing) else { continue };
        if let Err(error) = prepare(&stream, &bounds) {
            tracing::debug!(%address, %error, "cannot set socket options");
        }
        let line = Line::new(stream);
        let served = connection(line.clone(), address, router.clone(), tasks.clone(), bounds.clone(), admission);
        let (silence, all) = (silence.clone(), tasks.clone());
        tasks.spawn("http", async move {
            if served.await == Served::Evicted {
                silence.keep(line, &all);
            }
        });
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    /// By itself, or with the server.
    Ended,
    /// Its place was given to another.
    Evicted,
}

async fn connection(
    line: Line,
    address: SocketAddr,
    router: Router,
    tasks: Tasks,
    bounds: Arc<Bounds>,
    admission: Admission,
) -> Served {
    let admission = Arc::new(admission);
    let visit = Visit(admission.clone());
    let mark = move |extensions: &mut Extensions| {
        // A whole request has arrived.
        visit.0.step();
        extensions.insert(Peer(address));
        extensions.insert(visit.clone());
    };
    tokio::select! {
        () = serve_one(line, router, tasks, &bounds, mark) => Served::Ended,
        () = admission.evicted() => {
            tracing::debug!(%address, "an HTTP connection made room for another");
            Served::Evicted
        }
    }
}

/// Serves one connection that is open already, of any kind, until it ends or the tasks are told to stop. `mark` adds
/// the extensions of every request: at least its [`Peer`].
pub async fn serve_one<S>(
    stream: S,
    router: Router,
    tasks: Tasks,
    bounds: &Bounds,
    mark: impl Fn(&mut Extensions) + Clone + Send + Sync + 'static,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        mark(request.extensions_mut());
        router.clone().oneshot(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_timeout)
        .max_buf_size(bounds.header_bytes)
        .max_headers(bounds.headers)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => Some(result),
        () = tasks.stopping() => {
            served.as_mut().graceful_shutdown();
            tokio::time::timeout(bounds.drain, served).await.ok()
        }
    };
    if let Some(Err(error)) = result {
        tracing::debug!(%error, "HTTP connection ended");
    }
}

fn prepare(stream: &TcpStream, bounds: &Bounds) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stall = u32::try_from(bounds.stall.as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(stream, stall)?;
    Ok(())
}
