//! What the coded units say themselves where the codec's header (FLV's sequence header) is missing: AAC in ADTS, H.264 and H.265 with
//! their parameter sets among the pictures. PURE.

use bytes::{Bytes, BytesMut};

use super::tag::{Unit, Unsupported};
use crate::media::{AudioCodec, Codec, Role, VideoCodec};

/// Shortest AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1), bytes. Some encoders send an empty one first.
const MIN_ASC: usize = 2;
/// Samples in an AAC frame, which ADTS always has.
const FRAME_SAMPLES: i32 = 1024;
/// Rates by their index in ADTS and AudioSpecificConfig, Hz (ISO/IEC 14496-3 table 1.18).
const RATES: [i32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// What is known of a stream's headers.
#[derive(Debug, Default)]
pub struct Headers {
    video: Video,
    /// The latest AudioSpecificConfig, sent or derived.
    aac: Option<Bytes>,
}

#[derive(Debug, Default)]
enum Video {
    /// Neither header nor parameter sets came.
    #[default]
    Unknown,
    /// A header came: units are as it says.
    Record(VideoCodec),
    /// Parameter sets came among units with lengths, which are passed on as Annex B.
    Sets(VideoCodec),
}

/// A unit, and by how much it is later than its tag says, ms.
pub type Placed = (i32, Unit);

impl Headers {
    /// What there is to decode of a unit. The error when nothing can be until a header comes.
    pub fn take(&mut self, unit: Unit) -> Result<Vec<Placed>, Unsupported> {
        match unit.codec {
            Codec::Audio(AudioCodec::Aac) => self.aac(unit),
            Codec::Video(codec @ (VideoCodec::H264 | VideoCodec::Hevc)) => self.picture(codec, unit),
            _ => Ok(vec![(0, unit)]),
        }
    }

    fn aac(&mut self, unit: Unit) -> Result<Vec<Placed>, Unsupported> {
        if unit.role == Role::Config {
            if unit.data.len() < MIN_ASC {
                return Ok(Vec::new());
            }
            self.aac = Some(unit.data.clone());
            return Ok(vec![(0, unit)]);
        }
        let Some(frames) = adts(&unit.data) else {
            return match self.aac {
                Some(_) => Ok(vec![(0, unit)]),
                None => Err(Unsupported::AacHeader),
            };
        };
        let mut found = Vec::new();
        let mut later = 0;
        for Frame { config, rate, data } in frames {
            if self.aac.as_ref().is_none_or(|known| known[..] != config) {
                let data = Bytes::copy_from_slice(&config);
                self.aac = Some(data.clone());
                found.push((later, Unit { role: Role::Config, data, ..unit.clone() }));
            }
            found.push((later, Unit { data, ..unit.clone() }));
            later += FRAME_SAMPLES * 1000 / rate;
        }
        Ok(found)
    }

    fn picture(&mut self, codec: VideoCodec, unit: Unit) -> Result<Vec<Placed>, Unsupported> {
        if unit.role == Role::Config {
            self.video = Video::Record(codec);
            return Ok(vec![(0, unit)]);
        }
        if matches!(self.video, Video::Record(known) if known == codec) || is_annex_b(&unit.data) {
            return Ok(vec![(0, unit)]);
        }
        let Some((data, sets)) = to_annex_b(codec, &unit.data) else { return Err(Unsupported::VideoHeader) };
        if sets {
            self.video = Video::Sets(codec);
        }
        match self.video {
            Video::Sets(known) if known == codec => Ok(vec![(0, Unit { data, ..unit })]),
            _ => Err(Unsupported::VideoHeader),
        }
    }
}

/// One frame out of ADTS.
struct Frame {
    /// Its AudioSpecificConfig.
    config: [u8; MIN_ASC],
    /// Hz
    rate: i32,
    data: Bytes,
}

/// The frames of ADTS (ISO/IEC 13818-7 §6.2); `None` for what is not ADTS from end to end. A raw frame never begins so: it would be
/// over with its first three bits.
fn adts(data: &Bytes) -> Option<Vec<Frame>> {
    let mut frames = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let head: &[u8; 7] = data[at..].first_chunk()?;
        if head[0] != 0xff || head[1] & 0xf6 != 0xf0 {
            return None;
        }
        // A checksum stands behind the header unless this says that there is none.
        let header = if head[1] & 1 == 0 { 9 } else { 7 };
        let (object, index) = ((head[2] >> 6) + 1, head[2] >> 2 & 0xf);
        let channels = (head[2] & 1) << 2 | head[3] >> 6;
        let length = usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5] >> 5);
        let rate = *RATES.get(usize::from(index))?;
        if length <= header || at + length > data.len() {
            return None;
        }
        let config = [object << 3 | index >> 1, index << 7 | channels << 3];
        frames.push(Frame { config, rate, data: data.slice(at + header..at + length) });
        at += length;
    }
    (!frames.is_empty()).then_some(frames)
}

