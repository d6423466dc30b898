//! Taking connections, for every listener alike: admission and its limits.
//!
//! **The rules.** Each listener has places ([`places`]) of three kinds, and none takes another's:
//!
//! | standing | who | full |
//! |---|---|---|
//! | stranger | has shown nothing yet | a newcomer always gets in, and one stranger goes for it |
//! | guest | no key, but is served what everybody may have: the program of an open room | refused, unless another network has more |
//! | known | has shown a right key or token | refused |
//!
//! - **One address may have half** of a kind's places (an IPv6 address is its /64), **and its network** (/24, /48) **three quarters**. So
//!   no address and no network can have what all share. The shares are wide because one address may be a school, a relay or a
//!   proxy with hundreds of honest people behind it.
//! - **Which stranger goes**: of an address or network that has its share, one of its own; when all places are taken, one of the address that
//!   has most, so that whoever holds many pays before whoever holds one. Of these it is the one that came no step further
//!   for longest ([`Admission::step`]: a handshake that is complete, a request that is whole). A connection that is merely held is
//!   therefore first, and an honest client, which goes on with each round trip, outlives a crowd that does not. Its connection is
//!   served no more, and closed a while [later](silence).
//! - **A guest never goes for one of its own address**: many viewers behind one address do not throw each other out. When all guests'
//!   places are taken, the youngest of the network with most goes for a network with fewer.
//! - **Who has shown a key never goes**, and finds places of its own. Health checks come as strangers, so they always get in.
//!
//! **The numbers** are in [`descriptors`], as they follow from how many descriptors this process may have. How long a stranger may
//! take is each protocol's own limit, and shorter than anybody needs.
//!
//! Owns no task: whoever holds an [`Admission`] ends when it is [evicted](Admission::evicted). Dropping it frees the place.

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

/// Pause after the system refuses to accept, such as when descriptors have run out, an error that would repeat at once: long
/// enough for one to be closed, short enough not to be noticed.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections that may wait in the kernel to be taken: as many as come while this process gets no processor for a tenth of a second
/// in a flood. One that finds the queue full is tried again by its client's kernel a second later.
const BACKLOG: u32 = 4096;

/// Listens at `address`.
///
/// # Errors
/// When the address is taken or not this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port whose last connections are not quite forgotten is free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The next connection, however long the system refuses one; `what` is what the log calls it. Cancel safe.
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

    /// A place for a newcomer; whoever has to go for it is told.
    ///
    /// # Errors
    /// When there is none.
    pub fn admit(&self, address: IpAddr, standing: Standing) -> Result<Admission, Full> {
        let evicted = CancellationToken::new();
        let Given { id, evicted: other } = self.places().admit(address, standing, evicted.clone())?;
        if let Some(other) = other {
            other.cancel();
        }
        Ok(Admission { places: self.clone(), id, evicted })
    }

    /// How many of a standing are in.
    pub fn count(&self, standing: Standing) -> usize {
        self.places().count(standing)
    }

    fn places(&self) -> MutexGuard<'_, Places<CancellationToken>> {
        // Nothing under this lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, until dropped.
#[derive(Debug)]
pub struct Admission {
    places: Admissions,
    id: Id,
    evicted: CancellationToken,
}

impl Admission {
    /// Resolves when the place was given to another. Cancel safe.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// The connection came a step further.
    pub fn step(&self) {
        self.places.places().step(self.id);
    }

    /// The connection has another standing from now on.
    ///
    /// # Errors
    /// When there is no such place; then it keeps the one it has.
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
