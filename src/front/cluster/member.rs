//! One front of several: tells the others that it lives, sees who else does, and takes and gives up rooms accordingly.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    net::{UdpSocket, lookup_host},
    sync::{Notify, Semaphore, mpsc, watch},
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    call::{Call, Caller, MAX_NAMED},
    heartbeat::{BEAT, Heartbeat},
};
use crate::{
    base::{RoomId, tasks::Tasks},
    front::{
        docker::{
            api::ApiError,
            ownership::{FrontId, Index, Living, Place, Step},
            record::{Kind, Labels, Record, RecordError},
        },
        model::RoomError,
        room::{
            Rooms,
            store::{GONE, News, OWNER, SharedStore},
        },
    },
};

/// Label with a number that changes for as long as a front lives.
pub(super) const BEATS: &str = "tilecast.beat";
/// Label with where a front's door for workers and fronts is.
const ADDRESS: &str = "tilecast.address";
/// Label of a front that is about to go.
const LEAVING: &str = "tilecast.leaving";
/// Label with how often a front has changed a room's record.
const CHANGES: &str = "tilecast.changes";
/// Label with how often a front has changed templates or images.
const LIBRARY: &str = "tilecast.library";

/// How often the fronts are looked at: a second is half a beat.
const LOOK: Duration = Duration::from_secs(1);

/// How often all rooms are read although no front says that anything has changed.
const LOOK_AT_ALL: Duration = Duration::from_secs(15);

/// The same for templates and images, which change by the week.
const LOOK_AT_LIBRARY: Duration = Duration::from_secs(60);

/// Longest wait for the store in a look: shorter than `LET_GO`, so that a beat is tried again in time.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Most rooms that are taken, or handed over, at the same time: each is two calls of the store.
pub(super) const AT_ONCE: usize = 16;

/// Most rooms that are looked up because somebody asked for them, at the same time: whoever asks for rooms that are not there costs
/// no more than that.
const LOOKUPS: usize = 4;

/// What a front says of itself.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Where its door for workers and fronts listens.
    pub door: SocketAddr,
    /// Where all fronts are found; says which of this machine's addresses the others reach.
    pub advertise: String,
}

/// See the module. Clones share everything.
#[derive(Debug, Clone)]
pub struct Cluster(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub store: SharedStore,
    pub index: Index,
    pub rooms: Rooms,
    pub caller: Caller,
    membership: Membership,
    pub leaving: AtomicBool,
    /// Look at the library next time.
    library: AtomicBool,
    /// Look now.
    pub poke: Notify,
    /// When this front last told the others that it lives; none before it has.
    pub told: watch::Sender<Option<Instant>>,
    /// When fronts that cannot reach the store were heard of.
    pub heard: Mutex<BTreeMap<FrontId, Instant>>,
    /// Rooms that are being taken.
    taking: Mutex<BTreeSet<RoomId>>,
    places: Semaphore,
    lookups: Semaphore,
    pub tasks: Tasks,
}

/// What one look leaves for the next.
struct Memory {
    pulse: Heartbeat,
    /// Templates and images are being read.
    refresh: Option<BoxFuture<'static, Result<(), RoomError>>>,
    /// What the other fronts say of how often they have changed rooms, and the library.
    changes: [BTreeMap<FrontId, String>; 2],
    all_at: Instant,
    library_at: Instant,
    away: bool,
}

impl Cluster {
    /// One of the fronts that share `store`, with these rooms; `tasks` owns what it runs.
    pub fn new(store: SharedStore, rooms: Rooms, membership: Membership, tasks: Tasks) -> Self {
        let caller = Caller::new(&store.key);
        Self(Arc::new(Shared {
            index: store.index.clone(),
            store,
            rooms,
            caller,
            membership,
            leaving: AtomicBool::new(false),
            library: AtomicBool::new(false),
            poke: Notify::new(),
            told: watch::channel(None).0,
            heard: Mutex::default(),
            taking: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
            lookups: Semaphore::new(LOOKUPS),
            tasks,
        }))
    }

