//! What other fronts have changed of what rooms share: templates and images.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Rooms,
    assets::{Asset, Upload},
    picture,
    store::Library,
};
use crate::{
    base::{AssetName, RoomId},
    front::model::{RoomDocument, RoomError},
};

impl Rooms {
    /// Reads templates and images anew where several fronts share them; rooms that use what has changed change at once.
    ///
    /// # Errors
    /// When the store does not answer; everything is as it was.
    pub async fn refresh_library(&self) -> Result<(), RoomError> {
        let refresh = async |rooms: Self, _| {
            let _turn = rooms.turn().await?;
            rooms.read_library().await
        };
        // What has been read is told, whoever waits for it.
        self.whole(refresh).await
    }

    /// The same for one whose turn it is.
    pub(super) async fn read_library(&self) -> Result<(), RoomError> {
        let Some(library) = self.context.store.library().await? else { return Ok(()) };
        let Library { templates, assets, rasters } = library;
        let known = self.context.assets.all();
        let sort = move || sorted(&known, assets, &rasters);
        let (ready, waiting) = tokio::task::spawn_blocking(sort).await.map_err(|_| RoomError::Stopping)?;
        // Both at once, or neither.
        let mut changed = self.context.templates.replace(templates);
        changed |= self.context.assets.replace(ready, waiting);
        if changed {
            self.library_changed().await;
        }
        Ok(())
    }

    /// Every room's document, those of other fronts included.
    pub(super) async fn documents(&self) -> Vec<(RoomId, Arc<RoomDocument>)> {
        let here = self.list().await.into_iter().map(|view| (view.id, Arc::new(view.document)));
        here.chain(self.context.store.elsewhere()).collect()
    }
}

/// The images that have their pictures, and those that wait for them.
fn sorted(
    known: &BTreeMap<AssetName, Asset>,
    files: BTreeMap<AssetName, Upload>,
    rasters: &BTreeMap<AssetName, bytes::Bytes>,
) -> (BTreeMap<AssetName, Asset>, BTreeMap<AssetName, Upload>) {
    let (mut ready, mut waiting) = (BTreeMap::new(), BTreeMap::new());
    for (name, upload) in files {
        let same = known.get(&name).filter(|asset| asset.upload == upload).map(|asset| asset.drawing.clone());
        let read = || {
            let drawing = picture::read(&upload, rasters.get(&name)?);
            drawing.inspect_err(|reason| tracing::warn!(%name, "a shared picture does not read: {reason}")).ok()
        };
        match same.or_else(read) {
            Some(drawing) => drop(ready.insert(name, Asset { upload, drawing })),
            None => drop(waiting.insert(name, upload)),
        }
    }
    (ready, waiting)
}
