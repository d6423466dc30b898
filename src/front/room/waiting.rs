//! Pictures of images that were stored without one: by a version that made none, or by another front. Drawn one after the other, while
//! everything else goes on.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{
    Rooms,
    assets::{Asset, Upload},
};
use crate::base::{AssetName, backoff::Backoff};

/// Wait before another try when the machine, and not the image, is at fault: least and most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

impl Rooms {
    /// Draws whatever waits for it, until the server stops.
    pub async fn draw_waiting(self, stopping: CancellationToken) {
        let _ = stopping.run_until_cancelled(self.draw_all()).await;
    }

    async fn draw_all(&self) {
        let mut backoff = Backoff::new(AGAIN.0, AGAIN.1);
        loop {
            let Some((name, upload)) = self.context.assets.next_waiting() else {
                self.context.assets.waits.notified().await;
                continue;
            };
            if self.draw_one(&name, upload).await {
                backoff.reset();
            } else {
                tokio::time::sleep(backoff.next(rand::random())).await;
            }
        }
    }

    /// False if it is to be tried again.
    async fn draw_one(&self, name: &AssetName, upload: Upload) -> bool {
        let drawn = self.context.rasterizer.draw(&upload.file, self.context.store.max_raster_bytes()).await;
        let Ok(_turn) = self.turn().await else { return false };
        if !self.context.assets.is_waiting(name, &upload) {
            // Replaced or deleted meanwhile.
            return true;
        }
        let why = match drawn {
            Ok(drawing) => {
                let asset = Asset { upload: upload.clone(), drawing };
                match self.context.assets.refusal(name, &asset) {
                    None => {
                        self.keep_drawing(name, &asset).await;
                        self.context.assets.put(name.clone(), asset);
                        self.library_changed().await;
                        return true;
                    }
                    Some(why) => why,
                }
            }
            Err(error) if error.is_final() => error.to_string(),
            Err(error) => {
                tracing::warn!(asset = %name, "a stored image is not drawn yet, and is tried again: {error}");
                return false;
            }
        };
        match self.context.store.set_aside(name).await {
            Some(path) => tracing::error!(asset = %name, "a stored image was set aside as {path}: {why}"),
            None => tracing::error!(asset = %name, "a shared image is not shown: {why}"),
        }
        self.context.assets.give_up(name, &upload);
        true
    }

    /// Without it everything is the same but that it is drawn again at the next start.
    async fn keep_drawing(&self, name: &AssetName, asset: &Asset) {
        if let Err(error) = self.context.store.put_drawing(name, asset).await {
            tracing::warn!(asset = %name, "the picture of an image is not kept, and will be drawn again: {error}");
        }
    }
}
