//! The file that keeps the register over a restart, so that nobody who has shown a key is asked again. Replaced as a whole. Blocking.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::register::{Kept, Register};

/// Its name in the state folder.
pub const FILE: &str = "srs.json";

/// The format that this version writes.
const FORMAT: u32 = 1;

/// Largest file that is read: every place with the longest names and keys, most of which are far shorter.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// What is in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    version: u32,
    register: T,
}

/// The register as it was kept. One that does not read is told and empty: whoever publishes then is asked for a key again.
pub fn read(path: &Path) -> Register {
    let kept = match load(path) {
        Ok(kept) => kept,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
        Err(error) => {
            tracing::error!(path = %path.display(), "who publishes on SRS is not known any more: {error}");
            Kept::default()
        }
    };
    Register::of(kept)
}

fn load(path: &Path) -> io::Result<Kept> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut text)?;
    let file: File<Kept> = serde_json::from_slice(&text)?;
    if file.version != FORMAT {
        let reason = format!("it has format {}, and this version reads {FORMAT}", file.version);
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(file.register)
}

/// Keeps it.
pub fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // It holds keys.
    let mut file = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o600)).tempfile_in(folder)?;
    file.write_all(&serde_json::to_vec(&File { version: FORMAT, register: kept })?)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
