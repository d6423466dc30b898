//! Placement simulation: thousands of rooms on hundreds of machines, as Docker Swarm places them, by the cost of rooms.
//! It shows how full machines become, what the loss of one costs, and how many rooms wait. `cargo test --test quick
//! placement -- --nocapture` prints the figures of docs/scale.md.
//!
//! Swarm's own rule (its scheduler's spread strategy): of the nodes with enough free for the task's reservation, it
//! takes the one with the fewest tasks of that service, and of those the one with the fewest tasks. A room is a service
//! of one task.

use rand::{Rng, SeedableRng, rngs::StdRng};
use tilecast::{
    cost::{Budget, EXPECTED, Load, Prices, Seen},
    media::{Size, VideoCodec},
};

/// The kinds of machines there are: millicores, MiB.
const MACHINES: [Budget; 3] = [
    Budget { millicores: 8_000, mib: 16_000 },
    Budget { millicores: 16_000, mib: 32_000 },
    Budget { millicores: 32_000, mib: 64_000 },
];

/// A node and the rooms on it.
#[derive(Debug, Clone)]
struct Node {
    free: Budget,
    total: Budget,
    rooms: Vec<usize>,
    there: bool,
}

/// A cluster on which every room has its place or waits.
#[derive(Debug, Clone)]
struct Cluster {
    nodes: Vec<Node>,
    sizes: Vec<Budget>,
    waiting: Vec<usize>,
}

/// What a room of so many participants reserves.
fn reserved(people: u32, prices: &Prices) -> Budget {
    let side = (1..).find(|side| side * side >= people).unwrap_or(1);
    let tile = Size { width: EXPECTED.width / side / 2 * 2, height: EXPECTED.height / side / 2 * 2 };
    let seen = Seen { picture: EXPECTED, codec: VideoCodec::H264, tiles: vec![tile] };
    let people = people as usize;
    let load = Load { canvas: EXPECTED, preset: "veryfast".to_owned(), voices: people, seen: vec![seen; people] };
    load.budget(prices).in_steps()
}

/// Most meetings are small.
fn people(chance: &mut StdRng) -> u32 {
    match chance.random_range(0..100) {
        0..60 => chance.random_range(2..=4),
        60..90 => chance.random_range(5..=9),
        _ => chance.random_range(10..=16),
    }
}

impl Cluster {
    fn of(nodes: usize, chance: &mut StdRng) -> Self {
        let node = |_| {
            let total = MACHINES[chance.random_range(0..MACHINES.len())];
            Node { free: total, total, rooms: Vec::new(), there: true }
        };
        Self { nodes: (0..nodes).map(node).collect(), sizes: Vec::new(), waiting: Vec::new() }
    }

    fn add(&mut self, size: Budget) {
        self.sizes.push(size);
        let room = self.sizes.len() - 1;
        if !self.place(room) {
            self.waiting.push(room);
        }
    }

    fn place(&mut self, room: usize) -> bool {
        let size = self.sizes[room];
        let fits = |node: &Node| node.there && node.free.millicores >= size.millicores && node.free.mib >= size.mib;
        let Some(node) = self.nodes.iter_mut().filter(|node| fits(node)).min_by_key(|node| node.rooms.len()) else {
            return false;
        };
        node.free = Budget { millicores: node.free.millicores - size.millicores, mib: node.free.mib - size.mib };
        node.rooms.push(room);
        true
    }

    /// A node goes; its rooms are placed again. How many there were, and how many of them wait now.
    fn lose(&mut self, index: usize) -> (usize, usize) {
        let node = &mut self.nodes[index];
        node.there = false;
        let rooms = std::mem::take(&mut node.rooms);
        let waiting: Vec<usize> = rooms.iter().copied().filter(|room| !self.place(*room)).collect();
        self.waiting.extend(&waiting);
        (rooms.len(), waiting.len())
    }

    fn end(&mut self, room: usize) {
        let size = self.sizes[room];
        if let Some(node) = self.nodes.iter_mut().find(|node| node.rooms.contains(&room)) {
            node.rooms.retain(|there| *there != room);
            node.free = node.free.and(size);
        }
        self.waiting.retain(|waits| *waits != room);
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = waiting.into_iter().filter(|room| !self.place(*room)).collect();
    }

