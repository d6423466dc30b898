//! Connections from front to front: through the door for workers, by TLS whose one certificate is the cluster's, then a word on what
//! the connection is for.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::BytesMut;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName, server};

use crate::{
    base::{RoomId, Secret},
    front::docker::{CLUSTER_PROTOCOL, ClusterKey, Identity},
    link::join::{self, FRONT_NAME},
};

/// Longest wait for another front to take a connection, TLS included. They are neighbours.
const CONNECT: Duration = Duration::from_secs(2);

/// Longest wait for it to say what it wants.
const HELLO: Duration = Duration::from_secs(5);

/// Most rooms that one call names; with the longest names this stays within [`join::MAX_DOCUMENT`].
pub const MAX_NAMED: usize = 48;

/// What a connection is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// A request of a client at this address, as HTTP/1.1.
    Http(SocketAddr),
    /// A publisher or player at this address, as RTMP.
    Rtmp(SocketAddr),
    /// These rooms have changed; nothing follows.
    Look(Vec<RoomId>),
    /// Templates or images have changed; nothing follows.
    Library,
    /// The front of this name cannot tell the store that it lives; a `Vouch` is the answer.
    Vouch(String),
    /// Is this the front of this name, and may it own rooms? A `Vouch` is the answer.
    Lives(String),
}

/// What a front answers to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Vouch {
    /// It has told the store in the other's name; or it lives itself.
    #[serde(rename = "told")]
    Renewed,
    /// It cannot reach the store either, and counts the other among the living for as long as if it had seen a beat.
    #[serde(rename = "blind")]
    StoreUnreachable,
    /// It reaches the store, and the other is not there any more as it was; or it is not the one that is asked for.
    #[serde(rename = "no")]
    Refused,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hello {
    token: Secret,
    call: Call,
}

/// Why another front was not reached.
#[derive(Debug, thiserror::Error)]
#[error("the front at {address} cannot be reached: {reason}")]
pub struct Unreachable {
    address: String,
    reason: String,
}

/// Calls other fronts. Clones share everything.
#[derive(Clone)]
pub struct Caller {
    tls: TlsConnector,
    token: Secret,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller")
    }
}

impl Caller {
    /// Knows the cluster by its key.
    pub fn new(key: &ClusterKey) -> Self {
        let certificate = Identity::of_seed(key.identity_seed()).certificate;
        let mut config = join::trusting(&certificate).expect("ours");
        config.alpn_protocols = vec![CLUSTER_PROTOCOL.to_vec()];
        Self { tls: TlsConnector::from(Arc::new(config)), token: key.call_token().clone() }
    }

    /// Opens a connection for this to the front at `address`, `HOST:PORT`.
    ///
    /// # Errors
    /// When nobody answers there who has the cluster's key.
    pub async fn call(&self, address: &str, call: Call) -> Result<TlsStream<TcpStream>, Unreachable> {
        let opened = timeout(CONNECT, self.open(address, call)).await;
        let opened = opened.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        opened.map_err(|error| Unreachable { address: address.to_owned(), reason: error.to_string() })
    }

    async fn open(&self, address: &str, call: Call) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        join::notice_cuts(&stream)?;
        let name = ServerName::try_from(FRONT_NAME).expect("a name");
        let mut stream = self.tls.connect(name, stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(CLUSTER_PROTOCOL) {
            return Err(std::io::Error::other("it is no front of a fleet"));
        }
        stream.write_all(&join::encode(&Hello { token: self.token.clone(), call })).await?;
        stream.flush().await?;
        Ok(stream)
    }

    /// Asks the front at `address` for its word.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ask(&self, address: &str, call: Call) -> Result<Vouch, Unreachable> {
        let mut stream = self.call(address, call).await?;
        let word = timeout(HELLO, read(&mut stream)).await.unwrap_or_else(|_| Err("no answer".to_owned()));
        word.map_err(|reason| Unreachable { address: address.to_owned(), reason })
    }

    /// What the front at the other end wants.
    ///
    /// # Errors
    /// Why it is none, for the log.
    pub async fn hear(&self, stream: &mut server::TlsStream<TcpStream>) -> Result<Call, String> {
        let hello: Hello =
            timeout(HELLO, read(stream)).await.map_err(|_| "it does not say what it wants".to_owned())??;
        // Compared in constant time.
        if hello.token == self.token { Ok(hello.call) } else { Err("it is not of this fleet".to_owned()) }
    }
}

async fn read<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> Result<T, String> {
    let mut input = BytesMut::new();
    loop {
        if let Some(document) = join::decode(&mut input).map_err(|error| error.to_string())? {
            return Ok(document);
        }
        // Byte by byte: what follows belongs to whatever it is for.
        input.extend_from_slice(&[stream.read_u8().await.map_err(|error| error.to_string())?]);
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn key(text: &str) -> ClusterKey {
        ClusterKey::new(&Secret::new(text))
    }

    async fn meet(caller: &Caller, host: &ClusterKey, call: Call) -> Result<Call, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let acceptor = Identity::of_seed(host.identity_seed()).acceptor;
        let serve = async {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut stream = acceptor.accept(stream).await.map_err(|error| error.to_string())?;
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(CLUSTER_PROTOCOL));
            let heard = Caller::new(host).hear(&mut stream).await?;
            assert_eq!(stream.read_u8().await.expect("what follows is left"), 7);
            Ok(heard)
        };
        let ask = async {
            let mut stream = caller.call(&address, call).await.map_err(|error| error.to_string())?;
            stream.write_u8(7).await.map_err(|error| error.to_string())
        };
        let (heard, asked) = tokio::join!(serve, ask);
        asked.and(heard)
    }

    #[tokio::test]
    async fn fronts_of_one_key_hear_each_other_and_others_do_not() {
        let call = Call::Look(vec!["x".repeat(64).parse().expect("an id"); MAX_NAMED]);
        let heard = meet(&Caller::new(&key("one")), &key("one"), call.clone()).await;
        assert_eq!(heard.expect("heard"), call);
        let refused = meet(&Caller::new(&key("another")), &key("one"), call.clone()).await.expect_err("a stranger");
        assert!(refused.contains("certificate"), "{refused}");
        let mut caller = Caller::new(&key("one"));
        caller.token = Secret::new("guessed");
        assert_eq!(meet(&caller, &key("one"), call).await, Err("it is not of this fleet".to_owned()));
    }
}