    /// Takes part until the tasks stop; `news` are rooms that this front has changed.
    pub async fn run(self, mut news: mpsc::Receiver<News>) {
        let tasks = self.0.tasks.clone();
        tasks.spawn("fleet fence", self.clone().fence());
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let now = Instant::now();
        let (pulse, refresh, changes) = Default::default();
        let mut memory = Memory { pulse, refresh, changes, all_at: now, library_at: now, away: false };
        let mut changed = Vec::new();
        loop {
            tokio::select! {
                () = tasks.stopping() => return,
                _ = ticks.tick() => {}
                () = self.0.poke.notified() => {}
                _ = news.recv_many(&mut changed, MAX_NAMED) => {
                    self.tell_others(changed.drain(..));
                    continue;
                }
            }
            match timeout(PATIENCE * 2, self.look(&mut memory)).await.unwrap_or_else(|_| Err(slow())) {
                Ok(()) => memory.away = false,
                Err(error) => {
                    if !std::mem::replace(&mut memory.away, true) {
                        tracing::warn!("the other fronts cannot be seen: {error}");
                    }
                }
            }
        }
    }

    /// Looks at the fronts, says that this one lives, and does what follows for rooms.
    async fn look(&self, memory: &mut Memory) -> Result<(), ApiError> {
        let Shared { store, index, .. } = &*self.0;
        let fronts = timeout(PATIENCE, store.records.list(Kind::Front)).await.unwrap_or_else(|_| Err(slow()))?;
        let now = Instant::now();
        let fronts: BTreeMap<FrontId, Record> =
            fronts.into_iter().filter_map(|record| Some((FrontId::read(&record.about)?, record))).collect();
        let beats = fronts.iter().map(|(id, record)| (id.clone(), number(record, BEATS))).collect();
        memory.pulse.see(&beats, now);
        self.beat(memory, fronts.get(index.me()), now).await?;
        let silent = memory.pulse.newly_silent(now).into_iter().filter(|id| id != index.me()).filter_map(|id| {
            let address = fronts.get(&id)?.label(ADDRESS)?.to_owned();
            Some((id, address))
        });
        self.ask_the_silent(silent.collect()).await;
        self.take_words(&mut memory.pulse, &fronts);

        let lives = |id: &FrontId| id == index.me() || memory.pulse.lives(id, now);
        let living = fronts.iter().filter(|(id, _)| lives(id)).map(|(id, record)| {
            let address = record.label(ADDRESS).unwrap_or_default().to_owned();
            let leaving = record.label(LEAVING).is_some() || (id == index.me() && self.is_leaving());
            (id.clone(), Living { address, leaving })
        });
        let living: BTreeMap<FrontId, Living> = living.collect();
        let count = living.len();
        let dead = fronts.keys().filter(|id| !living.contains_key(*id)).cloned().collect();
        let mut all = index.set_fronts(living, dead);
        if all {
            tracing::info!(fronts = count, "the fleet has changed");
        }
        let changes = [CHANGES, LIBRARY].map(|label| {
            let others = fronts.iter().filter(|(id, _)| *id != index.me());
            others.filter_map(|(id, record)| Some((id.clone(), record.label(label)?.to_owned()))).collect()
        });
        all |= changes[0] != memory.changes[0];
        let library = changes[1] != memory.changes[1] || self.0.library.swap(false, Ordering::Relaxed);
        memory.changes = changes;
        // Before rooms are opened that use it.
        if (library || memory.refresh.is_some() || now >= memory.library_at) && index.may_own() {
            memory.library_at = now + LOOK_AT_LIBRARY;
            self.look_at_library(memory, library).await?;
        }
        if (all || now >= memory.all_at) && index.may_own() {
            memory.all_at = now + LOOK_AT_ALL;
            self.look_at_all().await?;
        }
        self.step_all();
        for (id, record) in fronts {
            if memory.pulse.is_stale(&id, now) && !index.owns_any(&id) {
                store.records.delete(&record).await?;
            }
        }
        Ok(())
    }

    /// Says that this front lives, when it is time to.
    async fn beat(&self, memory: &mut Memory, record: Option<&Record>, now: Instant) -> Result<(), ApiError> {
        let Shared { store, told, .. } = &*self.0;
        let due = told.borrow().is_none_or(|told| now.saturating_duration_since(told) + LOOK / 2 >= BEAT);
        if record.is_some() && !due {
            return Ok(());
        }
        let address = self.address().await;
        let labels = [
            (BEATS, rand::random::<u64>().to_string()),
            (ADDRESS, address),
            (LEAVING, if self.is_leaving() { "1".to_owned() } else { String::new() }),
            (CHANGES, store.changes().to_string()),
            (LIBRARY, store.library_changes().to_string()),
        ];
        // From before it was sent: the others count from when they see it.
        let sent = Instant::now();
        let done = async {
            match record {
                Some(record) => store.records.change(record, labels).await,
                // It has handed over everything and said goodbye.
                None if self.is_leaving() => Ok(()),
                None => {
                    let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
                    let labels: Labels = labels.map(|(key, value)| (key.to_owned(), value)).collect();
                    store.records.create(Kind::Front, store.index.me().as_str(), labels, None).await
                }
            }
        };
        match timeout(PATIENCE, done).await.unwrap_or_else(|_| Err(slow().into())) {
            Ok(()) => {
                told.send_replace(Some(sent));
                if !store.index.may_own() {
                    store.index.set_lost(false);
                    (memory.all_at, memory.library_at) = (now, now);
                    tracing::info!(front = %store.index.me(), "this front is one of the fleet");
                }
                Ok(())
            }
            // The next look sees what it is now.
            Err(RecordError::Changed | RecordError::Taken) => Ok(()),
            Err(RecordError::Api(error)) => Err(error),
        }
    }

