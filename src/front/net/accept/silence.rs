//! Tarpit: connections that lost their place are kept open for a while and served no more.
//!
//! An attacker opens another connection the moment one is closed. If evicted connections were closed at once, a flood
//! of two thousand would become thousands of connections a second, and an honest connection from the same address would
//! lose its place before its first request arrives. Kept open, each costs a descriptor and 2 KiB of the kernel's
//! memory, and the flood stands still.

use std::{
    io::{self, IoSlice},
    os::fd::{AsFd, BorrowedFd},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Semaphore,
};

use crate::base::tasks::Tasks;

/// How long a connection is kept: two thousand that return within this time are two hundred a second. An honest client
/// who lost the place also returns within it.
const SILENT: Duration = Duration::from_secs(10);

/// Smallest receive buffer of a socket that Linux accepts.
const LEAST_BUFFER: usize = 2304;

/// Number of further connections that may be kept; clones share it.
#[derive(Debug, Clone)]
pub struct Silence(Arc<Semaphore>);

impl Silence {
    /// Space for this many connections.
    pub fn new(connections: usize) -> Self {
        Self(Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))))
    }

    /// Keeps the connection open for a while, or closes it at once when there is no space. This is a task of its own,
    /// since the task that served the connection holds much more memory.
    pub fn keep(&self, line: Line, tasks: &Tasks) {
        let (silence, stop) = (self.clone(), tasks.clone());
        tasks.spawn("silenced", async move {
            tokio::select! {
                () = silence.hold(line) => {}
                () = stop.stopping() => {}
            }
        });
    }

    async fn hold(self, line: Line) {
        let Ok(_kept) = self.0.try_acquire() else { return };
        // Limits what the peer can still store in the kernel.
        let _ = SockRef::from(&line).set_recv_buffer_size(LEAST_BUFFER);
        tokio::time::sleep(SILENT).await;
    }
}

/// A TCP connection that outlives the task that serves it. Clones are the same connection; one at a time reads and
/// writes.
#[derive(Debug, Clone)]
pub struct Line(Arc<TcpStream>);

impl Line {
    pub fn new(stream: TcpStream) -> Self {
        Self(Arc::new(stream))
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(into.initialize_unfilled()) {
                Ok(count) => {
                    into.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Line {
    fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match write(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self).shutdown(std::net::Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    async fn pair() -> (Line, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
        (Line::new(server.expect("a client").0), client.expect("connected"))
    }

    #[tokio::test]
    async fn one_that_is_silenced_stays_open_and_one_too_many_is_closed() {
        let silence = Silence::new(1);
        let (first, mut held) = pair().await;
        let mut served = first.clone();
        served.write_all(b"hello").await.expect("it is open");
        drop(served);
        let kept = tokio::spawn(silence.clone().hold(first));
        let mut hello = [0; 5];
        held.read_exact(&mut hello).await.expect("what was sent before");
        while silence.0.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let (second, mut closed) = pair().await;
        silence.hold(second).await;
        assert_eq!(closed.read(&mut hello).await.expect("closed"), 0);
        let nothing = held.try_read(&mut hello).expect_err("it is open still");
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        kept.abort();
    }
}
