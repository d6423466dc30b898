//! What other fronts have changed of what rooms share: templates and images.

use std::sync::Arc;

use super::{Keeping, RoomDocument, RoomError, Rooms, assets::Asset};
use crate::{base::RoomId, front::fleet::Shelf};

impl Rooms {
    /// Reads templates and images anew where several fronts share them; rooms that use what has changed change at once.
    ///
    /// # Errors
    /// When the store does not answer; everything is as it was.
    pub async fn refresh_library(&self) -> Result<(), RoomError> {
        let refresh = async |rooms: Self, _| {
            let Keeping::Fleet(shelf) = &rooms.context.keeping else { return Ok(()) };
            let _turn = rooms.turn().await?;
            rooms.read_library(shelf).await
        };
        // What has been read is told, whoever waits for it.
        self.whole(refresh).await
    }

    /// The same for one whose turn it is.
    pub(super) async fn read_library(&self, shelf: &Shelf) -> Result<(), RoomError> {
        let library = shelf.library().await.map_err(|error| RoomError::Store(error.to_string()))?;
        let (templates, assets) = (&self.context.templates, self.context.assets.clone());
        let mut changed = templates.replace(library.templates);
        let read = tokio::task::spawn_blocking(move || {
            let known = assets.all();
            let read = library.assets.into_iter().filter_map(|(name, file)| {
                let same = known.get(&name).filter(|asset| asset.file == file).cloned();
                let asset = same.map_or_else(|| Asset::read(file), Ok);
                let asset = asset.inspect_err(|error| tracing::warn!(%name, "a shared image does not read: {error}"));
                Some((name, asset.ok()?))
            });
            assets.replace(read.collect())
        });
        changed |= read.await.map_err(|_| RoomError::Stopping)?;
        if changed {
            self.library_changed().await;
        }
        Ok(())
    }

    /// Every room's document, those of other fronts included.
    pub(super) async fn documents(&self) -> Vec<(RoomId, Arc<RoomDocument>)> {
        let here = self.list().await.into_iter().map(|view| (view.id, Arc::new(view.document)));
        let elsewhere = match &self.context.keeping {
            Keeping::Fleet(shelf) => shelf.elsewhere(),
            Keeping::Nothing | Keeping::Folder(_) => Vec::new(),
        };
        here.chain(elsewhere).collect()
    }
}
