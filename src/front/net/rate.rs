//! Rate limiting (GCRA) by client address.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::keyed::DashMapStateStore,
};

use super::prefix;

/// Most addresses that are remembered, about 100 bytes each. Beyond it, all further ones share one allowance, so that
/// an attacker with many addresses gains nothing by them and costs no memory.
const MAX_ADDRESSES: usize = 16_384;
/// Requests between two sweeps of addresses whose allowance is full again.
const SWEEP_EVERY: u64 = 1024;

/// The allowance of one address: a burst, and a rate after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests a second, on average.
    pub per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

impl Allowance {
    /// Default for requests: several times what a meeting system needs to set up a room at once, and a console to poll.
    pub const REQUESTS: Self = Self::new(50, 100);
    /// For connections of an address that guesses keys: other people behind it are still served now and then.
    pub const TURNSTILE: Self = Self::new(5, 10);

    const fn new(per_second: u32, burst: u32) -> Self {
        let (Some(per_second), Some(burst)) = (NonZeroU32::new(per_second), NonZeroU32::new(burst)) else {
            panic!("an allowance is at least 1")
        };
        Self { per_second, burst }
    }
}

/// Token buckets (GCRA) by client address.
pub struct Rates<C: Clock = DefaultClock> {
    limiter: RateLimiter<IpAddr, DashMapStateStore<IpAddr>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    asked: AtomicU64,
}

impl<C: Clock> fmt::Debug for Rates<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rates").finish_non_exhaustive()
    }
}

impl Rates {
    /// The same allowance for every address.
    pub fn new(allowance: Allowance) -> Self {
        Self::with_clock(allowance, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Rates<C> {
    fn with_clock(allowance: Allowance, clock: C) -> Self {
        let quota = Quota::per_second(allowance.per_second).allow_burst(allowance.burst);
        let limiter = RateLimiter::new(quota, DashMapStateStore::default(), clock.clone());
        Self { limiter, clock, asked: AtomicU64::new(0) }
    }

    /// Takes one request from the address's allowance, or returns how long to wait.
    pub fn take(&self, address: IpAddr) -> Result<(), Duration> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let crowded = self.limiter.len() >= MAX_ADDRESSES;
        let key = if crowded { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { prefix::host(address) };
        self.limiter.check_key(&key).map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

/// Whole seconds for `Retry-After`, at least one.
pub fn retry_after(wait: Duration) -> u64 {
    wait.as_secs() + 1
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn rates() -> (Rates<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Rates::with_clock(Allowance::new(2, 3), clock.clone()), clock)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_burst_then_a_rate_for_each_address_alone() {
        let (rates, clock) = rates();
        let taken = |address| (0..5).filter(|_| rates.take(ip(address)).is_ok()).count();
        assert_eq!(taken("192.0.2.1"), 3);
        assert_eq!(taken("192.0.2.2"), 3);
        assert_eq!(taken("2001:db8::1"), 3);
        assert_eq!(taken("2001:db8::2"), 0, "the same /64");
        assert_eq!(taken("::ffff:192.0.2.1"), 0, "the same IPv4 address");
        assert_eq!(rates.take(ip("192.0.2.1")), Err(Duration::from_millis(500)));
        clock.advance(Duration::from_secs(1));
        assert_eq!(taken("192.0.2.1"), 2);
    }

    #[test]
    fn many_addresses_cost_a_bound_of_memory_and_gain_nothing() {
        let (rates, clock) = rates();
        for i in 0..MAX_ADDRESSES as u32 * 2 {
            let _ = rates.take(IpAddr::V4(Ipv4Addr::from_bits(i + 1)));
        }
        assert!(rates.limiter.len() <= MAX_ADDRESSES + 1, "{}", rates.limiter.len());
        assert!(rates.take(ip("203.0.113.9")).is_err());
        clock.advance(Duration::from_secs(60));
        for _ in 0..=SWEEP_EVERY {
            let _ = rates.take(ip("203.0.113.9"));
        }
        assert!(rates.limiter.len() < 3, "{}", rates.limiter.len());
    }
}
