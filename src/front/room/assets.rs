//! Uploaded images, by name and by what they hold.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;

use crate::{
    base::{AssetHash, AssetName},
    draw::asset::{AssetError, Inspected, decode, inspect},
    media::Size,
};

/// Most assets.
pub const MAX_ASSETS: usize = 256;
/// Most bytes of all assets together; they are held in memory.
pub const MAX_ASSET_BYTES: usize = 64 << 20;

/// How large an SVG is drawn to see that it can be: an overlay across a usual canvas.
const TRIED: Size = Size { width: 1280, height: 720 };

/// An uploaded image.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// What it is.
    pub inspected: Inspected,
    /// What scenes call it.
    pub hash: AssetHash,
    /// As it was uploaded.
    pub file: Bytes,
}

impl Asset {
    /// Reads a file, pixels and all; takes up to a second of one core.
    ///
    /// # Errors
    /// Why it is no image that can be shown.
    pub fn read(file: Bytes) -> Result<Self, AssetError> {
        let inspected = inspect(&file)?;
        decode(&file, (inspected.kind == crate::draw::asset::Kind::Svg).then_some(TRIED))?;
        Ok(Self { inspected, hash: AssetHash::of(&file), file })
    }
}

/// Shared by every room and the REST API; clones share the set.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    by_name: Arc<RwLock<BTreeMap<AssetName, Asset>>>,
}

impl Assets {
    /// Those that were stored.
    pub fn new(stored: Vec<(AssetName, Asset)>) -> Self {
        Self { by_name: Arc::new(RwLock::new(stored.into_iter().collect())) }
    }

    /// Every asset by name.
    pub fn all(&self) -> BTreeMap<AssetName, Asset> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One asset.
    pub fn get(&self, name: &AssetName) -> Option<Asset> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// What scenes call it.
    pub fn hash(&self, name: &AssetName) -> Option<AssetHash> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).map(|asset| asset.hash)
    }

    /// The file that scenes call so.
    pub fn file(&self, hash: AssetHash) -> Option<Bytes> {
        let assets = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        assets.values().find(|asset| asset.hash == hash).map(|asset| asset.file.clone())
    }

    /// Why there is no room for another; none when there is.
    pub(super) fn refusal(&self, name: &AssetName, file: &Bytes) -> Option<String> {
        let assets = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        let others = || assets.iter().filter(|(other, _)| *other != name);
        let bytes: usize = others().map(|(_, asset)| asset.file.len()).sum();
        if others().count() >= MAX_ASSETS {
            return Some(format!("is one too many; this server keeps {MAX_ASSETS}, delete one first"));
        }
        let over = bytes + file.len() > MAX_ASSET_BYTES;
        over.then(|| {
            format!("does not fit: all assets together have at most {MAX_ASSET_BYTES} bytes, delete some first")
        })
    }

    /// Stores one; true when the name is new.
    pub(super) fn put(&self, name: AssetName, asset: Asset) -> bool {
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).insert(name, asset).is_none()
    }

    /// These are there, and no others; true when that is news.
    pub(super) fn replace(&self, all: BTreeMap<AssetName, Asset>) -> bool {
        let mut present = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        let changed = *present != all;
        *present = all;
        changed
    }

    /// Forgets one.
    pub(super) fn forget(&self, name: &AssetName) {
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}
