//! Rooms, templates and images on disk, so that they survive a restart.
//!
//! One file each, `rooms/ID.json`, `layouts/NAME.json` and `assets/NAME.asset`, replaced as a whole: written beside, synced, renamed, and the
//! folder synced. An image's picture is `assets/NAME.raster`, which is drawn again if it is not there. A crash at any moment leaves the old file or the new one. A file that does not read is set aside under
//! another name and told, never fatal, never deleted. Blocking: call from a thread that may wait.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    super::{
        assets::{Asset, Upload},
        picture,
        templates::{Kept, Version},
    },
    Answer,
};
use crate::{
    base::{AssetName, RoomId, TemplateName},
    front::{
        model::{RoomDocument, RoomError},
        raster::Drawing,
    },
    layout::Template,
};

/// The format that this version writes. One that adds optional fields stays the same; one that an older version would
/// misread is counted up.
const FORMAT: u32 = 1;
/// Largest file that is read, and so the largest that is written: what the API takes in one go, eight times over, since what it
/// left out is written out.
const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;
/// How files begin that were being written when the machine stopped.
const UNFINISHED: &str = ".unfinished-";
/// Most names tried for a file that is set aside: whoever has this many corrupt copies of one room has other trouble.
const MAX_ASIDE: u32 = 1000;

/// Why the state folder did not do what it was asked; the folder is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the folder.
    #[error("{path} is in use by another tilecast; give each its own with --state")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// It could not be read again.
    #[error("{path} would take {bytes} bytes, and may take {MAX_FILE_BYTES}; make it simpler")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Of its shortest form.
        bytes: usize,
    },
    /// The file system refused.
    #[error("cannot {what} {path}: {source}; see that the folder is writable and the disk has space, or use --state")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { what, path, source }
}

/// The state folder, locked against other processes until the last clone is dropped.
#[derive(Debug, Clone)]
pub struct FolderStore {
    rooms: PathBuf,
    layouts: PathBuf,
    assets: PathBuf,
    _lock: Arc<File>,
}

/// What the folder held.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Rooms, by id. Their shape is sound; whether this server allows what they say is for [`super::super::check`].
    pub rooms: Vec<(RoomId, RoomDocument)>,
    /// Templates that were stored, by name.
    pub templates: Vec<(TemplateName, Kept)>,
    /// Images that were stored with their pictures, by name.
    pub assets: Vec<(AssetName, Asset)>,
    /// Images that were stored without, by name.
    pub undrawn: Vec<(AssetName, Upload)>,
    /// Files that did not read: where they are now, and why.
    pub set_aside: Vec<(PathBuf, String)>,
}

/// A template's file: as any other, and its history. The history is optional, so an older file reads.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredTemplate {
    version: u32,
    document: Arc<Template>,
    #[serde(default = "one")]
    number: u64,
    #[serde(default)]
    stored_at: String,
    #[serde(default)]
    earlier: Vec<Version>,
}

fn one() -> u64 {
    1
}

impl From<&Kept> for StoredTemplate {
    fn from(kept: &Kept) -> Self {
        let Kept { present: Version { number, stored_at, template }, earlier } = kept.clone();
        Self { version: FORMAT, document: template, number, stored_at, earlier }
    }
}

impl From<StoredTemplate> for Kept {
    fn from(file: StoredTemplate) -> Self {
        let StoredTemplate { document: template, number, stored_at, earlier, .. } = file;
        Self { present: Version { number, stored_at, template }, earlier }
    }
}

/// A file's content.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<T> {
    version: u32,
    document: T,
}

impl FolderStore {
    /// Opens the folder, made if it is not there, and reads all of it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process holds it; [`StoreError::Io`] when it cannot be made, locked or read.
    pub fn open(folder: &Path) -> Result<(Self, Loaded), StoreError> {
        let (rooms, layouts, assets) = (folder.join("rooms"), folder.join("layouts"), folder.join("assets"));
        for path in [folder, &rooms, &layouts, &assets] {
            make_private(path)?;
        }
        let lock = lock(folder)?;
        let mut loaded = Loaded::default();
        let room = |stored: Stored<RoomDocument>| stored.document;
        loaded.rooms = read_all(&rooms, "json", &mut loaded.set_aside, |text| parse(text).map(room))?;
        let template = |text: &[u8]| parse::<StoredTemplate>(text).map(Kept::from);
        loaded.templates = read_all(&layouts, "json", &mut loaded.set_aside, template)?;
        let upload = |file: &[u8]| Ok(Upload::new(Bytes::copy_from_slice(file)));
        remove_strays(&assets)?;
        for (name, upload) in read_all::<AssetName, _>(&assets, "asset", &mut loaded.set_aside, upload)? {
            match read_picture(&assets, &name, &upload) {
                Some(drawing) => loaded.assets.push((name, Asset { upload, drawing })),
                None => loaded.undrawn.push((name, upload)),
            }
        }
        Ok((Self { rooms, layouts, assets, _lock: Arc::new(lock) }, loaded))
    }

