//! Brute-force limiter (rate limiting by GCRA): one limiter for every door that asks for a key or a token.
//!
//! Three token buckets count each attempt: the bucket of this address at this place, of this address anywhere, and of
//! its network anywhere. An attempt takes one token from each bucket before the key is checked, and returns them unless
//! the key was wrong. While a bucket is empty, every attempt is refused, even with the right key, so that a refusal
//! tells an attacker nothing. Other clients behind the same address can go on at other places as long as the address's
//! bucket has tokens. Other addresses are not affected.
//!
//! | bucket | a second | at once | for |
//! |---|---|---|---|
//! | address and place | 1 | 10 | a person who mistypes, an encoder that tries again by itself |
//! | address | 10 | 100 | a school behind one address, whose room was made again with other keys |
//! | network (/24, /48) | 30 | 300 | an attacker who changes the address with every guess |
//!
//! From one network, guessing a key of eight random characters of 62 takes 230 000 years. A key of 128 bits, which this
//! server makes, cannot be guessed.

use std::{
    collections::HashMap,
    hash::BuildHasher,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use foldhash::fast::RandomState;

use super::prefix::{host, subnet};
use crate::base::{ParticipantId, RoomId};

/// Most buckets that are not full, about 60 bytes each. One network's own bucket bounds how many it can leave behind.
/// Beyond the limit, all further ones share one bucket, so that an attacker with many networks costs no memory.
const MAX_BUCKETS: usize = 65_536;

/// Time from the beginning of an attempt to its refusal: longer than the difference between an existing and a missing
/// room, so that the time reveals nothing, and shorter than anybody notices.
const REFUSAL: Duration = Duration::from_millis(50);

/// What a key or token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope<'a> {
    /// A participant's place, at any door.
    Publish(&'a RoomId, &'a ParticipantId),
    /// A room's program, at any door.
    Watch(&'a RoomId),
    Api,
    /// The callbacks of an SRS.
    Srs,
}

/// Capacity and refill rate of a bucket.
#[derive(Debug, Clone, Copy)]
struct Size {
    every: Duration,
    burst: u32,
}

const AT_PLACE: Size = Size { every: Duration::from_secs(1), burst: 10 };
const OF_ADDRESS: Size = Size { every: Duration::from_millis(100), burst: 100 };
const OF_NETWORK: Size = Size { every: Duration::from_millis(33), burst: 300 };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Bucket {
    Place(IpAddr, u64),
    Address(IpAddr),
    Network(IpAddr),
}

impl Bucket {
    fn size(self) -> Size {
        match self {
            Self::Place(..) => AT_PLACE,
            Self::Address(_) => OF_ADDRESS,
            Self::Network(_) => OF_NETWORK,
        }
    }

    /// The shared bucket for attempts that find no bucket of their own.
    fn shared(self) -> Self {
        let anybody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        match self {
            Self::Place(..) => Self::Place(anybody, 0),
            Self::Address(_) => Self::Address(anybody),
            Self::Network(_) => Self::Network(anybody),
        }
    }
}

/// Shortest time between two sweeps of full buckets, so that a flood does not cause one sweep per attempt.
const SWEEP: Duration = Duration::from_secs(1);

/// Every bucket that is not full. PURE.
#[derive(Debug, Default)]
struct Buckets {
    /// When each bucket will be full.
    full: HashMap<Bucket, Instant, RandomState>,
    swept: Option<Instant>,
}

impl Buckets {
    /// How long until the bucket has one token.
    fn wait(&self, bucket: Bucket, now: Instant) -> Duration {
        let Size { every, burst } = bucket.size();
        let full = self.full.get(&bucket).map_or(Duration::ZERO, |full| full.saturating_duration_since(now));
        full.saturating_sub(every * (burst - 1))
    }

    fn take(&mut self, bucket: Bucket, now: Instant) {
        let full = self.full.entry(bucket).or_insert(now);
        *full = (*full).max(now) + bucket.size().every;
    }

    fn give_back(&mut self, bucket: Bucket, now: Instant) {
        let Some(full) = self.full.get_mut(&bucket) else { return };
        match full.checked_sub(bucket.size().every).filter(|full| *full > now) {
            Some(earlier) => *full = earlier,
            None => drop(self.full.remove(&bucket)),
        }
    }

    /// The bucket itself, or the shared one.
    fn find(&mut self, bucket: Bucket, now: Instant) -> Bucket {
        if self.full.contains_key(&bucket) || self.full.len() < MAX_BUCKETS {
            return bucket;
        }
        if self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP) {
            self.full.retain(|_, full| *full > now);
            self.swept = Some(now);
        }
        if self.full.len() < MAX_BUCKETS { bucket } else { bucket.shared() }
    }
}

