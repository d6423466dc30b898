//! Room directory (service discovery): which fronts live and which front owns which room, as this front knows it.
//!
//! Pure except for its lock. Records have versions that rise with every write to the store, so an older answer never
//! replaces a newer one. A room's epoch cannot serve for this: a room that is removed and made again begins with a new
//! epoch.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{
    base::{AssetHash, RoomId},
    front::model::RoomDocument,
};

/// A front of this cluster: a random name for the lifetime of its process.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrontId(String);

impl FrontId {
    /// A name that no other front has.
    pub fn random() -> Self {
        Self(format!("{:016x}", rand::random::<u64>()))
    }

    /// The id in a label; `None` for an empty label.
    pub fn read(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FrontId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FrontId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A front that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Living {
    /// Address of its door for workers and fronts, `HOST:PORT`; empty while it does not know.
    pub address: String,
    /// The front is about to stop and takes no rooms.
    pub leaving: bool,
}

/// What is known of a room.
#[derive(Debug, Clone, PartialEq)]
pub struct Owned {
    /// The owner; `None` while the room waits for a front that takes it.
    pub owner: Option<FrontId>,
    /// Rises with every change of owner.
    pub epoch: u64,
    /// Version of the record that says so, or less if it is not known.
    pub version: i64,
    /// The room's document; `None` when it could not be read.
    pub document: Option<Arc<RoomDocument>>,
}

/// Where a room is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Here,
    /// At the front with this address.
    There(String),
    /// No front has it at this moment; one will within seconds.
    Moving,
    /// No such room is known.
    Nowhere,
}

/// What this front has to do about a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Leave,
    /// The room has no owner, and this front is the one to take it.
    Take,
    /// The room is open here, and another front owns it.
    Close,
}

/// The directory. Clones share it.
#[derive(Debug, Clone)]
pub struct Index {
    me: FrontId,
    view: Arc<RwLock<View>>,
}

/// The epoch since which a room is open here.
#[derive(Debug, Clone, Copy)]
struct Held {
    epoch: u64,
    version: i64,
}

/// Marks a room as being made here, until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Making {
    index: Index,
    room: RoomId,
}

impl Drop for Making {
    fn drop(&mut self) {
        self.index.write().making.remove(&self.room);
    }
}

#[derive(Debug, Default)]
struct View {
    fronts: BTreeMap<FrontId, Living>,
    /// Fronts that are on record and do not live.
    dead: BTreeSet<FrontId>,
    rooms: BTreeMap<RoomId, Owned>,
    /// Rooms that are open here.
    held: BTreeMap<RoomId, Held>,
    /// Rooms that this front is about to make: their records may name this front as owner before they are open.
    making: BTreeSet<RoomId>,
    /// Highest version that was seen.
    newest: i64,
    /// This view may be older than a lease.
    lost: bool,
    /// This front is about to stop.
    leaving: bool,
}

impl Index {
    /// An empty view: nothing may be owned until the first look.
    pub fn new(me: FrontId) -> Self {
        let view = View { lost: true, ..View::default() };
        Self { me, view: Arc::new(RwLock::new(view)) }
    }

    pub fn me(&self) -> &FrontId {
        &self.me
    }

    fn read(&self) -> RwLockReadGuard<'_, View> {
        // Every update leaves the view whole.
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this front may own rooms: its heartbeat reached the store recently.
    pub fn may_own(&self) -> bool {
        !self.read().lost
    }

    /// Whether this front may take or make rooms.
    pub fn may_take(&self) -> bool {
        let view = self.read();
        !view.lost && !view.leaving
    }

    /// Marks this front as leaving: it takes no more rooms.
    pub fn set_leaving(&self) {
        self.write().leaving = true;
    }

    /// Whether any room belongs to `front`.
    pub fn owns_any(&self, front: &FrontId) -> bool {
        self.read().rooms.values().any(|owned| owned.owner.as_ref() == Some(front))
    }

    pub fn set_lost(&self, lost: bool) {
        self.write().lost = lost;
    }

