//! What this front writes into the records of the fleet: the documents of the rooms it owns, and who owns them.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, time::timeout};

use super::{
    index::{FrontId, Index, Owned},
    key::FleetKey,
    library::{MAX_ASSET_BYTES, MAX_ASSETS_BYTES, Seen},
    record::{Kind, Labels, Record, RecordError, Records},
};
use crate::{
    base::RoomId,
    front::{
        engine::swarm::api::ApiError,
        room::{RoomDocument, store},
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

/// Largest sealed document, bytes: with what else is in a record it stays below the 1.5 MiB that Swarm's managers agree on in one go.
pub const MAX_SEALED_BYTES: usize = 1 << 20;

/// Longest wait for the store when somebody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Rooms whose change may wait to be told to the other fronts; they look by themselves now and then.
pub const NEWS: usize = 256;

/// Why a document was not kept.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// This front may not own anything at this moment.
    #[error("this front has lost touch with the Swarm's store; ask another, or again in a few seconds")]
    Lost,
    /// Another front owns it, or soon will.
    #[error("the room is moving to another front; ask again in a second")]
    Moved,
    /// It was removed from the store by hand.
    #[error("it is not in the Swarm's store any more")]
    Gone,
    /// Larger than `MAX_SEALED_BYTES`.
    #[error("it takes {0} bytes, and what several fronts share may take {MAX_SEALED_BYTES}")]
    TooLarge(usize),
    /// Larger than what several fronts can share.
    #[error(
        "several fronts share images of at most {} KiB each and {} KiB together; make it smaller, or delete some first",
        MAX_ASSET_BYTES / 1024,
        MAX_ASSETS_BYTES / 1024
    )]
    ImageTooLarge,
    /// Another front changed it at the same time.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The store took too long.
    #[error("Docker's API took more than {} s", PATIENCE.as_secs())]
    Slow,
}

impl From<ApiError> for ShelfError {
    fn from(error: ApiError) -> Self {
        Self::Record(error.into())
    }
}

/// See the module. Clones share everything.
#[derive(Debug, Clone)]
pub struct Shelf {
    pub(super) records: Records,
    pub(super) key: FleetKey,
    pub(super) index: Index,
    news: mpsc::Sender<News>,
    changes: Arc<AtomicU64>,
    library_changes: Arc<AtomicU64>,
    seen: Arc<Mutex<Seen>>,
}

/// What this front has changed, for the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A room.
    Room(RoomId),
    /// Templates or images.
    Library,
}

impl Shelf {
    /// What was written is told to `news`, for the other fronts.
    pub fn new(records: Records, key: FleetKey, index: Index, news: mpsc::Sender<News>) -> Self {
        let (changes, library_changes, seen) = Default::default();
        Self { records, key, index, news, changes, library_changes, seen }
    }

