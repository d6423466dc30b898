//! What this front writes into the records of the cluster: the documents of the rooms it owns, and who owns them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;

use super::{folder, patience::Patience, shared_error::SharedStoreError, shared_limits::MAX_SEALED_BYTES};
use crate::{
    base::RoomId,
    front::{
        docker::{
            key::ClusterKey,
            ownership::{FrontId, Index, Owned},
            record::{Kind, Labels, Record, RecordError, Records},
        },
        model::RoomDocument,
    },
};

/// Label with a room's owner.
pub const OWNER: &str = "tilecast.owner";
/// Label with the number of owners that a room has had.
pub const EPOCH: &str = "tilecast.epoch";
/// Label with the document, sealed.
pub const SEALED: &str = "tilecast.sealed";
/// Label of what is about to be removed: Docker removes whatever the version, so it is marked first, which only one can do.
pub const GONE: &str = "tilecast.gone";

/// Most rooms of which it is remembered that they are not to be made any more: beyond that the oldest by name is let in.
const MAX_GIVEN_UP: usize = 256;

/// Rooms whose change may wait to be told to the other fronts; they look by themselves now and then.
pub const NEWS: usize = 256;

/// The records of a library as they were last read, by kind and name. An image has several, the newest last, where a front that
/// replaced it was cut off.
pub(super) type Seen = BTreeMap<(Kind, String), Vec<Record>>;

/// See the module. Clones share everything.
#[derive(Debug, Clone)]
pub struct SharedStore {
    pub(in crate::front) records: Records,
    pub(in crate::front) key: ClusterKey,
    pub(in crate::front) index: Index,
    pub(in crate::front) patience: Patience,
    news: mpsc::Sender<News>,
    changes: Arc<AtomicU64>,
    library_changes: Arc<AtomicU64>,
    seen: Arc<Mutex<Seen>>,
    /// Rooms that were refused although they may yet be made, with the sealed document that they would have.
    given_up: Arc<Mutex<BTreeMap<RoomId, String>>>,
}

/// What this front has changed, for the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A room.
    Room(RoomId),
    /// Templates or images.
    Library,
}

impl SharedStore {
    /// What was written is told to `news`, for the other fronts.
    pub fn new(records: Records, key: ClusterKey, index: Index, news: mpsc::Sender<News>) -> Self {
        let (changes, library_changes, seen, given_up) = Default::default();
        let patience = Patience::default();
        Self { records, key, index, patience, news, changes, library_changes, seen, given_up }
    }

