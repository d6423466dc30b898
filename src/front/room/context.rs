//! What every room of a front shares: where workers come from, what may be named, where documents are kept.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    Assets,
    admission::Ledger,
    assets::Asset,
    check::{self, Rules},
    store::DocumentStore,
    templates::{Kept, Templates},
    whole::Whole,
};
use crate::{
    base::{AssetName, RoomId, TemplateName},
    front::{
        engine::Engine,
        model::{RoomDocument, RoomError},
        net::address::Connector,
        raster::Rasterizer,
        webrtc,
    },
    layout::Fault,
    link::message::{self, AudioSettings, Pipelines, Settings, VideoSettings},
};

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
    pub store: Box<dyn DocumentStore>,
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
    pub(super) async fn keep_new(&self, _: Whole, id: &RoomId, document: &RoomDocument) -> Result<(), RoomError> {
        self.store.create(id, document).await
    }

    pub(super) async fn keep(&self, _: Whole, id: &RoomId, document: &RoomDocument) -> Result<(), RoomError> {
        self.store.put(id, document).await
    }

    /// Sees that what several fronts share holds this document of a room; true when it did not.
    pub(super) async fn keep_still(&self, _: Whole, id: &RoomId, document: &RoomDocument) -> Result<bool, RoomError> {
        self.store.put_back(id, document).await
    }

    pub(super) async fn forget(&self, _: Whole, id: &RoomId) -> Result<(), RoomError> {
        self.store.delete(id).await
    }

    /// Keeps a template; returns what is kept of its versions.
    pub(super) async fn keep_template(&self, _: Whole, name: &TemplateName, kept: Kept) -> Result<Kept, RoomError> {
        self.store.put_template(name, kept).await
    }

    pub(super) async fn keep_asset(&self, _: Whole, name: &AssetName, asset: &Asset) -> Result<(), RoomError> {
        self.store.put_asset(name, asset).await
    }

    pub(super) async fn forget_asset(&self, _: Whole, name: &AssetName) -> Result<(), RoomError> {
        self.store.delete_asset(name).await
    }

    pub(super) async fn forget_template(&self, _: Whole, name: &TemplateName) -> Result<(), RoomError> {
        self.store.delete_template(name).await
    }
}
