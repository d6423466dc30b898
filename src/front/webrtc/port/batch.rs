//! Datagrams on their way out, packed so that the kernel takes a frame's worth in one call. PURE.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use str0m::net::{Protocol, Transmit};

/// Most bytes of one packed send: below the 65 507 of an IPv4 datagram, which the kernel takes for the limit.
const MOST_BYTES: usize = 60_000;

/// Datagrams of one size to one address, one behind the other; the last may be shorter.
#[derive(Debug)]
pub struct Run {
    /// Where to.
    pub destination: SocketAddr,
    /// Size of each but the last, bytes.
    pub size: usize,
    /// All of them.
    pub bytes: Vec<u8>,
    closed: bool,
}

/// What a session sends in one go.
#[derive(Debug, Default)]
pub struct Batch {
    /// By UDP, in order.
    pub runs: Vec<Run>,
    /// By TCP, in order.
    pub frames: Vec<(SocketAddr, Bytes)>,
    /// Which of our addresses to send from, where there are several.
    pub source: Option<IpAddr>,
    /// Where the last of them goes, if that is by TCP.
    pub line: Option<SocketAddr>,
    most: usize,
}

impl Batch {
    /// Packs at most `most` datagrams into one send, as the kernel can.
    pub fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Adds a datagram.
    pub fn push(&mut self, transmit: &Transmit) {
        let bytes: &[u8] = &transmit.contents;
        self.line = (transmit.proto != Protocol::Udp).then_some(transmit.destination);
        if transmit.proto != Protocol::Udp {
            self.frames.push((transmit.destination, Bytes::copy_from_slice(bytes)));
            return;
        }
        let most = self.most;
        let fits = |run: &Run| {
            !run.closed
                && run.destination == transmit.destination
                && bytes.len() <= run.size
                && run.bytes.len() + bytes.len() <= MOST_BYTES
                && run.bytes.len() / run.size < most
        };
        match self.runs.last_mut().filter(|run| fits(run)) {
            Some(run) => {
                run.bytes.extend_from_slice(bytes);
                run.closed = bytes.len() < run.size;
            }
            None => self.runs.push(Run {
                destination: transmit.destination,
                size: bytes.len().max(1),
                bytes: bytes.to_vec(),
                closed: false,
            }),
        }
    }

    /// True when there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.frames.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(port: u16, size: usize) -> Transmit {
        let address = |port| SocketAddr::from(([192, 0, 2, 1], port));
        Transmit {
            proto: Protocol::Udp,
            source: address(1),
            destination: address(port),
            contents: vec![7; size].into(),
        }
    }

    #[test]
    fn equal_sizes_to_one_address_go_together() {
        let mut batch = Batch::new(4);
        for (port, size) in [(1, 100), (1, 100), (1, 60), (1, 60), (2, 60), (2, 80), (2, 80), (2, 80), (2, 80), (2, 80)]
        {
            batch.push(&datagram(port, size));
        }
        let runs: Vec<_> = batch.runs.iter().map(|run| (run.destination.port(), run.size, run.bytes.len())).collect();
        assert_eq!(runs, [(1, 100, 260), (1, 60, 60), (2, 60, 60), (2, 80, 320), (2, 80, 80)]);
    }
}