    /// Reads templates and images, or waits for that to end; with `anew` there is something to read since that began.
    async fn look_at_library(&self, memory: &mut Memory, anew: bool) -> Result<(), ApiError> {
        if anew && memory.refresh.is_some() {
            self.0.library.store(true, Ordering::Relaxed);
        }
        let rooms = self.0.rooms.clone();
        let refresh = memory.refresh.get_or_insert_with(|| async move { rooms.refresh_library().await }.boxed());
        // Reading many images takes longer than rooms can wait for; the next look sees to it again.
        let Ok(read) = timeout(PATIENCE, refresh).await else { return Ok(()) };
        memory.refresh = None;
        read.map_err(|error| {
            // What there is to read is still to be read.
            memory.library_at = Instant::now() + LOOK_AT_ALL;
            ApiError::Nonsense(error.to_string())
        })
    }

    /// Reads every room's record.
    async fn look_at_all(&self) -> Result<(), ApiError> {
        let Shared { store, index, .. } = &*self.0;
        let records = timeout(PATIENCE, store.records.list(Kind::Room)).await.unwrap_or_else(|_| Err(slow()))?;
        let mut there = BTreeSet::new();
        for record in records {
            let Ok(room) = record.about.parse::<RoomId>() else { continue };
            if record.label(GONE).is_some() {
                store.records.delete(&record).await?;
                continue;
            }
            let is_news = index.version(&room) != Some(record.version);
            let owned = store.understand(&room, &record);
            if is_news && index.learn(&room, owned) && index.held(&room).is_some() {
                // Not what this front has just written, or what it was refused and the store made all the same.
                self.0.rooms.keep_still(&room).await;
            }
            there.insert(room);
        }
        for room in index.keep_only(&there) {
            // It may have been made since the list was.
            if store.records.get(Kind::Room, room.as_str()).await?.is_none() && index.held(&room).is_some() {
                tracing::warn!(%room, "the room's record was removed, so the room ends");
                index.forget(&room);
                self.0.rooms.close(&room, true).await;
            }
        }
        Ok(())
    }

    fn step_all(&self) {
        for (room, step) in self.0.index.steps() {
            self.act(room, step);
        }
    }

    fn act(&self, room: RoomId, step: Step) {
        match step {
            Step::Leave => {}
            Step::Close => {
                tracing::warn!(%room, "another front has taken the room");
                self.0.index.let_go(&room);
                let cluster = self.clone();
                self.0.tasks.spawn("fleet close", async move { drop(cluster.0.rooms.close(&room, false).await) });
            }
            Step::Take => {
                if self.taking().insert(room.clone()) {
                    let cluster = self.clone();
                    self.0.tasks.spawn("fleet take", async move {
                        cluster.take(&room).await;
                        cluster.taking().remove(&room);
                    });
                }
            }
        }
    }