    /// The same with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The records themselves.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// How often this front has written; others see by it that there is something to read.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    pub(in crate::front) fn tell(&self, room: &RoomId) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        // Who is not told sees it within seconds.
        let _ = self.news.try_send(News::Room(room.clone()));
    }

    /// How often this front has changed templates or images.
    pub fn library_changes(&self) -> u64 {
        self.library_changes.load(Ordering::Relaxed)
    }

    pub(in crate::front) fn tell_library(&self) {
        self.library_changes.fetch_add(1, Ordering::Relaxed);
        let _ = self.news.try_send(News::Library);
    }

    pub(in crate::front) fn seen(&self) -> MutexGuard<'_, Seen> {
        // A map is whole between its operations.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The documents of rooms that are not open here.
    pub fn elsewhere(&self) -> Vec<(RoomId, Arc<RoomDocument>)> {
        self.index.elsewhere()
    }

    /// Makes a room this front's that nobody has.
    ///
    /// # Errors
    /// [`SharedStoreError::Moved`] when another front has just made it, and every other reason why it is not kept.
    pub async fn create(&self, room: &RoomId, document: &RoomDocument) -> Result<(), SharedStoreError> {
        if !self.index.may_take() {
            return Err(SharedStoreError::Lost);
        }
        let labels = self.labels(room, document)?;
        let _making = self.index.making(room);
        let version = self.index.next_version();
        match self.make(room, labels.clone()).await {
            Ok(()) => {}
            Err(SharedStoreError::Unknown) => {
                self.give_up(room, &labels[SEALED]);
                return Err(SharedStoreError::Unknown);
            }
            Err(error) => return Err(error),
        }
        self.given_up().remove(room);
        self.index.hold(room, self.mine(1, version, document));
        self.tell(room);
        Ok(())
    }

    async fn make(&self, room: &RoomId, labels: Labels) -> Result<(), SharedStoreError> {
        match self.create_surely(Kind::Room, room.as_str(), labels.clone(), None).await {
            Err(SharedStoreError::Record(RecordError::Taken)) => {
                // One whose front was cut off while it removed it is in nobody's way, nor is one that this front was refused.
                let leftover = self.patience.wait(self.records.get(Kind::Room, room.as_str())).await?;
                let in_the_way = |record: &Record| record.label(GONE).is_none() && !self.is_given_up(room, record);
                match leftover {
                    Some(record) if in_the_way(&record) => return Err(SharedStoreError::Moved),
                    Some(record) => self.remove(&record).await?,
                    None => {}
                }
                self.create_surely(Kind::Room, room.as_str(), labels, None).await
            }
            other => other,
        }
    }

    fn given_up(&self) -> MutexGuard<'_, BTreeMap<RoomId, String>> {
        // A map is whole between its operations.
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody was told that this room is there, so it is not to be, should the store make it yet.
    fn give_up(&self, room: &RoomId, sealed: &str) {
        let mut given_up = self.given_up();
        if given_up.len() >= MAX_GIVEN_UP && !given_up.contains_key(room) {
            given_up.pop_first();
        }
        given_up.insert(room.clone(), sealed.to_owned());
    }

    /// Whether this record is what this front was not told to have made.
    fn is_given_up(&self, room: &RoomId, record: &Record) -> bool {
        // No two sealed documents are the same.
        self.given_up().get(room).is_some_and(|sealed| record.label(SEALED) == Some(sealed))
    }

    /// Removes a room that was made after this front had been refused to make it; false if it is none of those.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn undo_late(&self, room: &RoomId, record: &Record) -> Result<bool, SharedStoreError> {
        if !self.is_given_up(room, record) {
            return Ok(false);
        }
        tracing::warn!(%room, "the room was made after it had been refused, and is removed");
        self.remove(record).await?;
        self.given_up().remove(room);
        self.index.forget(room);
        Ok(true)
    }

    /// Removes a record as it was read. Docker removes whatever the version, so it is marked first, which only one can do.
    async fn remove(&self, record: &Record) -> Result<(), SharedStoreError> {
        if record.label(GONE).is_none() {
            self.change_surely(Kind::Room, record, [(GONE, "1".to_owned())]).await?;
        }
        if let Err(error) = self.patience.wait(self.records.delete(record)).await {
            tracing::warn!(room = record.about, "its record is marked as gone and could not be removed yet: {error}");
        }
        Ok(())
    }

    /// Keeps the document of a room that this front owns.
    ///
    /// # Errors
    /// Why not; nothing was changed, but for [`SharedStoreError::Unknown`].
    pub async fn put(&self, room: &RoomId, document: &RoomDocument) -> Result<(), SharedStoreError> {
        let (record, epoch) = self.own(room).await?;
        let sealed = self.seal(room, document)?;
        self.change_surely(Kind::Room, &record, [(SEALED, sealed)]).await?;
        // It may have been let go meanwhile; then this changes nothing here.
        self.index.learn(room, self.mine(epoch, record.version + 1, document));
        self.tell(room);
        Ok(())
    }

    /// Sees that the record of a room that this front owns holds this document, which it may not where the store made a change after
    /// all that had been refused. True when it did not.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn put_back(&self, room: &RoomId, document: &RoomDocument) -> Result<bool, SharedStoreError> {
        let (record, _) = self.own(room).await?;
        if self.read(room, &record).is_ok_and(|kept| kept == *document) {
            return Ok(false);
        }
        self.put(room, document).await?;
        Ok(true)
    }

    /// Removes a room that this front owns.
    ///
    /// # Errors
    /// Why not; it is as it was, but for [`SharedStoreError::Unknown`].
    pub async fn delete(&self, room: &RoomId) -> Result<(), SharedStoreError> {
        match self.own(room).await {
            Ok((record, _)) => self.remove(&record).await?,
            Err(SharedStoreError::Gone) => {}
            Err(error) => return Err(error),
        }
        self.index.forget(room);
        self.tell(room);
        Ok(())
    }

    /// The record of a room that this front owns still.
    async fn own(&self, room: &RoomId) -> Result<(Record, u64), SharedStoreError> {
        let epoch = self.index.held(room).ok_or(SharedStoreError::Moved)?;
        if !self.index.may_own() {
            return Err(SharedStoreError::Lost);
        }
        let record =
            self.patience.wait(self.records.get(Kind::Room, room.as_str())).await?.ok_or(SharedStoreError::Gone)?;
        let owned = owned(&record);
        if owned.owner.as_ref() != Some(self.index.me()) || owned.epoch != epoch {
            self.index.learn(room, owned);
            return Err(SharedStoreError::Moved);
        }
        Ok((record, epoch))
    }

    /// Takes a room that is nobody's, as this record says, and reads what it should be. It is not held yet.
    ///
    /// # Errors
    /// `RecordError::Changed` when another was quicker; [`SharedStoreError::Gone`] when what it should be cannot be read.
    pub async fn take(&self, room: &RoomId, record: &Record) -> Result<Owned, SharedStoreError> {
        let document = self.read(room, record).map_err(|reason| {
            tracing::error!(%room, "a room cannot be taken over: {reason}");
            SharedStoreError::Gone
        })?;
        let epoch = owned(record).epoch + 1;
        let labels = [(OWNER, self.index.me().as_str().to_owned()), (EPOCH, epoch.to_string())];
        self.change_surely(Kind::Room, record, labels).await?;
        Ok(self.mine(epoch, record.version + 1, &document))
    }

    /// Gives a room that was this front's, and is closed, to `heir`, or to whoever comes; with the document that it had last, if
    /// that is known.
    ///
    /// # Errors
    /// Why not: the others take it when this front is gone.
    pub async fn give(
        &self,
        room: &RoomId,
        heir: Option<&FrontId>,
        last: Option<&RoomDocument>,
    ) -> Result<(), SharedStoreError> {
        let record =
            self.patience.wait(self.records.get(Kind::Room, room.as_str())).await?.ok_or(SharedStoreError::Gone)?;
        let Owned { owner, epoch, .. } = owned(&record);
        if owner.as_ref() != Some(self.index.me()) {
            return Ok(());
        }
        let kept = self.read(room, &record).ok();
        let heir = heir.map_or_else(String::new, FrontId::to_string);
        let sealed = match last.filter(|last| kept.as_ref() != Some(last)) {
            Some(last) => self.seal(room, last)?,
            None => record.label(SEALED).unwrap_or_default().to_owned(),
        };
        let labels = [(OWNER, heir.clone()), (EPOCH, (epoch + 1).to_string()), (SEALED, sealed)];
        self.change_surely(Kind::Room, &record, labels).await?;
        let document = last.cloned().or(kept).map(Arc::new);
        let owner = FrontId::read(&heir);
        self.index.learn(room, Owned { owner, epoch: epoch + 1, version: record.version + 1, document });
        self.changes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// What a record says of its room.
    pub fn understand(&self, room: &RoomId, record: &Record) -> Owned {
        let document = self.read(room, record);
        let document = document.inspect_err(|reason| tracing::warn!(%room, "a record does not read: {reason}"));
        Owned { document: document.ok().map(Arc::new), ..owned(record) }
    }

    fn read(&self, room: &RoomId, record: &Record) -> Result<RoomDocument, String> {
        let sealed = record.label(SEALED).ok_or("it has no document")?;
        let text = self.key.open(&purpose(room), sealed).map_err(|error| error.to_string())?;
        folder::read_room(&text)
    }

    fn seal(&self, room: &RoomId, document: &RoomDocument) -> Result<String, SharedStoreError> {
        let sealed = self.key.seal(&purpose(room), &folder::write_room(document));
        if sealed.len() > MAX_SEALED_BYTES { Err(SharedStoreError::TooLarge(sealed.len())) } else { Ok(sealed) }
    }

    fn labels(&self, room: &RoomId, document: &RoomDocument) -> Result<Labels, SharedStoreError> {
        let labels = [
            (OWNER, self.index.me().as_str().to_owned()),
            (EPOCH, "1".to_owned()),
            (SEALED, self.seal(room, document)?),
        ];
        Ok(labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    fn mine(&self, epoch: u64, version: i64, document: &RoomDocument) -> Owned {
        Owned { owner: Some(self.index.me().clone()), epoch, version, document: Some(Arc::new(document.clone())) }
    }
}

/// Owner and epoch as a record has them, without its document.
fn owned(record: &Record) -> Owned {
    Owned {
        owner: record.label(OWNER).and_then(FrontId::read),
        epoch: record.label(EPOCH).and_then(|epoch| epoch.parse().ok()).unwrap_or(0),
        version: record.version,
        document: None,
    }
}

fn purpose(room: &RoomId) -> String {
    format!("room {room}")
}