/// The limiter. Clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Guesses(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    buckets: Mutex<Buckets>,
    /// Seeded, so that nobody can construct two places that share a bucket.
    places: RandomState,
}

/// There were too many wrong attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts from this address were wrong; wait {} s, then try again", self.seconds())]
pub struct Limited(Duration);

impl Limited {
    /// Whole seconds, at least one, as in `Retry-After`.
    pub fn seconds(self) -> u64 {
        self.0.as_secs() + 1
    }
}

/// An attempt in progress. Dropping it counts as a wrong attempt: a client that hangs up before the answer has learned
/// nothing, and needs no refund.
#[derive(Debug)]
#[must_use = "an attempt that is dropped counts as a wrong one"]
pub struct Attempt {
    guesses: Guesses,
    taken: [Bucket; 3],
    began: Instant,
}

impl Guesses {
    /// Begins an attempt, before the key is checked.
    ///
    /// # Errors
    /// When this address may make no attempt there now.
    pub fn begin(&self, address: IpAddr, scope: Scope<'_>, now: Instant) -> Result<Attempt, Limited> {
        let place = self.0.places.hash_one(scope);
        let wanted =
            [Bucket::Place(host(address), place), Bucket::Address(host(address)), Bucket::Network(subnet(address))];
        let mut buckets = self.buckets();
        let taken = wanted.map(|bucket| buckets.find(bucket, now));
        match taken.iter().map(|bucket| buckets.wait(*bucket, now)).max().unwrap_or_default() {
            Duration::ZERO => {
                taken.iter().for_each(|bucket| buckets.take(*bucket, now));
                Ok(Attempt { guesses: self.clone(), taken, began: now })
            }
            wait => Err(Limited(wait)),
        }
    }