    fn taking(&self) -> std::sync::MutexGuard<'_, BTreeSet<RoomId>> {
        // A set is whole between its operations.
        self.0.taking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a room if it still is for this front to take.
    async fn take(&self, room: &RoomId) {
        let Shared { store, index, rooms, places, .. } = &*self.0;
        // The semaphore is never closed.
        let _place = places.acquire().await.expect("an open semaphore");
        let taken = async {
            let record = store.records.get(Kind::Room, room.as_str()).await?;
            let Some(record) = record.filter(|record| record.label(GONE).is_none()) else { return Ok(None) };
            index.learn(room, store.understand(room, &record));
            if index.step_of(room) != Step::Take || self.has_come_since(&record).await? {
                return Ok(None);
            }
            if store.undo_late(room, &record).await? {
                return Ok(None);
            }
            store.take(room, &record).await.map(Some)
        };
        let owned = match taken.await {
            Ok(Some(owned)) => owned,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%room, "the room was not taken over: {error}");
                return;
            }
        };
        let Some(document) = owned.document.clone() else { return };
        tracing::info!(%room, epoch = owned.epoch, "taking over the room");
        index.hold(room, owned);
        rooms.restore(room.clone(), (*document).clone());
        if !index.may_own() {
            index.let_go(room);
            rooms.close(room, false).await;
            return;
        }
        store.tell(room);
    }

    /// Whether a room's owner is a front that this one has not seen yet, rather than one that is gone.
    async fn has_come_since(&self, room: &Record) -> Result<bool, ApiError> {
        let Shared { store, index, .. } = &*self.0;
        let owner = room.label(OWNER).and_then(FrontId::read);
        match owner.filter(|owner| owner != index.me() && !index.is_dead(owner)) {
            Some(owner) => Ok(store.records.get(Kind::Front, owner.as_str()).await?.is_some()),
            None => Ok(false),
        }
    }

    /// Another front says that these rooms have changed.
    pub(super) async fn hear_of(&self, rooms: Vec<RoomId>) {
        let Shared { store, index, .. } = &*self.0;
        for room in rooms {
            match store.records.get(Kind::Room, room.as_str()).await {
                Ok(Some(record)) if record.label(GONE).is_none() => {
                    index.learn(&room, store.understand(&room, &record));
                    self.act(room.clone(), index.step_of(&room));
                }
                Ok(_) if index.held(&room).is_none() => index.forget(&room),
                // The next look sees it.
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn tell_others(&self, news: impl Iterator<Item = News>) {
        let (mut rooms, mut library) = (Vec::new(), false);
        for news in news {
            match news {
                News::Room(room) => rooms.push(room),
                News::Library => library = true,
            }
        }
        let look = (!rooms.is_empty()).then_some(Call::Look(rooms));
        let calls: Vec<Call> = look.into_iter().chain(library.then_some(Call::Library)).collect();
        for address in self.0.index.others() {
            let (cluster, calls) = (self.clone(), calls.clone());
            self.0.tasks.spawn("fleet call", async move {
                for call in calls {
                    if let Err(error) = cluster.0.caller.call(&address, call).await {
                        tracing::debug!("{error}");
                    }
                }
            });
        }
    }

    /// Another front says that templates or images have changed.
    pub(super) fn hear_of_library(&self) {
        self.0.library.store(true, Ordering::Relaxed);
        self.look_soon();
    }

    fn is_leaving(&self) -> bool {
        self.0.leaving.load(Ordering::Relaxed)
    }

    /// Where a room is; the store is asked about one that this front has not heard of.
    pub async fn place(&self, room: &RoomId) -> Place {
        let Shared { store, index, lookups, rooms, .. } = &*self.0;
        let place = index.place(room);
        match place {
            Place::Here if !rooms.is_open(room) => Place::Moving,
            Place::Nowhere if index.may_own() => {
                let Ok(_permit) = lookups.try_acquire() else { return place };
                match timeout(PATIENCE, store.records.get(Kind::Room, room.as_str())).await {
                    Ok(Ok(Some(record))) if record.label(GONE).is_none() => {
                        index.learn(room, store.understand(room, &record));
                        index.place(room)
                    }
                    Ok(Ok(_)) => Place::Nowhere,
                    // It may be there; whoever asks had better ask again than be told that it is not.
                    Ok(Err(_)) | Err(_) => Place::Moving,
                }
            }
            // What this front has not heard of may be there all the same.
            Place::Nowhere => Place::Moving,
            place => place,
        }
    }

    /// Whether rooms may be made at this front.
    pub fn is_ready(&self) -> bool {
        self.0.index.may_take()
    }

    /// Somebody found a front not to answer.
    pub(super) fn look_soon(&self) {
        self.0.poke.notify_one();
    }

    /// Where the others reach this front's door; empty while that is not known.
    async fn address(&self) -> String {
        let Membership { door, advertise } = &self.0.membership;
        if !door.ip().is_unspecified() {
            return door.to_string();
        }
        for front in advertise.split(',') {
            let Ok(Ok(found)) = timeout(PATIENCE / 4, lookup_host(front)).await else { continue };
            for address in found.take(1) {
                if let Some(own) = towards(address).await {
                    return SocketAddr::new(own, door.port()).to_string();
                }
            }
        }
        String::new()
    }
}

/// The address of this machine that packets to `address` leave from. None is sent.
async fn towards(address: SocketAddr) -> Option<IpAddr> {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(address).await.ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn number(record: &Record, label: &str) -> u64 {
    record.label(label).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn slow() -> ApiError {
    ApiError::Silent("the Swarm's store".to_owned(), format!(" within {} s", PATIENCE.as_secs()))
}
