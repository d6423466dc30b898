//! Where a front's documents, templates and images are kept: in its state folder ([`folder`]), or in the Swarm's store together with the
//! other fronts of its cluster (`shared`).

pub mod folder;
mod patience;
mod settle;
mod shared;
mod shared_error;
mod shared_library;
mod shared_limits;

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;

pub use self::{
    folder::FolderStore,
    patience::Patience,
    shared::{GONE, NEWS, News, OWNER, SharedStore},
    shared_error::SharedStoreError,
    shared_library::Library,
    shared_limits::MAX_RASTER_BYTES,
};
use super::{assets::Asset, templates::Kept};
use crate::{
    base::{AssetName, RoomId, TemplateName},
    draw::raster,
    front::model::{RoomDocument, RoomError},
};

/// The answer of a store: what was kept before is kept still when it is an error.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, RoomError>>;

/// Keeps what rooms should be. Whoever calls it waits for the answer to the end: a store never hears the same twice at once.
pub trait DocumentStore: fmt::Debug + Send + Sync {
    /// Keeps a room that is not there yet.
    fn create<'a>(&'a self, id: &'a RoomId, document: &'a RoomDocument) -> Answer<'a, ()> {
        self.put(id, document)
    }

    /// Keeps a room.
    fn put<'a>(&'a self, id: &'a RoomId, document: &'a RoomDocument) -> Answer<'a, ()>;

    /// Sees that a store that several fronts share holds this document of a room; true when it did not.
    fn put_back<'a>(&'a self, _: &'a RoomId, _: &'a RoomDocument) -> Answer<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    /// Forgets a room.
    fn delete<'a>(&'a self, id: &'a RoomId) -> Answer<'a, ()>;

    /// Keeps a template with its versions; returns what is kept of them.
    fn put_template<'a>(&'a self, name: &'a TemplateName, kept: Kept) -> Answer<'a, Kept>;

    /// Forgets a template.
    fn delete_template<'a>(&'a self, name: &'a TemplateName) -> Answer<'a, ()>;

    /// Keeps an image with its finished picture.
    fn put_asset<'a>(&'a self, name: &'a AssetName, asset: &'a Asset) -> Answer<'a, ()>;

    /// Keeps the finished picture of an image that is stored.
    fn put_drawing<'a>(&'a self, name: &'a AssetName, asset: &'a Asset) -> Answer<'a, ()>;

    /// Forgets an image.
    fn delete_asset<'a>(&'a self, name: &'a AssetName) -> Answer<'a, ()>;

    /// Sets the file of an image aside that cannot be shown, and says where it is now; what several fronts share stays.
    fn set_aside<'a>(&'a self, _: &'a AssetName) -> BoxFuture<'a, Option<String>> {
        Box::pin(async { None })
    }

    /// Largest file of a finished picture, bytes.
    fn max_raster_bytes(&self) -> usize {
        raster::MAX_BYTES
    }

    /// Templates and images as they are now, where several fronts share them.
    fn library(&self) -> Answer<'_, Option<Library>> {
        Box::pin(async { Ok(None) })
    }

    /// The documents of rooms that are open at other fronts.
    fn elsewhere(&self) -> Vec<(RoomId, Arc<RoomDocument>)> {
        Vec::new()
    }
}

/// Keeps nothing: everything is gone with the process.
#[derive(Debug)]
pub struct Nowhere;

