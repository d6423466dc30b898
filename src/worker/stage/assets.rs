//! Image store of the stage: finished pictures of uploads.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use tilecast_core::base::AssetHash;

/// Most bytes of uploads that are kept: a dozen scenes of full-screen photographs. The front sends only images that its
/// templates name.
const MAX_BYTES: usize = 64 << 20;

/// Why an upload is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the images of this room's layouts take more than {} MiB together: use smaller files", MAX_BYTES >> 20)]
pub struct TooMuch;

/// The uploads; `None` for one that came and is not kept. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Assets(Arc<Mutex<HashMap<AssetHash, Option<Bytes>>>>);

impl Assets {
    fn lock(&self) -> MutexGuard<'_, HashMap<AssetHash, Option<Bytes>>> {
        // Every update leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an image until it is forgotten.
    pub fn keep(&self, hash: AssetHash, file: Bytes) -> Result<(), TooMuch> {
        let mut files = self.lock();
        let size = |(known, file): (&AssetHash, &Option<Bytes>)| {
            file.as_ref().filter(|_| *known != hash).map_or(0, Bytes::len)
        };
        let others: usize = files.iter().map(size).sum();
        let fits = others + file.len() <= MAX_BYTES;
        // A copy: the slice would keep the whole read buffer alive.
        files.insert(hash, fits.then(|| Bytes::copy_from_slice(&file)));
        if fits { Ok(()) } else { Err(TooMuch) }
    }

    pub fn forget(&self, hashes: &[AssetHash]) {
        let mut files = self.lock();
        for hash in hashes {
            files.remove(hash);
        }
    }

    /// The file with that hash.
    pub fn get(&self, hash: AssetHash) -> Option<Bytes> {
        self.lock().get(&hash).cloned().flatten()
    }

    /// True if it has come, kept or not. A scene may come before its images.
    pub fn has_come(&self, hash: AssetHash) -> bool {
        self.lock().contains_key(&hash)
    }
}
