//! What every room of a front shares: where workers come from, what may be named, where documents are kept.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    Assets, RoomDocument, RoomError,
    assets::Asset,
    check::{self, Rules},
    ledger::Ledger,
    store::{Store, StoreError},
    templates::{Kept, Templates},
    whole::Whole,
};
use crate::{
    base::{AssetName, RoomId, TemplateName},
    draw::raster,
    front::{
        auth::address::Connector,
        engine::Engine,
        fleet::{MAX_RASTER_BYTES, Shelf, ShelfError},
        raster::Rasterizer,
        webrtc,
    },
    layout::Fault,
    link::message::{self, AudioSettings, Pipelines, Settings, VideoSettings},
};

/// Where documents are kept.
#[derive(Debug)]
pub enum Keeping {
    /// Nowhere.
    Nothing,
    /// In the state folder.
    Folder(Arc<Store>),
    /// In the Swarm's store, with other fronts.
    Fleet(Shelf),
}

/// See the module.
pub struct Context {
    /// Starts workers.
    pub engine: Engine,
    /// What rooms take.
    pub ledger: Ledger,
    /// Opens connections for pulls and pushes.
    pub connector: Connector,
    /// Opens WebRTC sessions for them.
    pub webrtc: webrtc::Client,
    /// What layouts may be named.
    pub templates: Templates,
    /// What images layouts may show.
    pub assets: Assets,
    /// Draws them, and previews.
    pub rasterizer: Rasterizer,
    /// Where documents are kept.
    pub keeping: Keeping,
    /// Launch text of the stage.
    pub stage: String,
    /// Launch texts of the video encoders, by name.
    pub video_encoders: BTreeMap<String, String>,
    /// Launch text of the encoder for those who listen by WebRTC.
    pub opus_encoder: String,
    /// What a document may say.
    pub rules: Arc<Rules>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

impl Context {
    /// What is wrong with a document.
    pub(super) fn check(&self, wanted: &RoomDocument) -> Vec<Fault> {
        self.rules.check(wanted, &self.templates.all())
    }

    /// Faults that a change brings. Those the present document has already, such as an address that the operator has since
    /// forbidden, do not stand in the way of changing something else.
    pub(super) fn new_faults(&self, present: &RoomDocument, wanted: &RoomDocument) -> Vec<Fault> {
        let mut faults = self.check(wanted);
        check::forgive_keys(&mut faults, present, wanted);
        if !faults.is_empty() {
            let old = self.check(present);
            // One short key is not as good as another.
            faults.retain(|fault| check::is_short(fault) || !old.contains(fault));
        }
        faults
    }

    /// What a worker of this room begins with.
    pub(super) fn settings(&self, room: &RoomId, document: &RoomDocument) -> Settings {
        let video = &document.video;
        // A stored document may name an encoder that the operator has since removed.
        let encoder = self.video_encoders.get(&video.encoder).or_else(|| self.video_encoders.get("x264"));
        Settings {
            version: message::VERSION,
            room: room.clone(),
            canvas: document.canvas.clone(),
            video: VideoSettings {
                preset: video.preset.clone(),
                bitrate_kbps: video.bitrate_kbps,
                keyframe_frames: video.keyframe_seconds * document.canvas.fps,
                buffer_ms: video.buffer_ms,
            },
            audio: AudioSettings { bitrate_kbps: document.audio.bitrate_kbps },
            pipelines: Pipelines {
                stage: self.stage.clone(),
                video: encoder.cloned().unwrap_or_default(),
                opus: self.opus_encoder.clone(),
            },
        }
    }

    /// Keeps a room that is not there yet.
    pub(super) async fn keep_new(&self, whole: Whole, id: &RoomId, document: &RoomDocument) -> Result<(), RoomError> {
        match &self.keeping {
            Keeping::Fleet(shelf) => shelf.create(id, document).await.map_err(|error| refused(id, error)),
            Keeping::Nothing | Keeping::Folder(_) => self.keep(whole, id, document).await,
        }
    }

    pub(super) async fn keep(&self, _: Whole, id: &RoomId, document: &RoomDocument) -> Result<(), RoomError> {
        if let Keeping::Fleet(shelf) = &self.keeping {
            return shelf.put(id, document).await.map_err(|error| refused(id, error));
        }
        let (id, document) = (id.clone(), document.clone());
        self.write(move |store| store.put_room(&id, &document)).await
    }