fn is_annex_b(data: &[u8]) -> bool {
    data.starts_with(&START_CODE) || data.starts_with(&START_CODE[1..])
}

/// Units with lengths of four bytes as Annex B, and whether a sequence parameter set is among them; `None` when the lengths do not add
/// up.
fn to_annex_b(codec: VideoCodec, data: &[u8]) -> Option<(Bytes, bool)> {
    let mut converted = BytesMut::with_capacity(data.len());
    let mut sets = false;
    let mut rest = data;
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (nal, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        sets |= match codec {
            VideoCodec::Hevc => nal.first()? >> 1 & 0x3f == 33,
            _ => nal.first()? & 0x1f == 7,
        };
        converted.extend_from_slice(&START_CODE);
        converted.extend_from_slice(nal);
        rest = behind;
    }
    Some((converted.freeze(), sets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(codec: Codec, role: Role, data: &[u8]) -> Unit {
        Unit { codec, role, composition: 0, data: Bytes::copy_from_slice(data), others: false }
    }

    const AAC: Codec = Codec::Audio(AudioCodec::Aac);
    const AVC: Codec = Codec::Video(VideoCodec::H264);

    /// Roles, delays and bytes of what comes of a unit.
    fn taken(headers: &mut Headers, unit: Unit) -> Option<Vec<(Role, i32, Vec<u8>)>> {
        let found = headers.take(unit).ok()?;
        Some(found.into_iter().map(|(later, unit)| (unit.role, later, unit.data.to_vec())).collect())
    }

    /// An ADTS frame of AAC-LC, 44.1 kHz, stereo.
    fn frame(payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() + 7) as u16;
        let head =
            [0xff, 0xf1, 0x50, 0x80 | (length >> 11) as u8, (length >> 3) as u8, (length << 5) as u8 | 0x1f, 0xfc];
        [&head[..], payload].concat()
    }

    #[test]
    fn adts_brings_its_own_header() {
        let mut headers = Headers::default();
        let two = [frame(&[0x21, 1]), frame(&[0x21, 2])].concat();
        let wanted =
            vec![(Role::Config, 0, vec![0x12, 0x10]), (Role::Key, 0, vec![0x21, 1]), (Role::Key, 23, vec![0x21, 2])];
        assert_eq!(taken(&mut headers, unit(AAC, Role::Key, &two)), Some(wanted));
        let next = unit(AAC, Role::Key, &frame(&[0x21, 3]));
        assert_eq!(taken(&mut headers, next), Some(vec![(Role::Key, 0, vec![0x21, 3])]), "the header is known");
        let cut = unit(AAC, Role::Key, &two[..two.len() - 1]);
        assert_eq!(taken(&mut Headers::default(), cut), None);
    }

    #[test]
    fn raw_aac_waits_for_its_header_and_an_empty_one_is_none() {
        let mut headers = Headers::default();
        let raw = || unit(AAC, Role::Key, &[0x21, 0x10]);
        assert_eq!(taken(&mut headers, raw()), None);
        assert_eq!(taken(&mut headers, unit(AAC, Role::Config, &[0])), Some(Vec::new()));
        assert_eq!(taken(&mut headers, raw()), None);
        assert!(taken(&mut headers, unit(AAC, Role::Config, &[0x12, 0x10])).is_some());
        assert_eq!(taken(&mut headers, raw()), Some(vec![(Role::Key, 0, vec![0x21, 0x10])]));
    }

    #[test]
    fn pictures_without_a_header_are_taken_when_their_parameters_come_along() {
        let mut headers = Headers::default();
        let delta = || unit(AVC, Role::Delta, &[0, 0, 0, 2, 0x41, 9]);
        assert_eq!(taken(&mut headers, delta()), None);
        let key = unit(AVC, Role::Key, &[0, 0, 0, 2, 0x67, 1, 0, 0, 0, 2, 0x68, 2, 0, 0, 0, 2, 0x65, 3]);
        let wanted = vec![0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 3];
        assert_eq!(taken(&mut headers, key), Some(vec![(Role::Key, 0, wanted)]));
        assert_eq!(taken(&mut headers, delta()), Some(vec![(Role::Delta, 0, vec![0, 0, 0, 1, 0x41, 9])]));
        // From the header on units stay as they are.
        assert!(taken(&mut headers, unit(AVC, Role::Config, &[1, 0x42])).is_some());
        assert_eq!(taken(&mut headers, delta()), Some(vec![(Role::Delta, 0, vec![0, 0, 0, 2, 0x41, 9])]));
        let annex_b = unit(AVC, Role::Key, &[0, 0, 0, 1, 0x67, 1]);
        assert_eq!(taken(&mut Headers::default(), annex_b), Some(vec![(Role::Key, 0, vec![0, 0, 0, 1, 0x67, 1])]));
        assert_eq!(taken(&mut Headers::default(), unit(AVC, Role::Key, &[0, 0, 0, 9, 0x67])), None, "cut short");
    }
}
