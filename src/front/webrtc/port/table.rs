//! Which session a datagram is for. PURE.
//!
//! A client's checks bear the session's name; everything else is told by the address that such a check came from. An address
//! belongs to the session that claimed it until that has been silent there, so that nobody can take another's by forging it.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{super::bucket::Bucket, stun};

/// Addresses remembered of one session: a client's interfaces and relays, on both protocols, several times over.
const MAX_ADDRESSES: usize = 16;

/// Silence after which an address may be claimed by another session: a client that was cut off and came back through the same
/// hole in its router within this time waits for so long.
const SILENCE: Duration = Duration::from_secs(3);

/// Addresses that a session may be at over time, before its client restarts ICE. The stack remembers each, and looks through
/// them; a client that moved every minute would get there after four hours.
const MAX_MOVES: u32 = 256;

/// Names of one session: the present ICE credentials', and those before, under which checks are still under way.
const MAX_NAMES: usize = 2;

/// A session's number.
pub type Id = u64;

/// Where something comes from: an address, and whether it is a TCP connection's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The peer's address.
    pub address: SocketAddr,
    /// True for a TCP connection.
    pub tcp: bool,
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    names: VecDeque<String>,
    addresses: VecDeque<Origin>,
    /// Addresses that it was at by its present name.
    moves: u32,
    /// What it may still be sent.
    datagrams: Bucket,
}

#[derive(Debug, Clone, Copy)]
struct Claim {
    id: Id,
    heard: Instant,
}

impl<T> Entry<T> {
    fn take(&mut self, now: Instant) -> Option<&T> {
        self.datagrams.take(1, now).then_some(&self.value)
    }
}

/// See the module; `T` is what a session is reached by.
#[derive(Debug)]
pub struct Table<T> {
    sessions: HashMap<Id, Entry<T>>,
    names: HashMap<String, Id>,
    claims: HashMap<Origin, Claim>,
    next: Id,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { sessions: HashMap::new(), names: HashMap::new(), claims: HashMap::new(), next: 0 }
    }
}

impl<T> Table<T> {
    /// Adds a session that may be sent so many datagrams.
    pub fn add(&mut self, name: String, value: T, datagrams: Bucket) -> Id {
        let id = self.next;
        self.next += 1;
        let entry = Entry { value, names: VecDeque::new(), addresses: VecDeque::new(), moves: 0, datagrams };
        self.sessions.insert(id, entry);
        self.name(id, name);
        id
    }

    /// Gives a session a further name.
    pub fn name(&mut self, id: Id, name: String) {
        let Some(entry) = self.sessions.get_mut(&id) else { return };
        if entry.names.len() >= MAX_NAMES
            && let Some(old) = entry.names.pop_front()
        {
            self.names.remove(&old);
        }
        entry.names.push_back(name.clone());
        entry.moves = 0;
        self.names.insert(name, id);
    }

    /// Forgets a session.
    pub fn remove(&mut self, id: Id) {
        let Some(entry) = self.sessions.remove(&id) else { return };
        entry.names.iter().for_each(|name| _ = self.names.remove(name));
        for origin in &entry.addresses {
            if self.claims.get(origin).is_some_and(|claim| claim.id == id) {
                self.claims.remove(origin);
            }
        }
    }

    /// The session that a datagram is for; `None` for noise, and for what is more than a session may be sent.
    pub fn route(&mut self, from: Origin, datagram: &[u8], now: Instant) -> Option<&T> {
        let named = stun::ufrag(datagram).map(|name| self.names.get(name).copied());
        let id = match (named, self.claims.get_mut(&from)) {
            // A check by a name that nobody has.
            (Some(None), _) => return None,
            (Some(Some(id)), Some(claim)) if claim.id != id && now.saturating_duration_since(claim.heard) < SILENCE => {
                return None;
            }
            (Some(Some(id)), claim) if claim.as_ref().is_none_or(|claim| claim.id != id) => {
                self.claim(id, from, now)?;
                id
            }
            (_, Some(claim)) => {
                claim.heard = now;
                claim.id
            }
            (_, None) => return None,
        };
        self.sessions.get_mut(&id).and_then(|entry| entry.take(now))
    }

    /// The only session there is.
    pub fn sole(&mut self, now: Instant) -> Option<&T> {
        self.sessions.values_mut().next().and_then(|entry| entry.take(now))
    }

    fn claim(&mut self, id: Id, from: Origin, now: Instant) -> Option<()> {
        let entry = self.sessions.get_mut(&id).filter(|entry| entry.moves < MAX_MOVES)?;
        entry.moves += 1;
        if entry.addresses.len() >= MAX_ADDRESSES
            && let Some(old) = entry.addresses.pop_front()
            && self.claims.get(&old).is_some_and(|claim| claim.id == id)
        {
            self.claims.remove(&old);
        }
        entry.addresses.push_back(from);
        self.claims.insert(from, Claim { id, heard: now });
        Some(())
    }

