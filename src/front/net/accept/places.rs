//! PURE. Connection admission (fair sharing): the places of one listener, and which connection loses its place when
//! none is left. The rules are in the folder's documentation.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use super::super::prefix::{host, subnet};

/// What a connection has shown so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing yet: the client is unknown, and may want nothing.
    Stranger,
    /// No key. It is served what everybody may have: the program of an open room.
    Guest,
    /// A right key or token.
    Known,
}

/// Number of places by standing. No standing takes another's places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    pub strangers: usize,
    pub guests: usize,
    pub known: usize,
}

impl Shares {
    pub const fn total(self) -> usize {
        self.strangers + self.guests + self.known
    }

    fn of(self, standing: Standing) -> usize {
        match standing {
            Standing::Stranger => self.strangers,
            Standing::Guest => self.guests,
            Standing::Known => self.known,
        }
    }
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The address, or its network, has its full share.
    #[error("your address has as many connections here as one may have; end another first")]
    Address,
    /// All places are taken.
    #[error("this server has as many connections as it serves; try again in a moment")]
    Everything,
}

pub type Id = u64;

/// A place that was given, and the connection that lost it.
#[derive(Debug, PartialEq, Eq)]
pub struct Given<T> {
    pub id: Id,
    pub evicted: Option<T>,
}

#[derive(Debug)]
struct Entry<T> {
    address: IpAddr,
    standing: Standing,
    /// Global sequence number of its last progress.
    turn: u64,
    value: T,
}

/// The connections of one standing.
#[derive(Debug, Default)]
struct Crowd {
    /// Ordered by progress: the connection without progress for longest is first.
    turns: BTreeMap<u64, Id>,
    hosts: BTreeMap<IpAddr, usize>,
    subnets: BTreeMap<IpAddr, usize>,
}

/// The places of one listener; `T` is a handle of the connection.
#[derive(Debug)]
pub struct Places<T> {
    shares: Shares,
    entries: HashMap<Id, Entry<T>>,
    crowds: [Crowd; 3],
    next: u64,
}

impl<T> Places<T> {
    pub fn new(shares: Shares) -> Self {
        Self { shares, entries: HashMap::new(), crowds: Default::default(), next: 0 }
    }

    /// Gives a new connection a place.
    ///
    /// # Errors
    /// When there is none, and no other connection must leave.
    pub fn admit(&mut self, address: IpAddr, standing: Standing, value: T) -> Result<Given<T>, Full> {
        let evicted = self.make_room(address, standing)?;
        let id = self.tick();
        self.insert(id, Entry { address, standing, turn: id, value });
        Ok(Given { id, evicted })
    }

    /// Moves a connection to a place of another standing, and returns the connection that loses its place for that.
    ///
    /// # Errors
    /// When there is none; then the connection keeps its place. A connection that has lost its place gets none.
    pub fn promote(&mut self, id: Id, standing: Standing) -> Result<Option<T>, Full> {
        let Some(Entry { address, standing: before, .. }) = self.entries.get(&id) else { return Err(Full::Everything) };
        if *before == standing {
            return Ok(None);
        }
        let evicted = self.make_room(*address, standing)?;
        if let Some(entry) = self.take(id) {
            let turn = self.tick();
            self.insert(id, Entry { standing, turn, ..entry });
        }
        Ok(evicted)
    }

    /// A connection has made progress.
    pub fn step(&mut self, id: Id) {
        if let Some(entry) = self.take(id) {
            let turn = self.tick();
            self.insert(id, Entry { turn, ..entry });
        }
    }

    /// A connection leaves; it may have lost its place already.
    pub fn leave(&mut self, id: Id) {
        drop(self.take(id));
    }

    /// Number of connections of a standing.
    pub fn count(&self, standing: Standing) -> usize {
        self.crowds[standing as usize].turns.len()
    }

    /// Takes the place of the connection that must leave for a new one, if one must.
    fn make_room(&mut self, address: IpAddr, standing: Standing) -> Result<Option<T>, Full> {
        let crowd = &self.crowds[standing as usize];
        let total = self.shares.of(standing);
        let (host, subnet) = (host(address), subnet(address));
        if total == 0 {
            return Err(Full::Everything);
        }
        let within = if crowd.host(host) >= half(total) {
            Some((Of::Host(host), Full::Address))
        } else if crowd.subnet(subnet) >= three_quarters(total) {
            Some((Of::Subnet(subnet), Full::Address))
        } else if crowd.turns.len() >= total {
            let crowded = self.most_crowded(standing).filter(|(_, count)| match standing {
                Standing::Stranger => true,
                // It is fair if the new connection's network would have as many then.
                Standing::Guest => *count > crowd.subnet(subnet) + 1,
                Standing::Known => false,
            });
            Some((crowded.ok_or(Full::Everything)?.0, Full::Everything))
        } else {
            None
        };
        let Some((within, full)) = within else { return Ok(None) };
        let victim = match (standing, full) {
            (Standing::Stranger, _) => self.first(standing, within),
            (Standing::Guest, Full::Everything) => self.last(standing, within),
            (Standing::Guest | Standing::Known, _) => None,
        };
        let victim = victim.ok_or(full)?;
        Ok(self.take(victim).map(|entry| entry.value))
    }