    /// Whether this address may make no attempt anywhere now.
    pub fn is_limited(&self, address: IpAddr, now: Instant) -> bool {
        let buckets = self.buckets();
        [Bucket::Address(host(address)), Bucket::Network(subnet(address))]
            .iter()
            .any(|bucket| !buckets.wait(*bucket, now).is_zero())
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        // A map is whole between its operations.
        self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// Ends the attempt: the key was right, or was not checked.
    pub fn forgive(self) {
        let now = Instant::now();
        let mut buckets = self.guesses.buckets();
        self.taken.iter().for_each(|bucket| buckets.give_back(*bucket, now));
    }

    /// Ends the attempt: the key was wrong. Returns when the refusal may be sent.
    pub async fn wrong(self) {
        tokio::time::sleep_until((self.began + REFUSAL).into()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    struct Case {
        guesses: Guesses,
        now: Instant,
        rooms: Vec<RoomId>,
    }

    impl Case {
        fn new() -> Self {
            let rooms = (0..400).map(|n| format!("r{n}").parse().expect("an id")).collect();
            Self { guesses: Guesses::default(), now: Instant::now(), rooms }
        }

        fn begin(&self, address: &str, room: usize) -> Result<Attempt, Limited> {
            let address = address.parse().expect("an address");
            self.guesses.begin(address, Scope::Watch(&self.rooms[room]), self.now)
        }

        /// How many of this many wrong attempts are checked.
        fn wrong(&self, address: &str, room: usize, count: usize) -> usize {
            (0..count).filter(|_| self.begin(address, room).map(drop).is_ok()).count()
        }
    }

    #[test]
    fn a_place_is_shut_for_the_guesser_alone() {
        let mut case = Case::new();
        assert_eq!(case.wrong("192.0.2.1", 0, 1000), 10);
        assert_eq!(case.begin("192.0.2.1", 0).map(drop).expect_err("shut").seconds(), 2);
        case.begin("192.0.2.1", 1).expect("others behind the address go on elsewhere").forgive();
        case.begin("192.0.2.2", 0).expect("other addresses are not concerned").forgive();
        case.now += SECOND;
        assert_eq!(case.wrong("192.0.2.1", 0, 1000), 1);
        case.now += 100 * SECOND;
        assert_eq!(case.wrong("192.0.2.1", 0, 1000), 10, "no more than the burst is saved up");
    }

    #[test]
    fn an_address_is_shut_everywhere_and_then_so_is_its_network() {
        let mut case = Case::new();
        assert_eq!((0..20).map(|room| case.wrong("192.0.2.1", room, 50)).sum::<usize>(), 100);
        assert!(case.begin("192.0.2.1", 30).is_err());
        let (one, other) = ("192.0.2.1".parse().expect("an address"), "192.0.2.2".parse().expect("an address"));
        assert!(case.guesses.is_limited(one, case.now) && !case.guesses.is_limited(other, case.now));
        case.now += SECOND;
        assert_eq!((30..60).map(|room| case.wrong("192.0.2.1", room, 1)).sum::<usize>(), 10);
        let network = (2..100).map(|host| case.wrong(&format!("192.0.2.{host}"), 0, 10)).sum::<usize>();
        assert!((200..=240).contains(&network), "{network}");
        assert!(case.begin("192.0.2.200", 0).is_err());
        case.begin("198.51.100.1", 0).expect("another network").forgive();
    }

    #[test]
    fn right_keys_cost_nothing_however_many() {
        let case = Case::new();
        for _ in 0..1000 {
            case.begin("192.0.2.1", 0).expect("right").forgive();
        }
        assert_eq!(case.guesses.buckets().full.len(), 0);
        assert_eq!(case.wrong("192.0.2.1", 0, 9), 9);
        for _ in 0..1000 {
            case.begin("192.0.2.1", 0).expect("right").forgive();
        }
        assert_eq!(case.wrong("192.0.2.1", 0, 9), 1, "and mend nothing");
    }

    #[test]
    fn many_at_once_get_no_further_than_one_after_the_other() {
        let case = Case::new();
        let under_way: Vec<_> = (0..1000).filter_map(|_| case.begin("192.0.2.1", 0).ok()).collect();
        assert_eq!(under_way.len(), 10);
    }

    #[test]
    fn a_flood_from_many_networks_costs_a_bound_of_memory() {
        let mut case = Case::new();
        for n in 0..60_000u32 {
            let address = IpAddr::V4(Ipv4Addr::from_bits((n << 8) | 1));
            let _ = case.guesses.begin(address, Scope::Api, case.now);
        }
        // The attempt that reaches the bound takes its three buckets, and there are three shared ones.
        assert!(case.guesses.buckets().full.len() <= MAX_BUCKETS + 6);
        assert!(case.begin("203.0.113.9", 0).is_err(), "who comes then shares what the flood has used up");
        case.now += 20 * SECOND;
        case.begin("203.0.113.9", 0).expect("it is over").forgive();
        // The buckets of the one attempt.
        assert!(case.guesses.buckets().full.len() <= 3);
    }

    #[tokio::test]
    async fn a_refusal_takes_as_long_whatever_was_wrong() {
        let begin = Instant::now();
        let room = "weekly".parse().expect("an id");
        let attempt = Guesses::default().begin([192, 0, 2, 1].into(), Scope::Watch(&room), begin);
        attempt.expect("the first").wrong().await;
        assert!(begin.elapsed() >= REFUSAL);
    }
}