    /// Updates the fronts: those that live, this one among them, and those that are on record and do not live. True
    /// when this is a change.
    pub fn set_fronts(&self, fronts: BTreeMap<FrontId, Living>, dead: BTreeSet<FrontId>) -> bool {
        let mut view = self.write();
        let is_news = view.fronts != fronts || view.dead != dead;
        view.fronts = fronts;
        view.dead = dead;
        is_news
    }

    /// Whether a front is on record and known not to live.
    pub fn is_dead(&self, front: &FrontId) -> bool {
        self.read().dead.contains(front)
    }

    /// How many other fronts live, whether or not their addresses are known.
    pub fn count_others(&self) -> usize {
        self.read().fronts.keys().filter(|id| **id != self.me).count()
    }

    /// Addresses of the other living fronts.
    pub fn others(&self) -> Vec<String> {
        let view = self.read();
        let others = view.fronts.iter().filter(|(id, front)| **id != self.me && !front.address.is_empty());
        others.map(|(_, front)| front.address.clone()).collect()
    }

    /// Where a room is.
    pub fn place(&self, room: &RoomId) -> Place {
        let view = self.read();
        if view.held.contains_key(room) {
            return Place::Here;
        }
        let Some(owned) = view.rooms.get(room) else { return Place::Nowhere };
        let owner = owned.owner.as_ref().filter(|owner| **owner != self.me);
        let front = owner.and_then(|owner| view.fronts.get(owner)).filter(|front| !front.address.is_empty());
        front.map_or(Place::Moving, |front| Place::There(front.address.clone()))
    }

    /// Takes in what was read of a room, unless something newer is known; true if it was taken.
    pub fn learn(&self, room: &RoomId, owned: Owned) -> bool {
        let mut view = self.write();
        view.newest = view.newest.max(owned.version);
        if view.rooms.get(room).is_some_and(|known| known.version > owned.version) {
            return false;
        }
        view.rooms.insert(room.clone(), owned);
        true
    }

    /// Takes in the complete list of rooms: all other rooms are forgotten, except those that are open here. Returns the
    /// open ones that are not in the list.
    pub fn keep_only(&self, rooms: &BTreeSet<RoomId>) -> Vec<RoomId> {
        let mut view = self.write();
        let View { rooms: known, held, .. } = &mut *view;
        known.retain(|room, _| rooms.contains(room) || held.contains_key(room));
        held.keys().filter(|room| !rooms.contains(*room)).cloned().collect()
    }

    /// Forgets a room that was removed.
    pub fn forget(&self, room: &RoomId) {
        let mut view = self.write();
        view.rooms.remove(room);
        view.held.remove(room);
    }

    /// Marks a room as being made here, for as long as the caller keeps the result.
    pub fn making(&self, room: &RoomId) -> Making {
        self.write().making.insert(room.clone());
        Making { index: self.clone(), room: room.clone() }
    }

    /// Smallest version of any record that is written from now on.
    pub fn next_version(&self) -> i64 {
        self.read().newest + 1
    }

    /// The version of what is known of a room.
    pub fn version(&self, room: &RoomId) -> Option<i64> {
        self.read().rooms.get(room).map(|owned| owned.version)
    }

    /// Notes that a room is open here, with the record that made this front its owner.
    pub fn hold(&self, room: &RoomId, owned: Owned) {
        let mut view = self.write();
        view.newest = view.newest.max(owned.version);
        view.held.insert(room.clone(), Held { epoch: owned.epoch, version: owned.version });
        view.rooms.insert(room.clone(), owned);
    }

    /// Notes that a room is no longer open here.
    pub fn let_go(&self, room: &RoomId) {
        self.write().held.remove(room);
    }

    /// The epoch since which a room is open here.
    pub fn held(&self, room: &RoomId) -> Option<u64> {
        self.read().held.get(room).map(|held| held.epoch)
    }

    /// The rooms that are open here.
    pub fn all_held(&self) -> Vec<RoomId> {
        self.read().held.keys().cloned().collect()
    }

    /// The documents of rooms that are not open here.
    pub fn elsewhere(&self) -> Vec<(RoomId, Arc<RoomDocument>)> {
        let view = self.read();
        let rooms = view.rooms.iter().filter(|(room, _)| !view.held.contains_key(*room));
        rooms.filter_map(|(room, owned)| Some((room.clone(), owned.document.clone()?))).collect()
    }