    /// The address with most places within the network with most places, and that network's count. Between equals, it
    /// is the one whose connection made no progress for longest.
    fn most_crowded(&self, standing: Standing) -> Option<(Of, usize)> {
        let crowd = &self.crowds[standing as usize];
        let count = *crowd.subnets.values().max()?;
        let address = |id: &Id| self.entries.get(id).map(|entry| entry.address);
        let network = crowd.turns.values().filter_map(address).map(subnet).find(|of| crowd.subnet(*of) == count)?;
        let own = |ip: &IpAddr| subnet(*ip) == network;
        let most = crowd.hosts.iter().filter(|(ip, _)| own(ip)).map(|(_, count)| *count).max()?;
        let worst =
            crowd.turns.values().filter_map(address).filter(own).map(host).find(|of| crowd.host(*of) == most)?;
        Some((Of::Host(worst), count))
    }

    fn first(&self, standing: Standing, of: Of) -> Option<Id> {
        self.crowds[standing as usize].turns.values().copied().find(|id| self.is_of(*id, of))
    }

    fn last(&self, standing: Standing, of: Of) -> Option<Id> {
        self.crowds[standing as usize].turns.values().rev().copied().find(|id| self.is_of(*id, of))
    }

    fn is_of(&self, id: Id, of: Of) -> bool {
        self.entries.get(&id).is_some_and(|entry| match of {
            Of::Host(ip) => host(entry.address) == ip,
            Of::Subnet(ip) => subnet(entry.address) == ip,
        })
    }

    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn insert(&mut self, id: Id, entry: Entry<T>) {
        let crowd = &mut self.crowds[entry.standing as usize];
        crowd.turns.insert(entry.turn, id);
        *crowd.hosts.entry(host(entry.address)).or_default() += 1;
        *crowd.subnets.entry(subnet(entry.address)).or_default() += 1;
        self.entries.insert(id, entry);
    }

    fn take(&mut self, id: Id) -> Option<Entry<T>> {
        let entry = self.entries.remove(&id)?;
        let crowd = &mut self.crowds[entry.standing as usize];
        crowd.turns.remove(&entry.turn);
        less(&mut crowd.hosts, host(entry.address));
        less(&mut crowd.subnets, subnet(entry.address));
        Some(entry)
    }
}

/// Whose places are counted.
#[derive(Debug, Clone, Copy)]
enum Of {
    Host(IpAddr),
    Subnet(IpAddr),
}

impl Crowd {
    fn host(&self, ip: IpAddr) -> usize {
        self.hosts.get(&ip).copied().unwrap_or(0)
    }

    fn subnet(&self, ip: IpAddr) -> usize {
        self.subnets.get(&ip).copied().unwrap_or(0)
    }
}

fn less(counts: &mut BTreeMap<IpAddr, usize>, ip: IpAddr) {
    if let Some(count) = counts.get_mut(&ip) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&ip);
        }
    }
}

/// One address's share of `total` places.
fn half(total: usize) -> usize {
    total.div_ceil(2)
}

