//! File descriptor budget: how many descriptors this process may open, and each listener's share.
//!
//! Half of them are for incoming connections, distributed as in `FULL`, or proportionally less where that is more than
//! half. An eighth is for connections that lost their place (`silence`). The rest is for the front itself: workers
//! (eight each, five more for a moment while one starts), pulls and pushes (two each), the state folder, Docker. So no
//! flood of strangers can prevent the restart of a worker.

use std::fmt;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::places::Shares;

/// Fewest descriptors to work with: a room with its worker, some pulls and pushes, and a few people at each listener.
pub const FEWEST: u64 = 128;

/// Most descriptors that are useful: every listener then has all its places, and 256 rooms with their workers, pulls
/// and pushes have the other half.
const MOST: u64 = 1 << 16;

/// Places of each listener. A stranger costs up to 32 KiB at HTTP (a request's head), up to 64 KiB at RTMP, 4 KiB at
/// ICE-TCP and about 50 KiB at the workers' door (TLS): 110 MiB if all came at once. RTMP guests are as many as a line
/// of 2 Gbit/s carries. Known clients get the same number again, so that a server full of viewers still accepts
/// publishers and requests.
const FULL: Limits = Limits {
    http: Shares { strangers: 1024, guests: 0, known: 1024 },
    rtmp: Shares { strangers: 1024, guests: 1024, known: 1024 },
    webrtc_tcp: Shares { strangers: 256, guests: 256, known: 256 },
    workers: Shares { strangers: 256, guests: 0, known: 0 },
    silenced: 4096,
};

/// The limits of each listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub http: Shares,
    pub rtmp: Shares,
    pub webrtc_tcp: Shares,
    /// The door for workers and other fronts, until they have authenticated.
    pub workers: Shares,
    /// Connections of HTTP that lost their place and are kept open for a while; as many again of RTMP.
    pub silenced: usize,
}

/// Too few descriptors to work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this process may open {0} files and sockets, and needs {FEWEST} at the least; raise the limit (ulimit -n, LimitNOFILE of systemd, \
     --ulimit nofile of Docker)"
)]
pub struct TooFew(u64);

impl Default for Limits {
    fn default() -> Self {
        FULL
    }
}

impl Limits {
    /// The limits for this many descriptors. A connection that another front answers takes two, so with `several`
    /// fronts each counts twice.
    ///
    /// # Errors
    /// When there are too few descriptors.
    pub fn of(descriptors: u64, several: bool) -> Result<Self, TooFew> {
        if descriptors < FEWEST {
            return Err(TooFew(descriptors));
        }
        let each = if several { 2 } else { 1 };
        let usable = usize::try_from(descriptors.min(MOST)).unwrap_or(usize::MAX);
        let half = usable / 2;
        let wanted = FULL.connections() * each;
        let scaled = |places: usize| if half >= wanted { places } else { places * half / wanted };
        let shares = FULL.map(|Shares { strangers, guests, known }| Shares {
            strangers: scaled(strangers),
            guests: scaled(guests),
            known: scaled(known),
        });
        Ok(Self { silenced: FULL.silenced.min(usable / 16), ..shares })
    }

    /// Connections of all listeners together.
    pub const fn connections(&self) -> usize {
        self.http.total() + self.rtmp.total() + self.webrtc_tcp.total() + self.workers.total()
    }

    fn map(self, each: impl Fn(Shares) -> Shares) -> Self {
        let Self { http, rtmp, webrtc_tcp, workers, silenced } = self;
        Self { http: each(http), rtmp: each(rtmp), webrtc_tcp: each(webrtc_tcp), workers: each(workers), silenced }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { http, rtmp, webrtc_tcp, workers, silenced: _ } = self;
        let all = [("HTTP", http), ("RTMP", rtmp), ("WebRTC by TCP", webrtc_tcp), ("workers", workers)];
        for (index, (name, Shares { strangers, guests, known })) in all.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {strangers} strangers, {guests} guests, {known} known")?;
        }
        Ok(())
    }
}

/// Raises the soft limit of descriptors to the hard limit, and returns the result. Many systems give 1024 for the sake
/// of programs that use select(2), which this program does not.
pub fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` means no limit.
    let most = maximum.unwrap_or(u64::MAX);
    if current.is_none_or(|current| current >= most) {
        return current.unwrap_or(u64::MAX);
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => most,
        Err(error) => {
            tracing::warn!("the limit on open files cannot be raised to {most}: {error}");
            current.unwrap_or(most)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_descriptors_stay_for_workers() {
        for (descriptors, several) in
            [(128, false), (128, true), (256, false), (1024, true), (20_000, true), (u64::MAX, true)]
        {
            let limits = Limits::of(descriptors, several).expect("enough");
            let each = if several { 2 } else { 1 };
            assert!((limits.connections() * each) as u64 <= descriptors / 2, "{descriptors} {limits:?}");
            assert!(2 * limits.silenced as u64 <= descriptors / 8, "{descriptors} {limits:?}");
            for shares in [limits.http, limits.rtmp] {
                assert!(shares.strangers >= 3 && shares.known >= 3, "{descriptors} {limits:?}");
            }
        }
        assert_eq!(Limits::of(1 << 20, true), Ok(FULL));
        assert!(Limits::of(100, false).is_err_and(|error| error.to_string().contains("ulimit -n")));
    }
}