    /// Runs a write where waiting for the disk holds up nobody else.
    pub(super) fn blocking<'a>(
        &self,
        write: impl FnOnce(&Self) -> Result<(), StoreError> + Send + 'static,
    ) -> Answer<'a, ()> {
        let store = self.clone();
        Box::pin(async move {
            match tokio::task::spawn_blocking(move || write(&store)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error @ StoreError::Io { .. })) => Err(RoomError::Unwritable(error.to_string())),
                Ok(Err(error)) => Err(RoomError::Store(error.to_string())),
                Err(_) => Err(RoomError::Stopping),
            }
        })
    }

    /// Keeps a room.
    ///
    /// # Errors
    /// As all here: [`StoreError::Io`] and [`StoreError::TooLarge`], and what was kept before is kept still.
    pub fn put_room(&self, id: &RoomId, document: &RoomDocument) -> Result<(), StoreError> {
        write_json(&self.rooms, id.as_str(), &Stored { version: FORMAT, document })
    }

    /// Forgets a room; one that was never kept is forgotten already.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn delete_room(&self, id: &RoomId) -> Result<(), StoreError> {
        remove(&self.rooms, id.as_str(), "json")
    }

    /// Keeps a template.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put_template(&self, name: &TemplateName, kept: &Kept) -> Result<(), StoreError> {
        write_json(&self.layouts, name.as_str(), &StoredTemplate::from(kept))
    }

    /// Forgets a template.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn delete_template(&self, name: &TemplateName) -> Result<(), StoreError> {
        remove(&self.layouts, name.as_str(), "json")
    }

    /// Keeps an image and its picture. The picture is first: beside another upload it counts for nothing.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put_asset(&self, name: &AssetName, asset: &Asset) -> Result<(), StoreError> {
        self.put_drawing(name, asset)?;
        write(&self.assets, self.assets.join(format!("{name}.asset")), &asset.upload.file)
    }

    /// Keeps the picture of an image that is there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put_drawing(&self, name: &AssetName, asset: &Asset) -> Result<(), StoreError> {
        let data = picture::write(&asset.upload, &asset.drawing);
        write(&self.assets, self.assets.join(format!("{name}.raster")), &data)
    }

    /// Renames the file of an image that cannot be shown, and says to what.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn set_asset_aside(&self, name: &AssetName) -> Result<PathBuf, StoreError> {
        move_aside(&self.assets.join(format!("{name}.asset")))
    }

    /// Forgets an image.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn delete_asset(&self, name: &AssetName) -> Result<(), StoreError> {
        remove(&self.assets, name.as_str(), "asset")?;
        remove(&self.assets, name.as_str(), "raster")
    }
}

/// A room as every store keeps it.
pub fn write_room(document: &RoomDocument) -> Vec<u8> {
    serde_json::to_vec(&Stored { version: FORMAT, document }).expect("a document has text keys and finite numbers")
}

/// What [`write_room`] wrote, now or by another version.
///
/// # Errors
/// Why it does not read, for people.
pub fn read_room(text: &[u8]) -> Result<RoomDocument, String> {
    parse(text).map(|stored: Stored<RoomDocument>| stored.document)
}

/// A template as every store keeps it.
pub fn write_template(kept: &Kept) -> Vec<u8> {
    serde_json::to_vec(&StoredTemplate::from(kept)).expect("a template has text keys and finite numbers")
}

/// What [`write_template`] wrote, now or by another version.
///
/// # Errors
/// Why it does not read, for people.
pub fn read_template(text: &[u8]) -> Result<Kept, String> {
    parse::<StoredTemplate>(text).map(Kept::from)
}

/// Only the service's own user may look: documents hold keys.
fn make_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create the folder", path))
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed("open", &path))?;
    // Released by the kernel when the process ends, however it ends.
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::InUse { path: folder.to_owned() }),
        Err(error) => Err(failed("lock", &path)(error.into())),
    }
}

fn write_json(folder: &Path, name: &str, file: &impl Serialize) -> Result<(), StoreError> {
    let path = folder.join(format!("{name}.json"));
    let text = text_of(file).map_err(|error| failed("write", &path)(error.into()))?;
    if text.len() > MAX_FILE_BYTES {
        return Err(StoreError::TooLarge { path, bytes: text.len() });
    }
    write(folder, path, &text)
}

