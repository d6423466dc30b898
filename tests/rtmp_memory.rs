//! Memory bound of unauthenticated RTMP peers, checked by counting every allocation.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tilecast::front::rtmp::{self, Limits};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Counts what this thread holds, and the most it held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    let held = HELD.get() + change;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

// SAFETY: every call goes to the system's allocator unchanged; the counters are plain cells that allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps `GlobalAlloc::alloc`'s contract, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above; `at` came from `System`.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A peer that sends the handshake, then `block` over and over, and reads its answers or does not.
#[derive(Debug)]
struct Flood {
    block: Vec<u8>,
    sent: usize,
    limit: usize,
    reads: bool,
}

const HANDSHAKE: usize = 1 + 2 * 1536;

impl AsyncRead for Flood {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while into.remaining() > 0 && self.sent < self.limit {
            let byte = match self.sent {
                0 => 3,
                at if at < HANDSHAKE => 0,
                at => self.block[(at - HANDSHAKE) % self.block.len()],
            };
            into.put_slice(&[byte]);
            self.sent += 1;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // The answer to the handshake is always taken.
        if self.reads || self.sent <= HANDSHAKE { Poll::Ready(Ok(bytes.len())) } else { Poll::Pending }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn chunk(id: u8, kind: u8, length: usize, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id, 0, 0, 0];
    bytes.extend(&(length as u32).to_be_bytes()[1..]);
    bytes.extend([kind, 0, 0, 0, 0]);
    bytes.extend(payload);
    bytes
}

/// A command of as many small values in as many objects as one may have, and text to its longest.
fn fat(name: &str) -> Vec<u8> {
    let mut payload = vec![2, 0, name.len() as u8];
    payload.extend(name.as_bytes());
    payload.extend(b"\x00\x3f\xf0\0\0\0\0\0\0");
    for _ in 0..46 {
        payload.extend(b"\x03\x00\x01a\x05\x00\x00\x09");
    }
    payload.extend([2, 0x1d, 0x4c]);
    payload.extend([b'x'; 7_500]);
    chunk(3, 20, payload.len(), &payload)
}

/// A `connect` with addresses as long as any that are kept.
fn connect() -> Vec<u8> {
    let mut payload = b"\x02\x00\x07connect\x00\x3f\xf0\0\0\0\0\0\0\x03".to_vec();
    for name in ["app", "tcUrl"] {
        payload.extend([0, name.len() as u8]);
        payload.extend(name.as_bytes());
        payload.extend([2, 8, 0]);
        payload.extend([b'x'; 2048]);
    }
    payload.extend([0, 0, 9]);
    chunk(3, 20, payload.len(), &payload)
}

#[test]
fn a_stranger_costs_64_kib_at_most() {
    let chunk_size = chunk(2, 1, 4, &(1u32 << 20).to_be_bytes());
    let halves: Vec<u8> = (0..30).flat_map(|i| chunk(4 + i, 9, 500, &[0; 128])).collect();
    let floods = [
        ("pings", [chunk_size.clone(), chunk(2, 4, 6, &[0, 6, 0, 0, 0, 0])].concat()),
        ("a fat connect", [chunk_size.clone(), fat("connect")].concat()),
        ("a connect and fat commands", [chunk_size.clone(), connect(), fat("nothing").repeat(100)].concat()),
        ("half messages", halves),
        ("the longest message", [chunk_size, chunk(3, 9, 8_192, &[7; 8_192])].concat()),
        ("noise", (0..=255).collect()),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    // Only a peer that does not read makes the test wait for this.
    let limits = Limits { greeting: Duration::from_millis(100), ..Limits::default() };
    for (name, block) in floods {
        for reads in [true, false] {
            let peer = Flood { block: block.clone(), sent: 0, limit: 1 << 20, reads };
            let before = HELD.get();
            MOST.set(before);
            let accept = Box::pin(rtmp::accept(peer, &limits));
            let asked = runtime.block_on(accept);
            let most = MOST.get() - before;
            assert!(asked.is_err(), "{name} asks for nothing");
            assert!(most <= 64 << 10, "{name}, reads {reads}: {most} bytes");
            println!("{name}, reads {reads}: {most} bytes");
        }
    }
}