    /// Sees that what several fronts share holds this document of a room; true when it did not.
    pub(super) async fn keep_still(&self, _: Whole, id: &RoomId, document: &RoomDocument) -> Result<bool, RoomError> {
        match &self.keeping {
            Keeping::Fleet(shelf) => shelf.put_back(id, document).await.map_err(|error| refused(id, error)),
            Keeping::Nothing | Keeping::Folder(_) => Ok(false),
        }
    }

    pub(super) async fn forget(&self, _: Whole, id: &RoomId) -> Result<(), RoomError> {
        if let Keeping::Fleet(shelf) = &self.keeping {
            return shelf.delete(id).await.map_err(|error| refused(id, error));
        }
        let id = id.clone();
        self.write(move |store| store.delete_room(&id)).await
    }

    /// Keeps a template; returns what is kept of its versions.
    pub(super) async fn keep_template(&self, _: Whole, name: &TemplateName, kept: Kept) -> Result<Kept, RoomError> {
        if let Keeping::Fleet(shelf) = &self.keeping {
            return shelf.put_template(name, kept).await.map_err(unkept);
        }
        let (name, file) = (name.clone(), kept.clone());
        self.write(move |store| store.put_template(&name, &file)).await.map(|()| kept)
    }

    pub(super) async fn keep_asset(&self, _: Whole, name: &AssetName, asset: &Asset) -> Result<(), RoomError> {
        if let Keeping::Fleet(shelf) = &self.keeping {
            return shelf.put_asset(name, asset).await.map_err(unkept);
        }
        let (name, asset) = (name.clone(), asset.clone());
        self.write(move |store| store.put_asset(&name, &asset)).await
    }

    /// Keeps the picture of an image that is stored.
    pub(super) async fn keep_drawing(&self, name: &AssetName, asset: &Asset) -> Result<(), RoomError> {
        if let Keeping::Fleet(shelf) = &self.keeping {
            return shelf.put_drawing(name, asset).await.map_err(unkept);
        }
        let (name, asset) = (name.clone(), asset.clone());
        self.write(move |store| store.put_drawing(&name, &asset)).await
    }

    /// Sets the file of an image aside that cannot be shown, and says where it is now; what several fronts share stays.
    pub(super) async fn set_aside(&self, name: &AssetName) -> Option<String> {
        let Keeping::Folder(store) = &self.keeping else { return None };
        let (store, name) = (store.clone(), name.clone());
        let aside = tokio::task::spawn_blocking(move || store.set_asset_aside(&name)).await.ok()?;
        let aside = aside.inspect_err(|error| tracing::error!("an image cannot be set aside: {error}"));
        aside.ok().map(|path| path.display().to_string())
    }

    /// Largest file of a finished picture that can be kept, bytes.
    pub(super) fn most_of_a_raster(&self) -> usize {
        match self.keeping {
            Keeping::Fleet(_) => MAX_RASTER_BYTES,
            Keeping::Nothing | Keeping::Folder(_) => raster::MAX_BYTES,
        }
    }

    pub(super) async fn forget_asset(&self, _: Whole, name: &AssetName) -> Result<(), RoomError> {
        if let Keeping::Fleet(shelf) = &self.keeping {
            return shelf.delete_asset(name).await.map_err(unkept);
        }
        let name = name.clone();
        self.write(move |store| store.delete_asset(&name)).await
    }

    pub(super) async fn forget_template(&self, _: Whole, name: &TemplateName) -> Result<(), RoomError> {
        if let Keeping::Fleet(shelf) = &self.keeping {
            return shelf.delete_template(name).await.map_err(unkept);
        }
        let name = name.clone();
        self.write(move |store| store.delete_template(&name)).await
    }

    /// Runs a write where waiting for the disk holds up nobody else.
    async fn write(
        &self,
        write: impl FnOnce(&Store) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), RoomError> {
        let Keeping::Folder(store) = &self.keeping else { return Ok(()) };
        let store = store.clone();
        match tokio::task::spawn_blocking(move || write(&store)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error @ StoreError::Io { .. })) => Err(RoomError::Unwritable(error.to_string())),
            Ok(Err(error)) => Err(RoomError::Store(error.to_string())),
            Err(_) => Err(RoomError::Stopping),
        }
    }
}

fn refused(id: &RoomId, error: ShelfError) -> RoomError {
    match error {
        ShelfError::Lost | ShelfError::Moved => RoomError::Moving(id.clone(), error.to_string()),
        other => unkept(other),
    }
}

fn unkept(error: ShelfError) -> RoomError {
    match error {
        ShelfError::Unknown => RoomError::Unknown(error.to_string()),
        other => RoomError::Store(other.to_string()),
    }
}
