//! Connections between fronts: requests and RTMP that are passed on, and what is answered to those that come.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{Extensions, HeaderMap, HeaderName, Request, Response, header},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{Semaphore, mpsc},
};
use tokio_rustls::server::TlsStream;

use super::{
    call::{Call, Vouch},
    member::Cluster,
};
use crate::{
    front::{
        docker::Arrived,
        net::{
            low_delay,
            serve::{Bounds, Peer, serve_one},
        },
    },
    link::join,
};

/// Most connections of other fronts at once: as many as their own clients may open, twice over.
const MAX_CONNECTIONS: usize = 4096;

/// Headers that are between two ends of a connection (RFC 9110 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("proxy-connection"),
];

/// The request came through another front, which has looked at it; it is not passed on again. An extension of such requests.
#[derive(Debug, Clone, Copy)]
pub struct Inward;

/// Why a request was not passed on.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// Nobody there.
    #[error(transparent)]
    Unreachable(#[from] super::call::Unreachable),
    /// It broke off.
    #[error("the front at {0} broke off: {1}")]
    Broken(String, hyper::Error),
}

impl Cluster {
    /// Addresses of the other fronts.
    pub fn others(&self) -> Vec<String> {
        self.0.index.others()
    }

    /// Has the front at `address` answer a request of `client`; bodies pass through as they come.
    ///
    /// # Errors
    /// When that front cannot be reached or breaks off before it answers.
    pub async fn forward(
        &self,
        address: &str,
        client: SocketAddr,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, ForwardError> {
        let broken = |error| ForwardError::Broken(address.to_owned(), error);
        let opened = self.0.caller.call(address, Call::Http(client)).await;
        let stream = opened.inspect_err(|_| self.look_soon())?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // It ends with the answer's body, or when whoever asked has gone.
        self.0.tasks.spawn("fleet request", async move {
            if let Err(error) = connection.await {
                tracing::debug!("a request that was passed on broke off: {error}");
            }
        });
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Into::into).unwrap_or_default();
        strip(request.headers_mut());
        let mut response = sender.send_request(request).await.map_err(broken)?;
        strip(response.headers_mut());
        Ok(response.map(Body::new))
    }
}

/// Answers the other fronts until the tasks stop.
///
/// HTTP requests go to `router`, and RTMP connections of these clients to `rtmp`.
pub async fn serve<F>(
    cluster: Cluster,
    mut callers: mpsc::Receiver<Arrived>,
    router: Router,
    rtmp: impl Fn(TlsStream<TcpStream>, SocketAddr) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks = cluster.0.tasks.clone();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let arrived = tokio::select! {
            () = tasks.stopping() => return,
            arrived = callers.recv() => arrived,
        };
        let Some(arrived) = arrived else { return };
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let (cluster, router, rtmp) = (cluster.clone(), router.clone(), rtmp.clone());
        tasks.spawn("fleet answer", async move {
            answer(&cluster, arrived, router, rtmp).await;
            drop(place);
        });
    }
}

async fn answer<F: Future<Output = ()>>(
    cluster: &Cluster,
    arrived: Arrived,
    router: Router,
    rtmp: impl Fn(TlsStream<TcpStream>, SocketAddr) -> F,
) {
    let tasks = cluster.0.tasks.clone();
    let Arrived { mut stream, admission } = arrived;
    let call = tokio::select! {
        call = cluster.0.caller.hear(&mut stream) => call,
        () = admission.evicted() => return,
    };
    drop(admission);
    match call {
        Ok(Call::Http(client)) => {
            let mark = move |extensions: &mut Extensions| {
                extensions.insert(Peer(client));
                extensions.insert(Inward);
            };
            serve_one(stream, router, tasks, &Bounds::default(), mark).await;
        }
        Ok(Call::Rtmp(client)) => {
            low_delay::prepare(stream.get_ref().0);
            tokio::select! {
                () = rtmp(stream, client) => {}
                () = tasks.stopping() => {}
            }
        }
        Ok(Call::Look(rooms)) => cluster.hear_of(rooms).await,
        Ok(Call::Vouch(front)) => reply(stream, cluster.vouch(&front).await).await,
        Ok(Call::Lives(front)) => reply(stream, cluster.lives(&front)).await,
        Ok(Call::Library) => cluster.hear_of_library(),
        Err(reason) => tracing::warn!("somebody who is no front of the fleet called: {reason}"),
    }
}

async fn reply(mut stream: TlsStream<TcpStream>, word: Vouch) {
    // One that has gone meanwhile asks again.
    let _ = stream.write_all(&join::encode(&word)).await;
    let _ = stream.shutdown().await;
}

/// Takes away what is not for the next hop.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_two_ends_goes_no_further() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, X-Mine"),
            ("x-mine", "1"),
            ("keep-alive", "5"),
            ("transfer-encoding", "chunked"),
            ("authorization", "Bearer k"),
        ] {
            headers.insert(HeaderName::from_static(name), value.parse().expect("a value"));
        }
        strip(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["authorization"]);
    }
}