/// Indented for whoever looks at the file, unless that is what makes it too large to be read again.
fn text_of(file: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(file)?;
    if text.len() >= MAX_FILE_BYTES {
        text = serde_json::to_vec(file)?;
    }
    text.push(b'\n');
    Ok(text)
}

fn write(folder: &Path, path: PathBuf, content: &[u8]) -> Result<(), StoreError> {
    let save = || -> io::Result<File> {
        // Opened first: from the rename on there is nothing that may fail.
        let within = File::open(folder)?;
        // Readable by its owner alone, and deleted again if anything below fails.
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(within)
    };
    let within = save().map_err(failed("write", &path))?;
    sync(&within, &path);
    Ok(())
}

fn remove(folder: &Path, name: &str, ending: &str) -> Result<(), StoreError> {
    let path = folder.join(format!("{name}.{ending}"));
    let within = File::open(folder).map_err(failed("delete", &path))?;
    match fs::remove_file(&path) {
        Ok(()) => sync(&within, &path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("delete", &path)(error)),
    }
    Ok(())
}

/// Makes a rename or removal in the folder durable. Whoever reads sees it in any case, so that it is refused no more.
fn sync(folder: &File, path: &Path) {
    if let Err(error) = folder.sync_all() {
        tracing::error!(path = %path.display(), "a change would not survive a loss of power: {error}; look at the disk");
    }
}

/// Every document in a folder, by name. What does not read is set aside; what is not a document is left alone.
fn read_all<N, T>(
    folder: &Path,
    ending: &str,
    set_aside: &mut Vec<(PathBuf, String)>,
    parse: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<Vec<(N, T)>, StoreError>
where
    N: TryFrom<String, Error: std::fmt::Display> + Ord,
{
    let entries: Vec<_> = fs::read_dir(folder).and_then(Iterator::collect).map_err(failed("read", folder))?;
    let mut documents: Vec<(N, T)> = Vec::new();
    for path in entries.into_iter().map(|entry| entry.path()) {
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if file.starts_with(UNFINISHED) {
            fs::remove_file(&path).map_err(failed("delete", &path))?;
        } else if let Some(name) = file.strip_suffix(ending).and_then(|file| file.strip_suffix('.')) {
            match read(name, &path, &parse) {
                Ok(document) => documents.push(document),
                Err(reason) => set_aside.push((move_aside(&path)?, reason)),
            }
        }
    }
    documents.sort_by(|(a, _), (b, _)| a.cmp(b));
    set_aside.sort();
    Ok(documents)
}

/// Deletes pictures whose image is not there any more, which a stop in the middle of deleting it leaves behind.
fn remove_strays(folder: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let path = entry.map_err(failed("read", folder))?.path();
        if path.extension().is_some_and(|ending| ending == "raster") && !path.with_extension("asset").exists() {
            fs::remove_file(&path).map_err(failed("delete", &path))?;
        }
    }
    Ok(())
}

/// The picture of an upload; none if it is not there, or not of this upload.
fn read_picture(folder: &Path, name: &AssetName, upload: &Upload) -> Option<Drawing> {
    let path = folder.join(format!("{name}.raster"));
    let bytes = bounded(&path, picture::MAX_BYTES);
    let drawing = bytes.and_then(|bytes| picture::read(upload, &bytes.into()));
    let told = |reason: &String| tracing::warn!(path = %path.display(), "a picture is drawn again: {reason}");
    if path.exists() { drawing.inspect_err(told).ok() } else { drawing.ok() }
}

/// A file of at most `most` bytes.
fn bounded(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(most as u64 + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() > most { Err(format!("it is larger than {most} bytes")) } else { Ok(text) }
}

fn read<N, T>(name: &str, path: &Path, parse: impl Fn(&[u8]) -> Result<T, String>) -> Result<(N, T), String>
where
    N: TryFrom<String, Error: std::fmt::Display>,
{
    let name = N::try_from(name.to_owned()).map_err(|error| error.to_string())?;
    Ok((name, parse(&bounded(path, MAX_FILE_BYTES)?)?))
}

/// A file of JSON. The version is read first: a newer document must not be judged by this version's fields.
fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if version != FORMAT {
        return Err(format!("it has format {version}, and this version of tilecast reads format {FORMAT}"));
    }
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

/// Renames `x.json` to the first free `x.json.corrupt-N`.
fn move_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".corrupt-{number}"));
        PathBuf::from(name)
    };
    let aside = (1..MAX_ASIDE).map(numbered).find(|aside| !aside.exists()).unwrap_or_else(|| numbered(MAX_ASIDE));
    fs::rename(path, &aside).map_err(failed("set aside", path))?;
    Ok(aside)
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