impl DocumentStore for Nowhere {
    fn put<'a>(&'a self, _: &'a RoomId, _: &'a RoomDocument) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn delete<'a>(&'a self, _: &'a RoomId) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn put_template<'a>(&'a self, _: &'a TemplateName, kept: Kept) -> Answer<'a, Kept> {
        Box::pin(async { Ok(kept) })
    }

    fn delete_template<'a>(&'a self, _: &'a TemplateName) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn put_asset<'a>(&'a self, _: &'a AssetName, _: &'a Asset) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn put_drawing<'a>(&'a self, _: &'a AssetName, _: &'a Asset) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn delete_asset<'a>(&'a self, _: &'a AssetName) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl DocumentStore for FolderStore {
    fn put<'a>(&'a self, id: &'a RoomId, document: &'a RoomDocument) -> Answer<'a, ()> {
        let (id, document) = (id.clone(), document.clone());
        self.blocking(move |store| store.put_room(&id, &document))
    }

    fn delete<'a>(&'a self, id: &'a RoomId) -> Answer<'a, ()> {
        let id = id.clone();
        self.blocking(move |store| store.delete_room(&id))
    }

    fn put_template<'a>(&'a self, name: &'a TemplateName, kept: Kept) -> Answer<'a, Kept> {
        let (name, file) = (name.clone(), kept.clone());
        let put = self.blocking(move |store| store.put_template(&name, &file));
        Box::pin(async { put.await.map(|()| kept) })
    }

    fn delete_template<'a>(&'a self, name: &'a TemplateName) -> Answer<'a, ()> {
        let name = name.clone();
        self.blocking(move |store| store.delete_template(&name))
    }

    fn put_asset<'a>(&'a self, name: &'a AssetName, asset: &'a Asset) -> Answer<'a, ()> {
        let (name, asset) = (name.clone(), asset.clone());
        self.blocking(move |store| store.put_asset(&name, &asset))
    }

    fn put_drawing<'a>(&'a self, name: &'a AssetName, asset: &'a Asset) -> Answer<'a, ()> {
        let (name, asset) = (name.clone(), asset.clone());
        self.blocking(move |store| store.put_drawing(&name, &asset))
    }

    fn delete_asset<'a>(&'a self, name: &'a AssetName) -> Answer<'a, ()> {
        let name = name.clone();
        self.blocking(move |store| store.delete_asset(&name))
    }

    fn set_aside<'a>(&'a self, name: &'a AssetName) -> BoxFuture<'a, Option<String>> {
        let (store, name) = (self.clone(), name.clone());
        Box::pin(async move {
            let aside = tokio::task::spawn_blocking(move || store.set_asset_aside(&name)).await.ok()?;
            let aside = aside.inspect_err(|error| tracing::error!("an image cannot be set aside: {error}"));
            aside.ok().map(|path| path.display().to_string())
        })
    }
}

impl DocumentStore for SharedStore {
    fn create<'a>(&'a self, id: &'a RoomId, document: &'a RoomDocument) -> Answer<'a, ()> {
        Box::pin(async move { self.create(id, document).await.map_err(|error| refused(id, error)) })
    }

    fn put<'a>(&'a self, id: &'a RoomId, document: &'a RoomDocument) -> Answer<'a, ()> {
        Box::pin(async move { self.put(id, document).await.map_err(|error| refused(id, error)) })
    }

    fn put_back<'a>(&'a self, id: &'a RoomId, document: &'a RoomDocument) -> Answer<'a, bool> {
        Box::pin(async move { self.put_back(id, document).await.map_err(|error| refused(id, error)) })
    }

    fn delete<'a>(&'a self, id: &'a RoomId) -> Answer<'a, ()> {
        Box::pin(async move { self.delete(id).await.map_err(|error| refused(id, error)) })
    }

    fn put_template<'a>(&'a self, name: &'a TemplateName, kept: Kept) -> Answer<'a, Kept> {
        Box::pin(async move { self.put_template(name, kept).await.map_err(unkept) })
    }

    fn delete_template<'a>(&'a self, name: &'a TemplateName) -> Answer<'a, ()> {
        Box::pin(async move { self.delete_template(name).await.map_err(unkept) })
    }

    fn put_asset<'a>(&'a self, name: &'a AssetName, asset: &'a Asset) -> Answer<'a, ()> {
        Box::pin(async move { self.put_asset(name, asset).await.map_err(unkept) })
    }

    fn put_drawing<'a>(&'a self, name: &'a AssetName, asset: &'a Asset) -> Answer<'a, ()> {
        Box::pin(async move { self.put_drawing(name, asset).await.map_err(unkept) })
    }

    fn delete_asset<'a>(&'a self, name: &'a AssetName) -> Answer<'a, ()> {
        Box::pin(async move { self.delete_asset(name).await.map_err(unkept) })
    }

    fn max_raster_bytes(&self) -> usize {
        MAX_RASTER_BYTES
    }

    fn library(&self) -> Answer<'_, Option<Library>> {
        Box::pin(async move { self.library().await.map(Some).map_err(|error| RoomError::Store(error.to_string())) })
    }

    fn elsewhere(&self) -> Vec<(RoomId, Arc<RoomDocument>)> {
        self.elsewhere()
    }
}

fn refused(id: &RoomId, error: SharedStoreError) -> RoomError {
    match error {
        SharedStoreError::Lost | SharedStoreError::Moved => RoomError::Moving(id.clone(), error.to_string()),
        other => unkept(other),
    }
}

fn unkept(error: SharedStoreError) -> RoomError {
    match error {
        SharedStoreError::Unknown => RoomError::Unknown(error.to_string()),
        other => RoomError::Store(other.to_string()),
    }
}
