//! Rooms and templates on disk, so that they survive a restart.
//!
//! One JSON file each, `rooms/ID.json` and `layouts/NAME.json`, replaced as a whole: written beside, synced, renamed, and the
//! folder synced. A crash at any moment leaves the old file or the new one. A file that does not read is set aside under
//! another name and told, never fatal, never deleted. Blocking: call from a thread that may wait.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::RoomDocument;
use crate::{
    base::{RoomId, TemplateName},
    layout::Template,
};

/// The format that this version writes. One that adds optional fields stays the same; one that an older version would
/// misread is counted up.
const FORMAT: u32 = 1;
/// Largest file that is read: twice the largest document that the API takes, indented.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
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
pub struct Store {
    rooms: PathBuf,
    layouts: PathBuf,
    _lock: Arc<File>,
}

/// What the folder held.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Rooms, by id. Their shape is sound; whether this server allows what they say is for [`super::check`].
    pub rooms: Vec<(RoomId, RoomDocument)>,
    /// Templates that were stored, by name.
    pub templates: Vec<(TemplateName, Template)>,
    /// Files that did not read: where they are now, and why.
    pub set_aside: Vec<(PathBuf, String)>,
}

/// A file's content.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<T> {
    version: u32,
    document: T,
}

impl Store {
    /// Opens the folder, made if it is not there, and reads all of it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process holds it; [`StoreError::Io`] when it cannot be made, locked or read.
    pub fn open(folder: &Path) -> Result<(Self, Loaded), StoreError> {
        let (rooms, layouts) = (folder.join("rooms"), folder.join("layouts"));
        for path in [folder, &rooms, &layouts] {
            make_private(path)?;
        }
        let lock = lock(folder)?;
        let mut loaded = Loaded::default();
        loaded.rooms = read_all(&rooms, &mut loaded.set_aside)?;
        loaded.templates = read_all(&layouts, &mut loaded.set_aside)?;
        Ok((Self { rooms, layouts, _lock: Arc::new(lock) }, loaded))
    }

    /// Keeps a room.
    ///
    /// # Errors
    /// As all here: [`StoreError::Io`], and what was kept before is kept still.
    pub fn put_room(&self, id: &RoomId, document: &RoomDocument) -> Result<(), StoreError> {
        write(&self.rooms, id.as_str(), document)
    }

    /// Forgets a room; one that was never kept is forgotten already.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn delete_room(&self, id: &RoomId) -> Result<(), StoreError> {
        remove(&self.rooms, id.as_str())
    }

    /// Keeps a template.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put_template(&self, name: &TemplateName, template: &Template) -> Result<(), StoreError> {
        write(&self.layouts, name.as_str(), template)
    }

    /// Forgets a template.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn delete_template(&self, name: &TemplateName) -> Result<(), StoreError> {
        remove(&self.layouts, name.as_str())
    }
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

fn write(folder: &Path, name: &str, document: &impl Serialize) -> Result<(), StoreError> {
    let path = folder.join(format!("{name}.json"));
    let save = || -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(&Stored { version: FORMAT, document })?;
        text.push(b'\n');
        // Readable by its owner alone, and deleted again if anything below fails.
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        sync(folder)
    };
    save().map_err(failed("write", &path))
}

fn remove(folder: &Path, name: &str) -> Result<(), StoreError> {
    let path = folder.join(format!("{name}.json"));
    match fs::remove_file(&path) {
        Ok(()) => sync(folder).map_err(failed("delete", &path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("delete", &path)(error)),
    }
}

/// Makes a rename or removal in the folder durable.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Every document in a folder, by name. What does not read is set aside; what is not a document is left alone.
fn read_all<N, T>(folder: &Path, set_aside: &mut Vec<(PathBuf, String)>) -> Result<Vec<(N, T)>, StoreError>
where
    N: TryFrom<String, Error: std::fmt::Display> + Ord,
    T: DeserializeOwned,
{
    let entries: Vec<_> = fs::read_dir(folder).and_then(Iterator::collect).map_err(failed("read", folder))?;
    let mut documents: Vec<(N, T)> = Vec::new();
    for path in entries.into_iter().map(|entry| entry.path()) {
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if file.starts_with(UNFINISHED) {
            fs::remove_file(&path).map_err(failed("delete", &path))?;
        } else if let Some(name) = file.strip_suffix(".json") {
            match read(name, &path) {
                Ok(document) => documents.push(document),
                Err(reason) => set_aside.push((move_aside(&path)?, reason)),
            }
        }
    }
    documents.sort_by(|(a, _), (b, _)| a.cmp(b));
    set_aside.sort();
    Ok(documents)
}

fn read<N, T>(name: &str, path: &Path) -> Result<(N, T), String>
where
    N: TryFrom<String, Error: std::fmt::Display>,
    T: DeserializeOwned,
{
    /// The version alone, read first: a newer document must not be judged by this version's fields.
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let name = N::try_from(name.to_owned()).map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("it is larger than {MAX_FILE_BYTES} bytes"));
    }
    let Version { version } = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if version != FORMAT {
        return Err(format!("it has format {version}, and this version of tilecast reads format {FORMAT}"));
    }
    let stored: Stored<T> = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    Ok((name, stored.document))
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
#[path = "store_tests.rs"]
mod tests;