/// One network's share of `total` places.
fn three_quarters(total: usize) -> usize {
    (total * 3).div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::{Standing::*, *};

    fn places(strangers: usize, guests: usize, known: usize) -> Places<&'static str> {
        Places::new(Shares { strangers, guests, known })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// Admits this many connections of an address, none of which replaces another.
    fn fill(places: &mut Places<&'static str>, address: &str, standing: Standing, name: &'static str, count: usize) {
        for _ in 0..count {
            assert_eq!(places.admit(ip(address), standing, name).expect("a place").evicted, None);
        }
    }

    fn evicted(
        places: &mut Places<&'static str>,
        address: &str,
        standing: Standing,
    ) -> Result<Option<&'static str>, Full> {
        places.admit(ip(address), standing, "new").map(|given| given.evicted)
    }

    #[test]
    fn one_address_has_half_and_its_own_oldest_goes_for_its_next() {
        let mut places = places(8, 0, 0);
        let first = places.admit(ip("192.0.2.1"), Stranger, "first").expect("a place").id;
        fill(&mut places, "192.0.2.1", Stranger, "later", 3);
        assert_eq!(evicted(&mut places, "192.0.2.1", Stranger), Ok(Some("first")));
        places.leave(first);
        assert_eq!(places.count(Stranger), 4, "who has lost its place takes none away by leaving");
        fill(&mut places, "198.51.100.1", Stranger, "honest", 4);
        assert_eq!(evicted(&mut places, "192.0.2.1", Stranger), Ok(Some("later")), "and nobody else's");
    }

    #[test]
    fn one_network_has_three_quarters() {
        let mut places = places(8, 0, 0);
        for host in ["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1"] {
            fill(&mut places, host, Stranger, host_name(host), 2);
        }
        assert_eq!(evicted(&mut places, "2001:db8:0:3::1", Stranger), Ok(Some("a")), "the oldest of the network");
        assert_eq!(evicted(&mut places, "2001:db9::1", Stranger), Ok(None));
    }

    fn host_name(host: &str) -> &'static str {
        if host == "2001:db8::1" { "a" } else { "b" }
    }

    #[test]
    fn when_all_is_full_the_most_crowded_pays() {
        let mut places = places(8, 0, 0);
        fill(&mut places, "203.0.113.1", Stranger, "honest", 1);
        fill(&mut places, "192.0.2.1", Stranger, "one", 1);
        fill(&mut places, "192.0.2.2", Stranger, "two", 3);
        fill(&mut places, "198.51.100.1", Stranger, "other", 3);
        assert_eq!(evicted(&mut places, "203.0.113.9", Stranger), Ok(Some("two")), "of the network with 4 who has 3");
        assert_eq!(
            evicted(&mut places, "203.0.113.10", Stranger),
            Ok(Some("two")),
            "of equals the one that is here longest"
        );
        assert_eq!(places.count(Stranger), 8);
    }

    #[test]
    fn who_comes_a_step_further_is_not_the_first_to_go() {
        let mut places = places(4, 0, 0);
        let speaks = places.admit(ip("192.0.2.1"), Stranger, "speaks").expect("a place").id;
        fill(&mut places, "192.0.2.1", Stranger, "idle", 1);
        places.step(speaks);
        assert_eq!(evicted(&mut places, "192.0.2.1", Stranger), Ok(Some("idle")));
        assert_eq!(evicted(&mut places, "192.0.2.1", Stranger), Ok(Some("speaks")));
    }

    #[test]
    fn strangers_take_nothing_from_guests_and_from_those_with_a_key() {
        let mut places = places(2, 2, 2);
        fill(&mut places, "192.0.2.1", Known, "known", 1);
        fill(&mut places, "192.0.2.1", Guest, "guest", 1);
        for i in 0..100 {
            let gone = places.admit(IpAddr::V4(i.into()), Stranger, "stranger").expect("a place").evicted;
            assert!(gone.is_none_or(|gone| gone == "stranger"));
        }
        fill(&mut places, "198.51.100.1", Known, "known", 1);
        assert_eq!((places.count(Stranger), places.count(Guest), places.count(Known)), (2, 1, 2));
        assert_eq!(
            evicted(&mut places, "203.0.113.1", Known),
            Err(Full::Everything),
            "nobody with a key goes for another"
        );
    }

    #[test]
    fn guests_behind_one_address_do_not_throw_each_other_out() {
        let mut places = places(1, 8, 0);
        fill(&mut places, "192.0.2.1", Guest, "school", 4);
        assert_eq!(evicted(&mut places, "192.0.2.1", Guest), Err(Full::Address));
        fill(&mut places, "198.51.100.1", Guest, "elsewhere", 3);
        places.admit(ip("198.51.100.1"), Guest, "last").expect("a place");
        assert_eq!(evicted(&mut places, "203.0.113.1", Guest), Ok(Some("school")), "the crowd makes room for others");
        assert_eq!(evicted(&mut places, "203.0.113.1", Guest), Ok(Some("last")), "its youngest, who has seen least");
        assert_eq!(
            evicted(&mut places, "203.0.113.1", Guest),
            Err(Full::Everything),
            "until all have as much: 3, 3 and 2"
        );
    }

    #[test]
    fn a_key_leads_out_of_the_strangers_places() {
        let mut places = places(2, 1, 1);
        let id = places.admit(ip("192.0.2.1"), Stranger, "a").expect("a place").id;
        assert_eq!(places.promote(id, Known), Ok(None));
        assert_eq!(places.promote(id, Known), Ok(None), "twice is once");
        assert_eq!((places.count(Stranger), places.count(Known)), (0, 1));
        let next = places.admit(ip("192.0.2.1"), Stranger, "b").expect("a place").id;
        assert_eq!(places.promote(next, Known), Err(Full::Address));
        assert_eq!(places.count(Stranger), 1, "it keeps the place it has");
        assert_eq!(evicted(&mut places, "192.0.2.1", Stranger), Ok(Some("b")));
        assert_eq!(places.promote(next, Guest), Err(Full::Everything), "its place is gone");
        places.leave(id);
        assert_eq!(places.count(Known), 0);
    }

    #[test]
    fn a_flood_from_many_addresses_costs_what_the_places_cost() {
        let mut places = places(16, 0, 0);
        for i in 0..10_000u32 {
            places.admit(IpAddr::V4((i * 7919).into()), Stranger, "x").expect("a place");
        }
        assert_eq!((places.entries.len(), places.count(Stranger)), (16, 16));
        let crowd = &places.crowds[Stranger as usize];
        assert!(crowd.hosts.len() <= 16 && crowd.subnets.len() <= 16 && crowd.turns.len() == 16);
    }
}
