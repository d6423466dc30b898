//! Network emulator (netem) in user space: a UDP port that forwards datagrams to a server and back, with loss, delay,
//! jitter, reordering, a limited rate, or not at all.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep_until,
};

/// Most datagrams in flight in one direction: 2 s of 10 Mbit/s. Further ones are lost, as in a router.
const MOST_UNDER_WAY: usize = 2000;

/// Longest queue of a line with a limited rate, as in a home router.
const LONGEST_QUEUE: Duration = Duration::from_millis(200);

/// Largest datagram, bytes.
const LARGEST: usize = 2048;

/// Properties of each direction. [`Conditions::default`] is a good network.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Conditions {
    /// Share of datagrams that are lost, 0 to 1.
    pub loss: f64,
    /// Delay of every datagram.
    pub delay: Duration,
    /// Largest additional delay; evenly distributed.
    pub jitter: Duration,
    /// Share of datagrams that others may overtake; the rest stays in order whatever the jitter, as in a queue.
    pub reorder: f64,
    /// Highest rate, kbit/s; 0 is no limit.
    pub rate_kbps: u32,
}

impl Conditions {
    pub const BLACKOUT: Self =
        Self { loss: 1.0, delay: Duration::ZERO, jitter: Duration::ZERO, reorder: 0.0, rate_kbps: 0 };
}

/// One direction. PURE.
#[derive(Debug)]
struct Line {
    chance: StdRng,
    latest: Option<Instant>,
    free: Option<Instant>,
}

impl Line {
    fn new(seed: u64) -> Self {
        Self { chance: StdRng::seed_from_u64(seed), latest: None, free: None }
    }

    /// Arrival time of a datagram that is sent at `now`; `None` if it is lost.
    fn arrival(&mut self, now: Instant, bytes: usize, conditions: &Conditions) -> Option<Instant> {
        // All random numbers are drawn each time, so that one condition does not change the outcome of the others.
        let [lost, late, overtaken] = [(); 3].map(|()| self.chance.random::<f64>());
        if lost < conditions.loss {
            return None;
        }
        let mut leaves = now;
        if conditions.rate_kbps > 0 {
            let takes = Duration::from_micros(bytes as u64 * 8000 / u64::from(conditions.rate_kbps));
            leaves = self.free.map_or(now, |free| free.max(now));
            if leaves - now > LONGEST_QUEUE {
                return None;
            }
            leaves += takes;
            self.free = Some(leaves);
        }
        let arrives = leaves + conditions.delay + conditions.jitter.mul_f64(late);
        if overtaken < conditions.reorder {
            return Some(arrives);
        }
        let arrives = self.latest.map_or(arrives, |latest| latest.max(arrives));
        self.latest = Some(arrives);
        Some(arrives)
    }
}

/// A running network. Dropping it cuts it.
#[derive(Debug)]
pub struct Network {
    port: u16,
    conditions: watch::Sender<Conditions>,
    _tasks: JoinSet<()>,
}

impl Network {
    /// Forwards datagrams from a port of its own to `server` and back. Losses follow from `seed` and the order of
    /// datagrams.
    ///
    /// # Errors
    /// When loopback has no free port.
    pub async fn start(server: SocketAddr, conditions: Conditions, seed: u64) -> Result<Self> {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.context("no free port on loopback")?);
        let port = socket.local_addr()?.port();
        let (conditions, seen) = watch::channel(conditions);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(socket, server, seen, seed));
        Ok(Self { port, conditions, _tasks: tasks })
    }

    /// Port on 127.0.0.1 that leads to the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the conditions for later datagrams.
    pub fn set(&self, conditions: Conditions) {
        self.conditions.send_replace(conditions);
    }
}

async fn serve(outside: Arc<UdpSocket>, server: SocketAddr, conditions: watch::Receiver<Conditions>, seed: u64) {
    let mut clients: HashMap<SocketAddr, mpsc::Sender<Bytes>> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut buffer = vec![0; LARGEST];
    loop {
        // An error on this socket concerns a client that has gone.
        let Ok((length, from)) = outside.recv_from(&mut buffer).await else { continue };
        let datagram = Bytes::copy_from_slice(&buffer[..length]);
        if !clients.contains_key(&from) {
            // Each client has a port of its own towards the server, as behind address translation.
            let Ok(inside) = UdpSocket::bind("127.0.0.1:0").await else { continue };
            if inside.connect(server).await.is_err() {
                continue;
            }
            let inside = Arc::new(inside);
            let (send, receive) = mpsc::channel(MOST_UNDER_WAY);
            let seed = seed.wrapping_add(2 * clients.len() as u64);
            let there = (inside.clone(), None);
            tasks.spawn(carry(receive, there, conditions.clone(), Line::new(seed)));
            let (answers, receive) = mpsc::channel(MOST_UNDER_WAY);
            let back = (outside.clone(), Some(from));
            tasks.spawn(carry(receive, back, conditions.clone(), Line::new(seed.wrapping_add(1))));
            tasks.spawn(listen(inside, answers));
            clients.insert(from, send);
        }
        if let Some(client) = clients.get(&from) {
            // A full line loses further datagrams.
            let _ = client.try_send(datagram);
        }
    }
}

