//! RTMP for a room of another front: published and played there, packet by packet, in the client's name.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use url::form_urlencoded::byte_serialize;

use super::{call::Call, member::Cluster};
use crate::{
    base::{ParticipantId, RoomId, Secret},
    front::{
        docker::ownership::Place,
        net::address::RtmpUrl,
        rtmp::{Error, Receiver, Sender, client},
    },
    link::join::FRONT_NAME,
};

/// What a front says to another whose publisher it drops because the room goes elsewhere.
pub const MOVING: &str = "the room is moving to another front";

/// Longest wait for a room that nobody has: a front that is lost is noticed in 9 s, and its rooms open within one more.
pub const MOVE: Duration = Duration::from_secs(15);

/// From one look to the next while a room moves.
const AGAIN: Duration = Duration::from_millis(100);

/// A stream that is published at another front.
pub type Publication = Sender<TlsStream<TcpStream>>;
/// A stream that is played from another front.
pub type Playback = Receiver<TlsStream<TcpStream>>;

impl Cluster {
    /// Waits for a room that moves to be somewhere; where it is then.
    ///
    /// # Errors
    /// [`MOVING`], when it is not within `MOVE`.
    pub async fn settled(&self, room: &RoomId) -> Result<Place, String> {
        let deadline = Instant::now() + MOVE;
        loop {
            match self.place(room).await {
                Place::Moving if Instant::now() < deadline => tokio::time::sleep(AGAIN).await,
                Place::Moving => return Err(MOVING.to_owned()),
                place => return Ok(place),
            }
        }
    }

    /// Whether a room that was open here goes on at another front.
    pub fn has_moved(&self, room: &RoomId) -> bool {
        !matches!(self.0.index.place(room), Place::Here | Place::Nowhere)
    }

    /// Publishes at the front at `address`; it looks at the key.
    ///
    /// # Errors
    /// As that front refuses, or that it cannot be reached.
    pub async fn publish(
        &self,
        address: &str,
        client: SocketAddr,
        (room, participant): (&RoomId, &ParticipantId),
        key: &Secret,
    ) -> Result<Publication, Error> {
        let stream = self.dial(address, client).await?;
        client::publish_on(stream, &url(&format!("in/{room}/{participant}"), "key", Some(key))).await
    }

    /// Plays from the front at `address`; it looks at the token.
    ///
    /// # Errors
    /// As that front refuses, or that it cannot be reached.
    pub async fn play(
        &self,
        address: &str,
        client: SocketAddr,
        room: &RoomId,
        token: Option<&Secret>,
    ) -> Result<Playback, Error> {
        let stream = self.dial(address, client).await?;
        client::play_on(stream, &url(&format!("out/{room}"), "token", token)).await
    }

    async fn dial(&self, address: &str, client: SocketAddr) -> Result<TlsStream<TcpStream>, Error> {
        let opened = self.0.caller.call(address, Call::Rtmp(client)).await;
        opened.inspect_err(|_| self.look_soon()).map_err(|error| Error::Io(std::io::Error::other(error)))
    }
}

fn url(path: &str, key: &str, secret: Option<&Secret>) -> RtmpUrl {
    // A plus stays a plus in RTMP's queries.
    let escape = |secret: &Secret| byte_serialize(secret.expose().as_bytes()).collect::<String>().replace('+', "%20");
    let query = secret.map(|secret| format!("?{key}={}", escape(secret))).unwrap_or_default();
    RtmpUrl::parse(&format!("rtmp://{FRONT_NAME}/{path}{query}")).expect("ids and an escaped key")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::rtmp;

    #[test]
    fn a_key_comes_through_as_it_is() {
        let odd = Secret::new("a+b c&d=é%");
        let url = url("in/r/alice", "key", Some(&odd));
        assert_eq!(url.app(), "in/r");
        let path = rtmp::path::Path::new(url.app(), url.name(), &url.tc_url());
        assert_eq!(path.name, "alice");
        assert!(path.readings("key").contains(&odd.expose().to_owned()));
    }
}