    /// Part of all cores that is reserved.
    fn fullness(&self) -> f64 {
        let there = || self.nodes.iter().filter(|node| node.there);
        let (free, total) = there().fold((0u64, 0u64), |(free, total), node| {
            (free + u64::from(node.free.millicores), total + u64::from(node.total.millicores))
        });
        1.0 - free as f64 / total as f64
    }

    fn check(&self) {
        for node in self.nodes.iter().filter(|node| node.there) {
            let taken = node.rooms.iter().fold(Budget::default(), |sum, room| sum.and(self.sizes[*room]));
            assert_eq!(taken.and(node.free), node.total, "no machine is promised twice");
        }
        let placed: usize = self.nodes.iter().map(|node| node.rooms.len()).sum();
        let mut all: Vec<usize> =
            self.nodes.iter().flat_map(|node| &node.rooms).chain(&self.waiting).copied().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), placed + self.waiting.len(), "no room is in two places");
    }
}

/// A cluster of 200 machines, filled up to a part of its cores.
fn filled(part: f64, seed: u64) -> (Cluster, StdRng) {
    let (mut chance, prices) = (StdRng::seed_from_u64(seed), Prices::reference());
    let mut cluster = Cluster::of(200, &mut chance);
    while cluster.fullness() < part && cluster.waiting.len() < 50 {
        cluster.add(reserved(people(&mut chance), &prices));
    }
    (cluster, chance)
}

#[test]
fn machines_get_nearly_full_before_a_room_waits() {
    for seed in 1..=5 {
        let (mut chance, prices) = (StdRng::seed_from_u64(seed), Prices::reference());
        let mut cluster = Cluster::of(200, &mut chance);
        while cluster.waiting.is_empty() {
            cluster.add(reserved(people(&mut chance), &prices));
        }
        cluster.check();
        let (first, rooms) = (cluster.fullness(), cluster.sizes.len());
        while cluster.waiting.len() * 20 < cluster.sizes.len() {
            cluster.add(reserved(people(&mut chance), &prices));
        }
        cluster.check();
        let all = cluster.fullness();
        println!(
            "seed {seed}: {rooms} rooms on 200 machines before one waits, {:.1} % full; {:.1} % when one in twenty waits",
            first * 100.0,
            all * 100.0
        );
        assert!(first > 0.9, "{first}");
    }
}

#[test]
fn the_rooms_of_a_lost_machine_find_another_while_a_tenth_is_free() {
    for (part, most) in [(0.5, 0), (0.8, 0), (0.9, 0), (0.98, 1000)] {
        let (mut moved, mut waiting, mut lost) = (0, 0, 0);
        for seed in 1..=5 {
            let (mut cluster, mut chance) = filled(part, seed);
            for _ in 0..4 {
                let index = chance.random_range(0..cluster.nodes.len());
                if cluster.nodes[index].there {
                    let (rooms, wait) = cluster.lose(index);
                    (moved, waiting, lost) = (moved + rooms, waiting + wait, lost + 1);
                }
            }
            cluster.check();
        }
        println!(
            "{:.0} % full: a lost machine has {:.1} rooms, of which {:.1} wait",
            part * 100.0,
            moved as f64 / lost as f64,
            waiting as f64 / lost as f64
        );
        assert!(waiting <= most, "{waiting} of {moved} wait at {part}");
    }
}

#[test]
fn a_day_of_meetings_leaves_nothing_behind() {
    let (mut cluster, mut chance) = filled(0.95, 7);
    let prices = Prices::reference();
    let mut live: Vec<usize> = (0..cluster.sizes.len()).collect();
    let mut waited = 0;
    for _ in 0..20_000 {
        let room = live.swap_remove(chance.random_range(0..live.len()));
        cluster.end(room);
        cluster.add(reserved(people(&mut chance), &prices));
        live.push(cluster.sizes.len() - 1);
        waited += usize::from(cluster.waiting.contains(&(cluster.sizes.len() - 1)));
    }
    cluster.check();
    println!(
        "20000 meetings come and go at {:.1} % full: {waited} of them wait for a place",
        cluster.fullness() * 100.0
    );
    for room in live {
        cluster.end(room);
    }
    assert_eq!((cluster.waiting.len(), cluster.fullness()), (0, 0.0));
}
