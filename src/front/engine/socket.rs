//! Split socket of a worker: a read half and a write half, of which neither wakes the front for the other's events.
//!
//! Tokio's own halves share one registration, which also waits for space to write. Every packet that a worker reads
//! makes space, so it woke the front for nothing: 240 times a second with four people, two in five of all its wake-ups.

use std::{
    io::{self, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::AsyncWrite,
    net::unix::pipe::{Receiver, Sender},
};

/// The write half. Dropping it ends that direction only.
#[derive(Debug)]
pub(super) struct Writer {
    socket: UnixStream,
    /// A registration of the same socket, held while it is full.
    full: Option<Sender>,
}

/// Both halves, to be made within the runtime. Tokio registers pipe ends for one direction only; they use read(2) and
/// write(2), which work on a socket as well.
pub(super) fn halves(socket: UnixStream) -> io::Result<(Receiver, Writer)> {
    socket.set_nonblocking(true)?;
    let reader = Receiver::from_owned_fd_unchecked(socket.try_clone()?.into())?;
    Ok((reader, Writer { socket, full: None }))
}

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let Self { socket, full } = self.get_mut();
        if full.is_none() {
            match socket.write(data) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
        let waiting = match full {
            Some(waiting) => waiting,
            None => full.insert(Sender::from_owned_fd_unchecked(socket.try_clone()?.into())?),
        };
        let written = Pin::new(waiting).poll_write(context, data);
        if written.is_ready() {
            *full = None;
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.shutdown(Shutdown::Write))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It only fails when the worker has gone.
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_full_socket_is_waited_for_and_nothing_is_lost() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let ((mut reader, mut writer), sent) = (halves(ours).expect("halves"), vec![7u8; 4 << 20]);
        let expected = sent.clone();
        let writing = tokio::spawn(async move {
            writer.write_all(&sent).await.expect("it takes everything");
        });
        // Only when the writer waits does the other task read.
        tokio::task::yield_now().await;
        let answered = tokio::task::spawn_blocking(move || {
            let mut got = Vec::new();
            (&theirs).read_to_end(&mut got).expect("it is readable");
            (&theirs).write_all(b"thanks").expect("the other direction is open");
            got
        });
        writing.await.expect("written");
        assert!(answered.await.expect("read") == expected);
        let mut thanks = Vec::new();
        reader.read_to_end(&mut thanks).await.expect("it is readable");
        assert_eq!(thanks, b"thanks");
    }
}
