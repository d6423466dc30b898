//! FLV demuxer, as far as publishing a file needs it (Adobe Flash Video File Format Specification 10.1, annex E).

use anyhow::{Result, ensure};
use bytes::{Buf, Bytes};

use tilecast::{
    front::rtmp::flv,
    media::{Packet, Timestamp},
};

/// Length of a file's header and of the size field before the first tag.
const HEADER: usize = 9 + 4;

const AUDIO: u8 = 8;
const VIDEO: u8 = 9;

/// Every packet of sound and picture in a file, in the file's order.
///
/// # Errors
/// When it is no FLV file, ends in the middle of a tag, or has an unknown codec.
pub fn packets(mut file: Bytes) -> Result<Vec<Packet>> {
    ensure!(file.starts_with(b"FLV\x01") && file.len() >= HEADER, "not an FLV file");
    file.advance(HEADER);
    let mut packets = Vec::new();
    while file.has_remaining() {
        ensure!(file.remaining() >= 11, "cut off in a tag's header");
        let kind = file.get_u8() & 0x1f;
        let length = file.get_uint(3) as usize;
        let ms = file.get_uint(3) as u32 | u32::from(file.get_u8()) << 24;
        file.advance(3);
        ensure!(file.remaining() >= length + 4, "cut off in a tag of {length} bytes");
        let body = file.split_to(length);
        file.advance(4);
        let unit = match kind {
            AUDIO => flv::audio(body)?,
            VIDEO => flv::video(body)?,
            _ => None,
        };
        packets.extend(unit.map(|unit| Packet {
            codec: unit.codec,
            role: unit.role,
            pts: Timestamp::from_millis(i64::from(ms) + i64::from(unit.composition)),
            dts: Timestamp::from_millis(ms.into()),
            data: unit.data,
        }));
    }
    Ok(packets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilecast::media::Role;

    #[test]
    fn a_file_is_read_to_its_end_or_refused() {
        let mut file = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
        file.extend(b"\x08\0\0\x04\0\0\x05\0\0\0\0\xaf\0\x11\x90\0\0\0\x0f");
        let first_ends = file.len();
        file.extend(b"\x09\0\0\x06\x23\x45\x67\x01\0\0\0\x17\x01\0\0\x21\x99\0\0\0\x11");
        let read = packets(Bytes::from(file.clone())).expect("reads");
        assert_eq!(read.iter().map(|p| p.role).collect::<Vec<_>>(), [Role::Config, Role::Key]);
        assert_eq!(read[1].dts, Timestamp::from_millis(0x0123_4567));
        assert_eq!(read[1].pts, Timestamp::from_millis(0x0123_4567 + 0x21));
        assert_eq!(&read[1].data[..], b"\x99");
        for length in 0..file.len() {
            let whole = length == HEADER || length == first_ends;
            assert_eq!(packets(Bytes::from(file[..length].to_vec())).is_ok(), whole, "{length}");
        }
    }
}