    /// The rooms about which this front has to do something, and what.
    pub fn steps(&self) -> Vec<(RoomId, Step)> {
        let view = self.read();
        let steps = view.rooms.iter().map(|(room, owned)| (room.clone(), self.step(&view, room, owned)));
        steps.filter(|(_, step)| *step != Step::Leave).collect()
    }

    /// What this front has to do about one room.
    pub fn step_of(&self, room: &RoomId) -> Step {
        let view = self.read();
        view.rooms.get(room).map_or(Step::Leave, |owned| self.step(&view, room, owned))
    }

    fn step(&self, view: &View, room: &RoomId, owned: &Owned) -> Step {
        let mine = owned.owner.as_ref() == Some(&self.me);
        if let Some(held) = view.held.get(room) {
            return if owned.version > held.version && !mine { Step::Close } else { Step::Leave };
        }
        if view.lost || view.leaving || view.making.contains(room) {
            return Step::Leave;
        }
        match &owned.owner {
            // Handed over to this front, or this front's own from before it was lost.
            Some(_) if mine => Step::Take,
            Some(owner) if view.fronts.contains_key(owner) => Step::Leave,
            _ if self.heir(view, room, &self.me) == Some(&self.me) => Step::Take,
            _ => Step::Leave,
        }
    }

    /// The front that is to get a room when this front stops; `None` when there is no other.
    pub fn heir_of(&self, room: &RoomId) -> Option<FrontId> {
        let view = self.read();
        let others = view.fronts.iter().filter(|(id, front)| **id != self.me && !front.leaving);
        others.map(|(id, _)| id).max_by_key(|front| claim(front, room)).cloned()
    }

    /// The front with the highest claim to a room without an owner (rendezvous hashing): every front computes the same
    /// result, and the rooms of a lost front are distributed among the others.
    fn heir<'a>(&self, view: &'a View, room: &RoomId, me: &'a FrontId) -> Option<&'a FrontId> {
        let stay = view.fronts.iter().filter(|(_, front)| !front.leaving).map(|(id, _)| id);
        // This front may not have seen itself in the list yet.
        stay.chain([me]).max_by_key(|front| claim(front, room))
    }
}

