//! The finished picture of an upload as every store keeps it: a line of JSON that says whose it is, the file, and the SHA-256 of both,
//! which is checked whenever it is read.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::assets::Upload;
use crate::{
    base::AssetHash,
    draw::{Kind, raster},
    front::raster::{Drawing, Raster},
    media::Size,
};

/// The form that this version writes; another is drawn again from the upload.
const FORMAT: u32 = 1;
/// Longest line, bytes: a hash and a few numbers.
const MAX_LINE: usize = 512;
/// Bytes of the SHA-256 at the end.
const SUM: usize = 32;
/// Most bytes that are kept beside the file.
pub const OVERHEAD: usize = MAX_LINE + SUM;
/// Largest whole, bytes.
pub const MAX_BYTES: usize = OVERHEAD + raster::MAX_BYTES;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    version: u32,
    /// The upload that it shows.
    of: AssetHash,
    kind: Kind,
    /// The upload's own size.
    own: Size,
    /// The picture's.
    size: Size,
}

/// As it is kept.
pub fn write(of: &Upload, drawing: &Drawing) -> Vec<u8> {
    let Drawing { kind, size: own, raster: Raster { size, file, .. } } = drawing;
    let line = Line { version: FORMAT, of: of.hash, kind: *kind, own: *own, size: *size };
    let mut bytes = serde_json::to_vec(&line).expect("numbers and hashes are JSON");
    bytes.push(b'\n');
    bytes.extend_from_slice(file);
    let sum = AssetHash::of(&bytes);
    bytes.extend_from_slice(sum.bytes());
    bytes
}

/// What [`write()`] wrote for this upload.
///
/// # Errors
/// Why it is not that, for people.
pub fn read(of: &Upload, bytes: &Bytes) -> Result<Drawing, String> {
    let cut = || "it is cut off".to_owned();
    let (whole, sum) = bytes.split_last_chunk::<SUM>().ok_or_else(cut)?;
    if AssetHash::of(whole).bytes() != sum {
        return Err("it is not what its SHA-256 says".to_owned());
    }
    let end = whole.iter().take(MAX_LINE).position(|byte| *byte == b'\n').ok_or_else(cut)?;
    let line: Line = serde_json::from_slice(&whole[..end]).map_err(|error| error.to_string())?;
    let file = bytes.slice(end + 1..whole.len());
    if line.version != FORMAT {
        return Err(format!("it has format {}, and this version of tilecast reads format {FORMAT}", line.version));
    }
    if line.of != of.hash {
        return Err("it shows another upload".to_owned());
    }
    if file.len() > raster::MAX_BYTES || !raster::is_sane(line.size) {
        return Err("it is larger than any picture here".to_owned());
    }
    let Line { kind, own, size, .. } = line;
    Ok(Drawing { kind, size: own, raster: Raster { hash: AssetHash::of(&file), size, file } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_and_not_once_a_bit_is_off() {
        let upload = Upload::new(Bytes::from_static(b"<svg"));
        let (file, size) = (Bytes::from_static(b"\x89PNG\n and so on"), Size { width: 40, height: 20 });
        let raster = Raster { hash: AssetHash::of(&file), size, file };
        let drawing = Drawing { kind: Kind::Svg, size: Size { width: 4, height: 2 }, raster };
        let kept = write(&upload, &drawing);
        assert_eq!(read(&upload, &kept.clone().into()), Ok(drawing));
        assert!(read(&Upload::new(Bytes::from_static(b"another")), &kept.clone().into()).is_err());
        for at in 0..kept.len() {
            let mut other = kept.clone();
            other[at] ^= 0x20;
            assert!(read(&upload, &other.into()).is_err(), "{at}");
        }
        assert!(read(&upload, &Bytes::from(kept[..kept.len() - 1].to_vec())).is_err());
        assert!(read(&upload, &Bytes::new()).is_err());
    }
}
