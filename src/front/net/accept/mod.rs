//! Connection admission: accepting connections and sharing places fairly, the same for every listener.
//!
//! **The rules.** Each listener has places ([`places`]) of three kinds; no kind takes another's places:
//!
//! | standing | who | when all places are taken |
//! |---|---|---|
//! | stranger | has shown nothing yet | a new stranger always gets in, and another stranger must leave |
//! | guest | has no key, and watches the program of an open room | refused, unless another network has more |
//! | known | has shown a right key or token | refused |
//!
//! - **One address may have half** of a kind's places (an IPv6 address is its /64), **and its network** (/24, /48)
//!   **three quarters**. So no address and no network can take all places. The shares are large because one address may
//!   be a school, a relay or a proxy with hundreds of honest people behind it.
//! - **Which stranger leaves**: if an address or a network has used its share, one of its own strangers. If all places
//!   are taken, a stranger of the address that has most, so that an address with many connections pays before an
//!   address with one. Of these, it is the connection without progress for longest ([`Admission::step`]: a complete
//!   handshake, a whole request). So idle connections leave first, and an honest client, which makes progress with each
//!   round trip, outlives a crowd that makes none. The evicted connection is served no more, and closed a while
//!   [later](silence).
//! - **A guest never replaces a guest of its own address**: many viewers behind one address do not evict each other.
//!   When all guests' places are taken, the youngest guest of the network with most guests leaves for a network with
//!   fewer.
//! - **A known client is never evicted**, and has places of its own. Health checks come as strangers, so they always
//!   get in.
//!
//! **The numbers** are in [`descriptors`], since they follow from how many descriptors this process may open. How long
//! a stranger may take is each protocol's own limit, and shorter than an honest client ever waits.
//!
//! Owns no task: the holder of an [`Admission`] ends its connection when it is [evicted](Admission::evicted). Dropping
//! the admission frees the place.

pub mod descriptors;
pub mod places;
pub mod silence;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

pub use descriptors::Limits;
pub use places::{Full, Shares, Standing};
use places::{Given, Id, Places};
pub use silence::{Line, Silence};

/// Pause after the system refuses to accept, for example without free descriptors: the error would repeat at once. Long
/// enough for a descriptor to be closed, short enough not to be noticed.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections that may wait in the kernel: as many as arrive in a flood while this process gets no processor for a
/// tenth of a second. If the queue is full, the client's kernel tries again a second later.
const BACKLOG: u32 = 4096;

/// Listens at `address`.
///
/// # Errors
/// When the address is taken, or is not one of this machine.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port with connections in TIME_WAIT counts as free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The next connection, however long the system refuses one; `what` names the listener in the log. Cancel safe.
pub(in crate::front) async fn next(listener: &TcpListener, what: &str) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!("{what} connections cannot be accepted now: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The places of one listener; clones share them.
#[derive(Debug, Clone)]
pub struct Admissions(Arc<Mutex<Places<CancellationToken>>>);

impl Admissions {
    pub fn new(shares: Shares) -> Self {
        Self(Arc::new(Mutex::new(Places::new(shares))))
    }

    /// Gives a new connection a place. If another connection loses its place for that, it is told.
    ///
    /// # Errors
    /// When there is no place.
    pub fn admit(&self, address: IpAddr, standing: Standing) -> Result<Admission, Full> {
        let evicted = CancellationToken::new();
        let Given { id, evicted: other } = self.places().admit(address, standing, evicted.clone())?;
        if let Some(other) = other {
            other.cancel();
        }
        Ok(Admission { places: self.clone(), id, evicted })
    }

    /// Number of connections of a standing.
    pub fn count(&self, standing: Standing) -> usize {
        self.places().count(standing)
    }

    fn places(&self) -> MutexGuard<'_, Places<CancellationToken>> {
        // Nothing under this lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, held until this is dropped.
#[derive(Debug)]
pub struct Admission {
    places: Admissions,
    id: Id,
    evicted: CancellationToken,
}

impl Admission {
    /// Resolves when the place was given to another connection. Cancel safe.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// The connection has made progress.
    pub fn step(&self) {
        self.places.places().step(self.id);
    }

    /// Changes the standing of the connection.
    ///
    /// # Errors
    /// When there is no such place; then the connection keeps the one it has.
    pub fn promote(&self, standing: Standing) -> Result<(), Full> {
        if let Some(other) = self.places.places().promote(self.id, standing)? {
            other.cancel();
        }
        Ok(())
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.places.places().leave(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_is_lost_once_and_freed_by_dropping() {
        let admissions = Admissions::new(Shares { strangers: 2, guests: 0, known: 1 });
        let address: IpAddr = [192, 0, 2, 1].into();
        let first = admissions.admit(address, Standing::Stranger).expect("a place");
        let second = admissions.admit(address, Standing::Stranger).expect("a place");
        first.evicted().await;
        assert_eq!(first.promote(Standing::Known), Err(Full::Everything), "it has none to give up");
        drop(first);
        assert_eq!(admissions.count(Standing::Stranger), 1);
        second.promote(Standing::Known).expect("a place");
        assert_eq!(admissions.admit(address, Standing::Known).map(drop), Err(Full::Address));
        drop(second);
        admissions.admit(address, Standing::Known).expect("it is free again");
    }
}