    /// How many sessions, names and addresses are remembered.
    #[cfg(test)]
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.sessions.len(), self.names.len(), self.claims.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: Bucket = Bucket::new(10_000, 10_000);
    const NOISE: &[u8] = &[0x80, 96, 1, 2, 3];

    fn check(name: &str) -> Vec<u8> {
        let user = format!("{name}:x");
        let padded = user.len().next_multiple_of(4);
        let mut datagram = [&[0, 1, 0, (padded + 4) as u8, 0x21, 0x12, 0xa4, 0x42][..], &[0; 12]].concat();
        datagram.extend([0, 6, 0, user.len() as u8]);
        datagram.extend(user.bytes());
        datagram.resize(24 + padded, 0);
        datagram
    }

    fn from(port: u16) -> Origin {
        Origin { address: SocketAddr::from(([192, 0, 2, 1], port)), tcp: false }
    }

    #[test]
    fn an_address_follows_the_check_that_came_from_it() {
        let now = Instant::now();
        let mut table = Table::default();
        let alice = table.add("alice".to_owned(), 'a', MANY);
        table.add("bob".to_owned(), 'b', MANY);
        assert_eq!(table.route(from(1), NOISE, now), None);
        assert_eq!(table.route(from(1), &check("nobody"), now), None);
        assert_eq!(table.route(from(1), &check("alice"), now), Some(&'a'));
        assert_eq!(table.route(from(1), NOISE, now), Some(&'a'));
        assert_eq!(
            table.route(Origin { tcp: true, ..from(1) }, NOISE, now),
            None,
            "the other protocol is another address"
        );
        table.name(alice, "again".to_owned());
        assert_eq!(table.route(from(2), &check("again"), now), Some(&'a'));
        table.remove(alice);
        assert_eq!(table.route(from(1), NOISE, now), None);
        assert_eq!(table.sizes(), (1, 1, 0));
    }

    #[test]
    fn an_address_in_use_is_not_taken() {
        let now = Instant::now();
        let mut table = Table::default();
        table.add("alice".to_owned(), 'a', MANY);
        table.add("mallory".to_owned(), 'm', MANY);
        table.route(from(1), &check("alice"), now);
        let later = now + Duration::from_secs(2);
        assert_eq!(table.route(from(1), NOISE, later), Some(&'a'));
        assert_eq!(table.route(from(1), &check("mallory"), later), None);
        assert_eq!(table.route(from(1), NOISE, later), Some(&'a'));
        assert_eq!(table.route(from(1), &check("mallory"), later + SILENCE), Some(&'m'), "nobody is there any more");
    }

    #[test]
    fn one_session_costs_a_bound_of_memory() {
        let now = Instant::now();
        let mut table = Table::default();
        let id = table.add("alice".to_owned(), 'a', MANY);
        for port in 1..1000 {
            table.route(from(port), &check("alice"), now);
            table.name(id, format!("name{port}"));
            table.route(from(port), &check(&format!("name{port}")), now);
        }
        assert_eq!(table.sizes(), (1, MAX_NAMES, MAX_ADDRESSES));
        assert_eq!(table.route(from(999), NOISE, now), Some(&'a'));
        assert_eq!(table.route(from(2), NOISE, now), None);
    }

    #[test]
    fn a_client_that_is_everywhere_is_heard_no_more_until_it_restarts() {
        let now = Instant::now();
        let mut table = Table::default();
        let id = table.add("alice".to_owned(), 'a', MANY);
        let heard = |table: &mut Table<char>, name: &str| {
            (1..1000).filter(|port| table.route(from(*port), &check(name), now).is_some()).count()
        };
        assert_eq!(heard(&mut table, "alice"), MAX_MOVES as usize);
        assert_eq!(table.route(from(MAX_MOVES as u16), NOISE, now), Some(&'a'), "where it was last it is still");
        table.name(id, "again".to_owned());
        assert_eq!(heard(&mut table, "again"), MAX_MOVES as usize);
    }

    #[test]
    fn a_flood_reaches_nobody() {
        let now = Instant::now();
        let mut table = Table::default();
        table.add("alice".to_owned(), 'a', Bucket::new(100, 200));
        let reached = (0..1000).filter(|_| table.route(from(1), &check("alice"), now).is_some()).count();
        assert_eq!(reached, 200);
        assert!(table.sole(now).is_none());
        assert!(table.sole(now + Duration::from_secs(1)).is_some());
    }
}