fn claim(front: &FrontId, room: &RoomId) -> [u8; 32] {
    *AssetHash::of(format!("{front} {room}").as_bytes()).bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front(name: &str) -> FrontId {
        FrontId::read(name).expect("a name")
    }

    fn room(name: &str) -> RoomId {
        name.parse().expect("an id")
    }

    fn living(names: &[&str]) -> BTreeMap<FrontId, Living> {
        let one = |name: &&str| (front(name), Living { address: format!("{name}:8190"), leaving: false });
        names.iter().map(one).collect()
    }

    /// A record of a room that was never removed.
    fn owned(owner: &str, epoch: u64) -> Owned {
        Owned { owner: FrontId::read(owner), epoch, version: epoch as i64, document: None }
    }

    /// A view of front `me` after its first look.
    fn index(me: &str, fronts: &[&str]) -> Index {
        let index = Index::new(front(me));
        index.set_fronts(living(fronts), BTreeSet::new());
        index.set_lost(false);
        index
    }

    #[test]
    fn a_room_is_found_wherever_it_is() {
        let index = index("a", &["a", "b"]);
        assert_eq!(index.place(&room("r")), Place::Nowhere);
        index.learn(&room("r"), owned("b", 1));
        assert_eq!(index.place(&room("r")), Place::There("b:8190".to_owned()));
        index.set_fronts(living(&["a"]), BTreeSet::new());
        assert_eq!(index.place(&room("r")), Place::Moving, "its owner is gone");
        index.hold(&room("r"), owned("a", 2));
        assert_eq!(index.place(&room("r")), Place::Here);
        assert!(!index.learn(&room("r"), owned("b", 1)), "what was read before is out of date");
        index.let_go(&room("r"));
        assert_eq!(index.place(&room("r")), Place::Moving, "ours, and not open");
    }

    #[test]
    fn of_those_that_are_left_exactly_one_takes_each_room_and_each_takes_some() {
        let names = ["a", "b", "c"];
        let indices: Vec<Index> = names.iter().map(|me| index(me, &names)).collect();
        let mut takes = [0; 3];
        for n in 0..300 {
            let room = room(&format!("r{n}"));
            let takers = indices.iter().enumerate().filter(|(_, index)| {
                index.learn(&room, owned("gone", 7));
                index.step_of(&room) == Step::Take
            });
            let takers: Vec<usize> = takers.map(|(n, _)| n).collect();
            assert_eq!(takers.len(), 1, "{room}");
            takes[takers[0]] += 1;
        }
        assert!(takes.iter().all(|rooms| *rooms > 60), "{takes:?}");
    }

    #[test]
    fn nothing_is_taken_from_a_front_that_lives_or_by_one_that_is_lost_or_leaves() {
        let index = index("a", &["a", "b"]);
        index.learn(&room("r"), owned("b", 1));
        assert_eq!(index.step_of(&room("r")), Step::Leave);
        index.set_fronts(living(&["a"]), BTreeSet::new());
        assert_eq!(index.step_of(&room("r")), Step::Take);
        index.set_lost(true);
        assert_eq!(index.step_of(&room("r")), Step::Leave);
        index.set_lost(false);
        index.set_leaving();
        assert!(!index.may_take() && index.may_own());
        assert_eq!(index.step_of(&room("r")), Step::Leave);
    }

    #[test]
    fn a_room_that_another_has_taken_is_closed_and_one_that_was_just_taken_is_not() {
        let index = index("a", &["a", "b"]);
        index.hold(&room("r"), owned("a", 2));
        index.learn(&room("r"), owned("b", 1));
        assert_eq!(index.step_of(&room("r")), Step::Leave, "read before it was taken");
        index.learn(&room("r"), owned("b", 3));
        assert_eq!(index.step_of(&room("r")), Step::Close);
        assert_eq!(index.steps(), [(room("r"), Step::Close)]);
    }

    #[test]
    fn a_room_that_was_removed_and_made_again_is_whose_it_is_now() {
        let index = index("c", &["a", "b", "c"]);
        let at = |owner, epoch, version| Owned { version, ..owned(owner, epoch) };
        index.learn(&room("r"), at("a", 5, 50));
        assert!(index.learn(&room("r"), at("b", 1, 60)), "its removal was missed");
        assert_eq!(index.place(&room("r")), Place::There("b:8190".to_owned()));
        assert!(!index.learn(&room("r"), at("a", 5, 50)), "what was read before is out of date");
        index.hold(&room("mine"), at("c", 7, 70));
        index.learn(&room("mine"), at("b", 1, 80));
        assert_eq!(index.step_of(&room("mine")), Step::Close, "somebody removed it and made another");
    }

    #[test]
    fn a_room_that_was_not_made_after_all_may_be_taken() {
        let index = index("a", &["a"]);
        let making = index.making(&room("r"));
        index.learn(&room("r"), owned("a", 1));
        assert_eq!(index.step_of(&room("r")), Step::Leave, "it is being made");
        drop(making);
        assert_eq!(index.step_of(&room("r")), Step::Take);
    }

    #[test]
    fn what_is_handed_over_goes_to_one_who_stays() {
        let index = index("a", &["a", "b", "c"]);
        let mut fronts = living(&["a", "b", "c"]);
        fronts.get_mut(&front("b")).expect("there").leaving = true;
        index.set_fronts(fronts, BTreeSet::new());
        assert_eq!(index.heir_of(&room("r")), Some(front("c")));
        index.set_fronts(living(&["a"]), BTreeSet::new());
        assert_eq!(index.heir_of(&room("r")), None);
    }

    #[test]
    fn what_is_open_here_and_not_in_the_store_is_told() {
        let index = index("a", &["a"]);
        index.learn(&room("old"), owned("b", 1));
        index.hold(&room("r"), owned("a", 1));
        assert_eq!(index.keep_only(&BTreeSet::new()), [room("r")]);
        assert_eq!(index.place(&room("old")), Place::Nowhere);
        assert_eq!(index.place(&room("r")), Place::Here);
    }
}
