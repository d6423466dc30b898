//! Low-delay TCP for outgoing media: written bytes are sent soon, or are not accepted.
//!
//! By default the kernel accepts 4 MiB of a connection, which is 13 s of a program at 2.5 Mbit/s. Accepted bytes can no
//! longer be dropped, and a peer that stands still is noticed only when the kernel accepts no more. So the kernel may
//! hold little unsent data (`TCP_NOTSENT_LOWAT`) and little data altogether (`SO_SNDBUF`), by the rate at which bytes
//! leave.

use std::{
    io::{self, IoSlice},
    os::fd::AsFd,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Most unsent bytes in the kernel: a frame or two of a usual program, so that the line is still busy at the next
/// wake-up. The kernel may exceed this by one segment.
const UNSENT: u32 = 16 << 10;

/// A peer that acknowledges nothing for this long is gone (`TCP_USER_TIMEOUT`). The front waits equally long for media.
/// A sender of media notices sooner, since the kernel accepts no more.
const GONE: Duration = Duration::from_secs(15);

/// How long bytes are counted before the kernel's buffer is set by the result.
const WINDOW: Duration = Duration::from_secs(2);

/// Time that the kernel's buffer holds, sent and not acknowledged. It is longer than any round trip, so that it never
/// limits the rate.
const HELD: Duration = Duration::from_millis(500);

/// Smallest buffer, bytes: a round trip of 300 ms at 1.7 Mbit/s; from there the rate grows with each window.
const LEAST: usize = 64 << 10;

/// Largest buffer that Linux grants without configuration (`net.core.wmem_max`). Where more is needed, the kernel's own
/// choice is better.
const MOST: usize = 212_992;

/// A TCP connection with these settings.
#[derive(Debug)]
pub struct LowDelay<S = TcpStream> {
    stream: S,
    share: Share,
}

impl<S: AsFd> LowDelay<S> {
    /// Takes over a connection. `TCP_NODELAY` is set too, since packets are small and late ones are worthless.
    pub fn new(stream: S) -> Self {
        prepare(&stream);
        Self { stream, share: Share::new(Instant::now()) }
    }

    fn wrote(&mut self, bytes: usize) {
        if let Some(size) = self.share.wrote(bytes, Instant::now()) {
            // As with all of these settings, the connection works without it.
            let _ = SockRef::from(&self.stream).set_send_buffer_size(size);
        }
    }
}

/// Sets what does not depend on the rate.
pub fn prepare(stream: &impl AsFd) {
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    let _ = socket.set_tcp_user_timeout(Some(GONE));
}

/// The size of the kernel's buffer, by the written bytes. PURE.
#[derive(Debug)]
struct Share {
    since: Instant,
    bytes: usize,
    /// The size that was set.
    set: Option<usize>,
}

impl Share {
    fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0, set: None }
    }

    /// Counts written bytes; returns the new size of the buffer if it changes.
    fn wrote(&mut self, bytes: usize, now: Instant) -> Option<usize> {
        self.bytes += bytes;
        let passed = now.saturating_duration_since(self.since);
        if passed < WINDOW {
            return None;
        }
        let held = self.bytes as f64 * HELD.as_secs_f64() / passed.as_secs_f64();
        (self.since, self.bytes) = (now, 0);
        let wanted = (held as usize).max(LEAST);
        if wanted > MOST && self.set.is_none() {
            return None;
        }
        let wanted = wanted.min(MOST);
        // The rate of a steady stream is never quite the same.
        let near = self.set.is_some_and(|set| wanted.abs_diff(set) < set / 4);
        if near {
            return None;
        }
        self.set = Some(wanted);
        self.set
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LowDelay<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + AsFd + Unpin> AsyncWrite for LowDelay<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.wrote(wrote);
        Poll::Ready(Ok(wrote))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        self.wrote(wrote);
        Poll::Ready(Ok(wrote))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_holds_half_a_second_of_the_rate() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut share = Share::new(begin);
        assert_eq!(share.wrote(600_000, after(1)), None, "a cached GOP at once says nothing of the rate");
        assert_eq!(share.wrote(25_000, after(2)), Some(156_250));
        assert_eq!(share.wrote(500_000, after(4)), None, "nearly the same");
        assert_eq!(share.wrote(75_000, after(6)), Some(LEAST));
        assert_eq!(share.wrote(5_000_000, after(8)), Some(MOST));
        let mut quick = Share::new(begin);
        assert_eq!(quick.wrote(5_000_000, after(2)), None, "the kernel finds more than it would grant");
    }

    #[tokio::test]
    async fn a_peer_that_reads_nothing_is_noticed_after_little() {
        use tokio::{io::AsyncWriteExt, net::TcpListener, time::timeout};

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let (out, silent) = tokio::join!(TcpStream::connect(address), listener.accept());
        let _silent = silent.expect("a peer");
        let mut out = LowDelay::new(out.expect("connected"));
        let mut taken = 0;
        while let Ok(wrote) = timeout(Duration::from_millis(300), out.write(&[0; 8192])).await {
            taken += wrote.expect("the peer is there");
        }
        // The peer's own kernel holds 64 KiB and more of it, which cannot be influenced here.
        assert!(taken < 1 << 20, "{taken} bytes");
    }
}
