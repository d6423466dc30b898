//! Templates and images that several fronts share. Each is a record; who changes one has read it before, and is refused when another
//! was quicker.
//!
//! An image is two records: the upload, and its finished picture. One whose picture is missing, because a front of an earlier version
//! stored it or the picture has no room, is drawn by each front for itself.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    super::{
        assets::{Asset, Upload},
        picture,
        templates::Kept,
    },
    folder,
    shared::{SEALED, Seen, SharedStore},
    shared_error::SharedStoreError,
    shared_limits::{MAX_ASSET_BYTES, MAX_ASSETS_BYTES, MAX_HISTORY_BYTES, MAX_SEALED_BYTES, MAX_TEMPLATES_BYTES},
};
use crate::{
    base::{AssetName, TemplateName},
    front::docker::record::{Kind, Labels, Record, RecordError},
};

/// What is shared besides rooms.
#[derive(Debug, Default)]
pub struct Library {
    /// Stored templates by name.
    pub templates: BTreeMap<TemplateName, Kept>,
    /// Images by name, as they were uploaded.
    pub assets: BTreeMap<AssetName, Upload>,
    /// Pictures by name, as they are kept.
    pub rasters: BTreeMap<AssetName, Bytes>,
}

impl SharedStore {
    /// Reads the library.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn library(&self) -> Result<Library, SharedStoreError> {
        let mut library = Library::default();
        let mut seen = Seen::new();
        for record in self.patience.wait(self.records().list(Kind::Template)).await? {
            match self.template(&record) {
                Ok((name, kept)) => {
                    seen.insert((Kind::Template, name.as_str().to_owned()), vec![record]);
                    library.templates.insert(name, kept);
                }
                Err(reason) => tracing::warn!(about = record.about, "a shared template does not read: {reason}"),
            }
        }
        for (name, record, data) in self.files(Kind::Asset).await? {
            let upload = Upload::new(data);
            if record.about != about(&name, &upload) {
                tracing::warn!(%name, "a shared image is not what its SHA-256 says, and is left out");
                continue;
            }
            seen.entry((Kind::Asset, name.as_str().to_owned())).or_default().push(record);
            library.assets.insert(name, upload);
        }
        for (name, record, data) in self.files(Kind::Raster).await? {
            seen.entry((Kind::Raster, name.as_str().to_owned())).or_default().push(record);
            library.rasters.insert(name, data);
        }
        *self.seen() = seen;
        Ok(library)
    }

    /// The records of files, by name. Of two with one name, which a front that was cut off while it replaced one leaves behind, the
    /// newer is the later one, and counts.
    async fn files(&self, kind: Kind) -> Result<Vec<(AssetName, Record, Bytes)>, SharedStoreError> {
        let mut records = self.patience.wait(self.records().list(kind)).await?;
        records.sort_by_key(|record| record.version);
        let file = |record: Record| {
            let name = record.about.split(' ').next()?.parse().ok()?;
            let data = record.data()?.into();
            Some((name, record, data))
        };
        Ok(records.into_iter().filter_map(file).collect())
    }

    fn template(&self, record: &Record) -> Result<(TemplateName, Kept), String> {
        let name: TemplateName = record.about.parse().map_err(|error| format!("{error}"))?;
        let sealed = record.label(SEALED).ok_or("it has no document")?;
        let text = self.key.open(&purpose(&name), sealed).map_err(|error| error.to_string())?;
        Ok((name, folder::read_template(&text)?))
    }

    fn seen_records(&self, kind: Kind, name: &str) -> Vec<Record> {
        self.seen().get(&(kind, name.to_owned())).cloned().unwrap_or_default()
    }

    /// What everything of a kind takes that has another name, bytes.
    fn taken(&self, kind: Kind, name: &str, size: impl Fn(&Record) -> usize) -> usize {
        let seen = self.seen();
        let others = seen.iter().filter(|((of, other), _)| *of == kind && other != name);
        others.flat_map(|(_, records)| records).map(size).sum()
    }

    /// Keeps a template, in place of the one that was last read. Returns what is kept of its versions.
    ///
    /// # Errors
    /// `RecordError` when another front changed it since, and whatever else keeps it from being kept.
    pub async fn put_template(&self, name: &TemplateName, mut kept: Kept) -> Result<Kept, SharedStoreError> {
        let sealed = loop {
            let sealed = self.key.seal(&purpose(name), &folder::write_template(&kept));
            if sealed.len() <= MAX_HISTORY_BYTES || kept.earlier.is_empty() {
                break sealed;
            }
            kept.earlier.remove(0);
        };
        if sealed.len() > MAX_SEALED_BYTES {
            return Err(SharedStoreError::TooLarge(sealed.len()));
        }
        let others = self.taken(Kind::Template, name.as_str(), |record| record.label(SEALED).map_or(0, str::len));
        if others + sealed.len() > MAX_TEMPLATES_BYTES {
            return Err(SharedStoreError::TemplatesTooLarge);
        }
        match self.seen_records(Kind::Template, name.as_str()).last() {
            Some(record) => self.change_surely(Kind::Template, record, [(SEALED, sealed)]).await?,
            None => {
                let labels = Labels::from([(SEALED.to_owned(), sealed)]);
                self.create_surely(Kind::Template, name.as_str(), labels, None).await?;
            }
        }
        self.tell_library();
        Ok(kept)
    }

    /// Forgets a template.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn delete_template(&self, name: &TemplateName) -> Result<(), SharedStoreError> {
        self.delete_seen(Kind::Template, name.as_str()).await
    }

    /// Keeps an image and its picture, in place of those that were last read.
    ///
    /// # Errors
    /// [`SharedStoreError::ImageTooLarge`], and whatever else keeps the image from being kept. Without its picture it is drawn again.
    pub async fn put_asset(&self, name: &AssetName, asset: &Asset) -> Result<(), SharedStoreError> {
        let about = about(name, &asset.upload);
        if self.replace(Kind::Asset, name, &about, &asset.upload.file).await? {
            self.tell_library();
        }
        if let Err(error) = self.put_drawing(name, asset).await {
            tracing::warn!(%name, "the picture of an image is not shared, so each front draws it: {error}");
        }
        Ok(())
    }

    /// Keeps the picture of an image that is kept.
    ///
    /// # Errors
    /// As [`SharedStore::put_asset`].
    pub async fn put_drawing(&self, name: &AssetName, asset: &Asset) -> Result<(), SharedStoreError> {
        let data = picture::write(&asset.upload, &asset.drawing);
        match self.replace(Kind::Raster, name, &about(name, &asset.upload), &data).await {
            Ok(true) => self.tell_library(),
            // Another front has drawn the same.
            Ok(false) | Err(SharedStoreError::Record(RecordError::Taken)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Makes a record in place of those that were last read; false if the one that counts is about the same. A config's data never
    /// change, so another file is another config.
    async fn replace(&self, kind: Kind, name: &AssetName, about: &str, file: &[u8]) -> Result<bool, SharedStoreError> {
        let taken = self.taken(kind, name.as_str(), |record| record.data().map_or(0, |file| file.len()));
        if file.len() > MAX_ASSET_BYTES || taken + file.len() > MAX_ASSETS_BYTES {
            return Err(SharedStoreError::ImageTooLarge);
        }
        let (same, others): (Vec<_>, Vec<_>) =
            self.seen_records(kind, name.as_str()).into_iter().partition(|record| record.about == about);
        if same.is_empty() {
            self.create_surely(kind, about, Labels::new(), Some(file)).await?;
        }
        let news = same.is_empty() || !others.is_empty();
        for other in others {
            match self.delete_surely(kind, &other).await {
                // The newest counts, and what is left is removed with the next change.
                Err(error) if same.is_empty() => {
                    tracing::warn!(%name, "an image that was replaced is still kept: {error}");
                }
                removed => removed?,
            }
        }
        Ok(news)
    }

    /// Forgets an image.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn delete_asset(&self, name: &AssetName) -> Result<(), SharedStoreError> {
        self.delete_seen(Kind::Asset, name.as_str()).await?;
        self.delete_seen(Kind::Raster, name.as_str()).await
    }

    async fn delete_seen(&self, kind: Kind, name: &str) -> Result<(), SharedStoreError> {
        // The newest last: it is what counts for as long as it is there.
        for record in self.seen_records(kind, name) {
            self.delete_surely(kind, &record).await?;
        }
        self.tell_library();
        Ok(())
    }
}

/// What a record says that it is about: which image, and which file under that name.
fn about(name: &AssetName, upload: &Upload) -> String {
    format!("{name} {}", &upload.hash.to_string()[..16])
}

fn purpose(name: &TemplateName) -> String {
    format!("template {name}")
}
