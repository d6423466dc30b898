//! The codec string of a sample entry that was read back from a file.

use super::{aac, hevc};
use crate::mux::{bits::Bits, boxes::find};

/// Bytes of a sample entry before the codec's boxes, behind its own header: of pictures, and of sound.
const VISUAL: usize = 78;
const SOUND: usize = 28;

/// RFC 6381, as far as the entry tells; else its bare name.
pub fn name_of(entry: &[u8]) -> String {
    let kind = String::from_utf8_lossy(entry.get(4..8).unwrap_or_default()).into_owned();
    detailed(entry.get(8..).unwrap_or_default(), &kind).unwrap_or(kind)
}

fn detailed(body: &[u8], kind: &str) -> Option<String> {
    let record = |from: usize, kind| find(body.get(from..)?, &[kind]);
    match kind {
        "avc1" => {
            let record = record(VISUAL, b"avcC")?;
            let [_, profile, compatibility, level] = record.first_chunk::<4>()?;
            Some(format!("avc1.{profile:02x}{compatibility:02x}{level:02x}"))
        }
        "hvc1" => hevc::name(record(VISUAL, b"hvcC")?),
        "av01" => {
            let [_, one, two] = record(VISUAL, b"av1C")?.first_chunk::<3>()?;
            let depth = match two >> 5 & 3 {
                0 => 8,
                2 => 10,
                _ => 12,
            };
            let tier = if two & 0x80 == 0 { 'M' } else { 'H' };
            Some(format!("av01.{}.{:02}{tier}.{depth:02}", one >> 5, one & 0x1f))
        }
        "vp08" | "vp09" => {
            let record = record(VISUAL, b"vpcC")?.get(4..7)?;
            Some(format!("{kind}.{:02}.{}.{:02}", record[0], record[1], record[2] >> 4))
        }
        "mp4a" => {
            let esds = record(SOUND, b"esds")?;
            // As `esds` of this room writes it: three descriptors with lengths of four bytes.
            let object = *esds.get(4 + 5 + 3 + 5)?;
            let specific = esds.get(4 + 5 + 3 + 5 + 13 + 5..);
            match object {
                0x40 => Some(format!("mp4a.40.{}", aac::object_type(&mut Bits::new(specific?))?)),
                object => Some(format!("mp4a.{object:02x}")),
            }
        }
        "Opus" => Some("opus".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        media::{AudioCodec, VideoCodec},
        mux::codec::{self, h264::tests::RECORD},
    };

    #[test]
    fn an_entry_gives_the_name_it_was_made_with() {
        let video = codec::video(VideoCodec::H264, Some(RECORD), &[]).expect("a record");
        assert_eq!(name_of(&video.entry), video.name);
        let vp8 =
            codec::video(VideoCodec::Vp8, None, &[0x10, 2, 0, 0x9d, 1, 0x2a, 0x40, 1, 0xb4, 0]).expect("a keyframe");
        assert_eq!(name_of(&vp8.entry), vp8.name);
        let sounds: [(_, Option<&[u8]>, &[u8]); 4] = [
            (AudioCodec::Aac, Some(&[0x11, 0x90]), &[]),
            (AudioCodec::Mp3, None, &[0xff, 0xfb, 0x90, 0x44]),
            (AudioCodec::Opus, None, &[0xfc]),
            (AudioCodec::Pcma, None, &[0]),
        ];
        for (kind, config, frame) in sounds {
            let sound = codec::audio(kind, config, frame).expect("a format");
            assert_eq!(name_of(&sound.entry), sound.name);
        }
        assert_eq!(name_of(&[]), "");
    }
}