    /// The records themselves.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// How often this front has written; others see by it that there is something to read.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    pub(super) fn tell(&self, room: &RoomId) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        // Who is not told sees it within seconds.
        let _ = self.news.try_send(News::Room(room.clone()));
    }

    /// How often this front has changed templates or images.
    pub fn library_changes(&self) -> u64 {
        self.library_changes.load(Ordering::Relaxed)
    }

    pub(super) fn tell_library(&self) {
        self.library_changes.fetch_add(1, Ordering::Relaxed);
        let _ = self.news.try_send(News::Library);
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
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
    /// [`ShelfError::Moved`] when another front has just made it, and every other reason why it is not kept.
    pub async fn create(&self, room: &RoomId, document: &RoomDocument) -> Result<(), ShelfError> {
        if !self.index.may_take() {
            return Err(ShelfError::Lost);
        }
        let labels = self.labels(room, document)?;
        self.index.set_making(room, true);
        let made = self.make(room, labels).await;
        if made.is_ok() {
            self.index.hold(room, self.mine(1, document));
            self.tell(room);
        }
        self.index.set_making(room, false);
        made
    }

    async fn make(&self, room: &RoomId, labels: Labels) -> Result<(), ShelfError> {
        match soon(self.records.create(Kind::Room, room.as_str(), labels.clone(), None)).await {
            Err(ShelfError::Record(RecordError::Taken)) => {
                // One whose front was cut off while it removed it is in nobody's way.
                let leftover = soon(self.records.get(Kind::Room, room.as_str())).await?;
                let Some(leftover) = leftover.filter(|record| record.label(GONE).is_some()) else {
                    return Err(ShelfError::Moved);
                };
                soon(self.records.delete(&leftover)).await?;
                soon(self.records.create(Kind::Room, room.as_str(), labels, None)).await?;
            }
            other => other?,
        }
        Ok(())
    }

    /// Keeps the document of a room that this front owns.
    ///
    /// # Errors
    /// Why not; nothing was changed.
    pub async fn put(&self, room: &RoomId, document: &RoomDocument) -> Result<(), ShelfError> {
        let (record, epoch) = self.own(room).await?;
        let sealed = self.seal(room, document)?;
        soon(self.records.change(&record, [(SEALED, sealed)])).await?;
        // It may have been let go meanwhile; then this changes nothing here.
        self.index.learn(room, self.mine(epoch, document));
        self.tell(room);
        Ok(())
    }

    /// Removes a room that this front owns.
    ///
    /// # Errors
    /// Why not; it is as it was.
    pub async fn delete(&self, room: &RoomId) -> Result<(), ShelfError> {
        match self.own(room).await {
            Ok((record, _)) => {
                soon(self.records.change(&record, [(GONE, "1".to_owned())])).await?;
                if let Err(error) = soon(self.records.delete(&record)).await {
                    tracing::warn!(%room, "the room's record is marked as gone and could not be removed yet: {error}");
                }
            }
            Err(ShelfError::Gone) => {}
            Err(error) => return Err(error),
        }
        self.index.forget(room);
        self.tell(room);
        Ok(())
    }

    /// The record of a room that this front owns still.
    async fn own(&self, room: &RoomId) -> Result<(Record, u64), ShelfError> {
        let epoch = self.index.held(room).ok_or(ShelfError::Moved)?;
        if !self.index.may_own() {
            return Err(ShelfError::Lost);
        }
        let record = soon(self.records.get(Kind::Room, room.as_str())).await?.ok_or(ShelfError::Gone)?;
        let owned = owned(&record);
        if owned.owner.as_ref() != Some(self.index.me()) || owned.epoch != epoch {
            self.index.learn(room, owned);
            return Err(ShelfError::Moved);
        }
        Ok((record, epoch))
    }

    /// Takes a room that is nobody's, as this record says, and reads what it should be. It is not held yet.
    ///
    /// # Errors
    /// `RecordError::Changed` when another was quicker; [`ShelfError::Gone`] when what it should be cannot be read.
    pub async fn take(&self, room: &RoomId, record: &Record) -> Result<Owned, ShelfError> {
        let document = self.read(room, record).map_err(|reason| {
            tracing::error!(%room, "a room cannot be taken over: {reason}");
            ShelfError::Gone
        })?;
        let epoch = owned(record).epoch + 1;
        let labels = [(OWNER, self.index.me().as_str().to_owned()), (EPOCH, epoch.to_string())];
        soon(self.records.change(record, labels)).await?;
        Ok(self.mine(epoch, &document))
    }

    /// Gives a room that was this front's, and is closed, to `heir`, or to whoever comes.
    ///
    /// # Errors
    /// Why not: the others take it when this front is gone.
    pub async fn give(&self, room: &RoomId, heir: Option<&FrontId>) -> Result<(), ShelfError> {
        let record = soon(self.records.get(Kind::Room, room.as_str())).await?.ok_or(ShelfError::Gone)?;
        let Owned { owner, epoch, .. } = owned(&record);
        if owner.as_ref() != Some(self.index.me()) {
            return Ok(());
        }
        let heir = heir.map_or_else(String::new, FrontId::to_string);
        let labels = [(OWNER, heir.clone()), (EPOCH, (epoch + 1).to_string())];
        soon(self.records.change(&record, labels)).await?;
        let document = self.read(room, &record).ok().map(Arc::new);
        self.index.learn(room, Owned { owner: FrontId::read(&heir), epoch: epoch + 1, document });
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
        store::read_room(&text)
    }

    fn seal(&self, room: &RoomId, document: &RoomDocument) -> Result<String, ShelfError> {
        let sealed = self.key.seal(&purpose(room), &store::write_room(document));
        if sealed.len() > MAX_SEALED_BYTES { Err(ShelfError::TooLarge(sealed.len())) } else { Ok(sealed) }
    }

    fn labels(&self, room: &RoomId, document: &RoomDocument) -> Result<Labels, ShelfError> {
        let labels = [
            (OWNER, self.index.me().as_str().to_owned()),
            (EPOCH, "1".to_owned()),
            (SEALED, self.seal(room, document)?),
        ];
        Ok(labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    fn mine(&self, epoch: u64, document: &RoomDocument) -> Owned {
        Owned { owner: Some(self.index.me().clone()), epoch, document: Some(Arc::new(document.clone())) }
    }
}

/// Owner and epoch as a record has them, without its document.
fn owned(record: &Record) -> Owned {
    Owned {
        owner: record.label(OWNER).and_then(FrontId::read),
        epoch: record.label(EPOCH).and_then(|epoch| epoch.parse().ok()).unwrap_or(0),
        document: None,
    }
}

fn purpose(room: &RoomId) -> String {
    format!("room {room}")
}

pub(super) async fn soon<T, E: Into<ShelfError>>(answer: impl Future<Output = Result<T, E>>) -> Result<T, ShelfError> {
    timeout(PATIENCE, answer).await.map_err(|_| ShelfError::Slow)?.map_err(Into::into)
}
