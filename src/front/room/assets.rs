//! Uploaded images, by name and by what they look like.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::{
    base::{AssetHash, AssetName},
    front::raster::Drawing,
};

/// Most assets.
pub const MAX_ASSETS: usize = 256;
/// Most bytes of all assets together, as they were uploaded and as they are shown; they are held in memory.
pub const MAX_ASSET_BYTES: usize = 128 << 20;

/// A file as it was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// SHA-256 of it.
    pub hash: AssetHash,
    /// The file.
    pub file: Bytes,
}

impl Upload {
    /// A file that nobody has read.
    pub fn new(file: Bytes) -> Self {
        Self { hash: AssetHash::of(&file), file }
    }
}

/// An uploaded image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// As it was uploaded.
    pub upload: Upload,
    /// What it is, and what is shown of it.
    pub drawing: Drawing,
}

impl Asset {
    fn bytes(&self) -> usize {
        self.upload.file.len() + self.drawing.raster.file.len()
    }
}

/// Shared by every room and the REST API; clones share the set.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    set: Arc<RwLock<Set>>,
    /// Told when something waits to be drawn.
    pub(super) waits: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Set {
    ready: BTreeMap<AssetName, Asset>,
    /// Stored without a picture, by a version that made none or by another front. Nobody sees them before they are drawn.
    waiting: BTreeMap<AssetName, Upload>,
    /// Those of the Swarm's store that cannot be drawn, so that they are not tried at every look.
    refused: BTreeSet<AssetHash>,
}

impl Assets {
    /// Those that were stored, with their pictures and without.
    pub fn new(ready: Vec<(AssetName, Asset)>, waiting: Vec<(AssetName, Upload)>) -> Self {
        let (ready, waiting) = (ready.into_iter().collect(), waiting.into_iter().collect());
        let assets = Self::default();
        *assets.write() = Set { ready, waiting, refused: BTreeSet::new() };
        assets.waits.notify_one();
        assets
    }

    fn read(&self) -> RwLockReadGuard<'_, Set> {
        // The maps are whole between their operations.
        self.set.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Set> {
        self.set.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every asset by name.
    pub fn all(&self) -> BTreeMap<AssetName, Asset> {
        self.read().ready.clone()
    }

    /// One asset.
    pub fn get(&self, name: &AssetName) -> Option<Asset> {
        self.read().ready.get(name).cloned()
    }

    /// True for one that is stored, drawn or not.
    pub fn has(&self, name: &AssetName) -> bool {
        let set = self.read();
        set.ready.contains_key(name) || set.waiting.contains_key(name)
    }

    /// What scenes call its picture.
    pub fn hash(&self, name: &AssetName) -> Option<AssetHash> {
        self.read().ready.get(name).map(|asset| asset.drawing.raster.hash)
    }

    /// The picture that scenes call so.
    pub fn raster(&self, hash: AssetHash) -> Option<Bytes> {
        let set = self.read();
        let rasters = set.ready.values().map(|asset| &asset.drawing.raster);
        rasters.into_iter().find(|raster| raster.hash == hash).map(|raster| raster.file.clone())
    }

    /// Why there is no room for another; none when there is.
    pub(super) fn refusal(&self, name: &AssetName, asset: &Asset) -> Option<String> {
        let set = self.read();
        let ready = || set.ready.iter().filter(|(other, _)| *other != name);
        let waiting = || set.waiting.iter().filter(|(other, _)| *other != name);
        if ready().count() + waiting().count() >= MAX_ASSETS {
            return Some(format!("is one too many; this server keeps {MAX_ASSETS}, delete one first"));
        }
        let bytes = ready().map(|(_, asset)| asset.bytes()).sum::<usize>()
            + waiting().map(|(_, upload)| upload.file.len()).sum::<usize>();
        let over = bytes + asset.bytes() > MAX_ASSET_BYTES;
        over.then(|| {
            format!("does not fit: all assets together have at most {} MiB, delete some first", MAX_ASSET_BYTES >> 20)
        })
    }

    /// Stores one; true when the name is new.
    pub(super) fn put(&self, name: AssetName, asset: Asset) -> bool {
        let mut set = self.write();
        let waited = set.waiting.remove(&name).is_some();
        set.ready.insert(name, asset).is_none() && !waited
    }

    /// These are there, and no others; true when that is news for those who show them. One without a picture waits for it.
    pub(super) fn replace(&self, ready: BTreeMap<AssetName, Asset>, waiting: BTreeMap<AssetName, Upload>) -> bool {
        let mut set = self.write();
        let changed = set.ready != ready;
        let refused = std::mem::take(&mut set.refused);
        set.refused = waiting.values().map(|upload| upload.hash).filter(|hash| refused.contains(hash)).collect();
        set.waiting = waiting.into_iter().filter(|(_, upload)| !refused.contains(&upload.hash)).collect();
        set.ready = ready;
        if !set.waiting.is_empty() {
            self.waits.notify_one();
        }
        changed
    }

    /// One that waits to be drawn.
    pub(super) fn next_waiting(&self) -> Option<(AssetName, Upload)> {
        self.read().waiting.first_key_value().map(|(name, upload)| (name.clone(), upload.clone()))
    }

    /// True while this very file waits under that name.
    pub(super) fn is_waiting(&self, name: &AssetName, upload: &Upload) -> bool {
        self.read().waiting.get(name) == Some(upload)
    }

    /// Waits no more for the picture of one that has none.
    pub(super) fn give_up(&self, name: &AssetName, upload: &Upload) {
        let mut set = self.write();
        set.waiting.remove(name);
        set.refused.insert(upload.hash);
    }

    /// Forgets one.
    pub(super) fn forget(&self, name: &AssetName) {
        let mut set = self.write();
        set.ready.remove(name);
        set.waiting.remove(name);
    }
}
