//! Taking connections, for every listener alike.

use std::{net::SocketAddr, time::Duration};

use tokio::net::{TcpListener, TcpStream};

/// Pause after the system refuses to accept, such as when descriptors have run out, an error that would repeat at once: long
/// enough for one to be closed, short enough not to be noticed.
const PAUSE: Duration = Duration::from_millis(100);

/// The next connection, however long the system refuses one; `what` is what the log calls it. Cancel safe.
pub(super) async fn next(listener: &TcpListener, what: &str) -> (TcpStream, SocketAddr) {
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