async fn listen(inside: Arc<UdpSocket>, answers: mpsc::Sender<Bytes>) {
    let mut buffer = vec![0; LARGEST];
    loop {
        // An error here says that the server's port is closed; it may open again.
        let Ok(length) = inside.recv(&mut buffer).await else { continue };
        if let Err(mpsc::error::TrySendError::Closed(_)) = answers.try_send(Bytes::copy_from_slice(&buffer[..length])) {
            return;
        }
    }
}

/// Carries one direction of one client.
async fn carry(
    mut receive: mpsc::Receiver<Bytes>,
    (socket, to): (Arc<UdpSocket>, Option<SocketAddr>),
    conditions: watch::Receiver<Conditions>,
    mut line: Line,
) {
    let mut under_way: BTreeMap<(Instant, u64), Bytes> = BTreeMap::new();
    for count in 0.. {
        while let Some((at, _)) = under_way.first_key_value().map(|(key, _)| *key)
            && at <= Instant::now()
        {
            let Some((_, datagram)) = under_way.pop_first() else { break };
            // Nobody is there any more: lost, as on any network.
            let _ = match to {
                Some(to) => socket.send_to(&datagram, to).await,
                None => socket.send(&datagram).await,
            };
        }
        let next = under_way.first_key_value().map(|((at, _), _)| *at);
        let due = async {
            match next {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            datagram = receive.recv() => {
                let Some(datagram) = datagram else { return };
                let arrival = line.arrival(Instant::now(), datagram.len(), &conditions.borrow());
                if let Some(at) = arrival.filter(|_| under_way.len() < MOST_UNDER_WAY) {
                    under_way.insert((at, count), datagram);
                }
            }
            () = due => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(conditions: &Conditions, count: u32) -> (Instant, Vec<Option<Instant>>) {
        let (start, mut line) = (Instant::now(), Line::new(7));
        let step = Duration::from_millis(2);
        (start, (0..count).map(|n| line.arrival(start + step * n, 1000, conditions)).collect())
    }

    #[test]
    fn loses_delays_and_keeps_order_as_told() {
        let conditions = Conditions {
            loss: 0.05,
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(50),
            ..Conditions::default()
        };
        let (start, seen) = arrivals(&conditions, 10_000);
        let lost = seen.iter().filter(|at| at.is_none()).count();
        assert!((400..600).contains(&lost), "{lost} of 10000");
        let kept: Vec<Instant> = seen.iter().flatten().copied().collect();
        assert!(kept.is_sorted());
        for (n, at) in seen.iter().enumerate().filter_map(|(n, at)| Some((n, (*at)?))) {
            let took = at - (start + Duration::from_millis(2) * n as u32);
            assert!((Duration::from_millis(20)..=Duration::from_millis(70)).contains(&took), "{took:?}");
        }
        let (_, seen) = arrivals(&Conditions { reorder: 0.1, ..conditions }, 10_000);
        assert!(!seen.iter().flatten().is_sorted());
        let (_, seen) = arrivals(&Conditions::BLACKOUT, 1000);
        assert!(seen.iter().all(Option::is_none));
    }

    #[test]
    fn a_narrow_line_queues_and_then_loses() {
        // 1000 bytes each 2 ms are 4 Mbit/s.
        let (start, seen) = arrivals(&Conditions { rate_kbps: 2000, ..Conditions::default() }, 1000);
        let passed = seen.iter().flatten().count();
        assert!((500..650).contains(&passed), "{passed} of 1000");
        let last = seen.iter().flatten().last().expect("some pass");
        assert!(*last - start < Duration::from_millis(2000 + 210), "{:?}", *last - start);
    }

    #[tokio::test]
    async fn datagrams_go_there_and_back() {
        let server = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = server.local_addr().expect("bound");
        let network = Network::start(address, Conditions::default(), 1).await.expect("a network");
        let client = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        client.connect(("127.0.0.1", network.port())).await.expect("connected");
        client.send(b"hello").await.expect("sent");
        let mut buffer = [0; 16];
        let (length, from) = server.recv_from(&mut buffer).await.expect("received");
        assert_eq!(&buffer[..length], b"hello");
        server.send_to(b"you", from).await.expect("sent");
        let length = client.recv(&mut buffer).await.expect("received");
        assert_eq!(&buffer[..length], b"you");
    }
}
