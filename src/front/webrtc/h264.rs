//! H.264 between RTP's byte stream (Annex B) and our length-prefixed packets with their `avcC` record. PURE.

use bytes::{BufMut, Bytes, BytesMut};

use crate::media::{Role, nal};

/// Most parameter sets of one kind that are kept: `avcC` counts the sequence ones in five bits, and senders use one or two.
const MAX_SETS: usize = 16;

/// NAL unit types (ITU-T H.264 table 7-1).
mod kind {
    pub const SPS: u8 = 7;
    pub const PPS: u8 = 8;
    pub const DELIMITER: u8 = 9;
    pub const FILLER: u8 = 12;
}

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// A coded picture as our packets carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Key for a picture that decoding can begin with.
    pub role: Role,
    /// Units with four-byte lengths, without parameter sets, delimiters and filler.
    pub data: Bytes,
}

/// From Annex B; remembers the parameter sets, which RTP senders repeat in the stream.
#[derive(Debug, Default)]
pub struct FromAnnexB {
    sps: Vec<Vec<u8>>,
    pps: Vec<Vec<u8>>,
    config: Option<Bytes>,
}

impl FromAnnexB {
    /// One access unit; `None` when it holds no picture, or one whose parameters have not come.
    pub fn take(&mut self, access_unit: &[u8]) -> Option<Unit> {
        let mut data = BytesMut::with_capacity(access_unit.len());
        let mut role = Role::Delta;
        let (mut sps, mut pps) = (Vec::new(), Vec::new());
        for unit in units(access_unit) {
            match unit[0] & 0x1f {
                kind::SPS if unit.len() >= 4 && sps.len() < MAX_SETS => sps.push(unit.to_vec()),
                kind::PPS if pps.len() < MAX_SETS => pps.push(unit.to_vec()),
                kind::SPS | kind::PPS | kind::DELIMITER | kind::FILLER => {}
                _ => {
                    if nal::h264_begins(unit) {
                        role = Role::Key;
                    }
                    data.put_u32(unit.len() as u32);
                    data.put_slice(unit);
                }
            }
        }
        let changed = !sps.is_empty() && sps != self.sps || !pps.is_empty() && pps != self.pps;
        if changed {
            if !sps.is_empty() {
                self.sps = sps;
            }
            if !pps.is_empty() {
                self.pps = pps;
            }
            self.config = nal::avc_record(&self.sps, &self.pps);
        }
        let known = self.config.is_some();
        (known && !data.is_empty()).then(|| Unit { role, data: data.freeze() })
    }

    /// The `avcC` record of the last picture, which belongs before it where it differs from the one before.
    pub fn config(&self) -> Option<&Bytes> {
        self.config.as_ref()
    }

    /// Size of the pictures that follow, px; `None` before the first parameters, or when they do not read.
    pub fn size(&self) -> Option<(u32, u32)> {
        super::frame::h264_size(self.sps.first()?)
    }
}

/// To Annex B; remembers the `avcC` record.
#[derive(Debug, Default)]
pub struct ToAnnexB {
    /// Parameter sets, ready to stand before a keyframe.
    sets: Vec<u8>,
    /// Bytes of a unit's length.
    length: usize,
}

impl ToAnnexB {
    /// Takes an `avcC` record; one that does not read leaves nothing decodable.
    pub fn configure(&mut self, record: &[u8]) {
        *self = Self::read(record).unwrap_or_default();
    }

    fn read(record: &[u8]) -> Option<Self> {
        let length = usize::from(record.get(4)? & 3) + 1;
        let mut sets = Vec::new();
        let mut rest = record.get(5..)?;
        for mask in [0x1f, 0xff] {
            let (count, sets_left) = rest.split_first()?;
            rest = sets_left;
            for _ in 0..count & mask {
                let size = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
                sets.extend(START_CODE);
                sets.extend(rest.get(2..2 + size)?);
                rest = rest.get(2 + size..)?;
            }
        }
        Some(Self { sets, length })
    }

    /// The access unit of a packet, with parameter sets before a keyframe; `None` when there was no record or the packet's
    /// lengths do not add up.
    pub fn convert(&self, data: &[u8], role: Role) -> Option<Vec<u8>> {
        if self.length == 0 {
            return None;
        }
        let sets: &[u8] = if role == Role::Key { &self.sets } else { &[] };
        let mut access_unit = Vec::with_capacity(sets.len() + data.len() + 16);
        access_unit.extend(sets);
        let mut rest = data;
        while !rest.is_empty() {
            let head = rest.get(..self.length)?;
            let size = head.iter().fold(0, |size, byte| size << 8 | usize::from(*byte));
            let unit = rest.get(self.length..self.length.checked_add(size)?)?;
            access_unit.extend(START_CODE);
            access_unit.extend(unit);
            rest = &rest[self.length + size..];
        }
        Some(access_unit)
    }
}

/// The units between start codes of three or four bytes (§B.1), none of them empty.
fn units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(stream).map(|at| &stream[at..]);
    std::iter::from_fn(move || {
        loop {
            let present = rest?;
            let next = after_start_code(present);
            let unit = next.map_or(present, |at| &present[..at - 3]);
            rest = next.map(|at| &present[at..]);
            // A unit never ends in a zero; those belong to the next start code or are padding.
            let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if end > 0 {
                return Some(&unit[..end]);
            }
        }
    })
}

/// Where the unit behind the next start code begins.
fn after_start_code(stream: &[u8]) -> Option<usize> {
    stream.windows(3).position(|bytes| bytes == [0, 0, 1]).map(|at| at + 3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPS: [u8; 5] = [0x67, 0x42, 0xe0, 0x1f, 0xaa];
    const PPS: [u8; 3] = [0x68, 0xce, 0x3c];

    fn stream(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&START_CODE, *unit].concat()).collect()
    }

    #[test]
    fn parameters_become_a_record_and_pictures_get_lengths() {
        let mut from = FromAnnexB::default();
        assert_eq!(from.take(&stream(&[&[0x41, 9]])), None, "no parameters yet");
        let unit = from.take(&stream(&[&[0x09, 0xf0], &SPS, &PPS, &[0x65, 1, 2]])).expect("a picture");
        let record = from.config().expect("parameters").clone();
        assert_eq!(record[..], [&[1, 0x42, 0xe0, 0x1f, 0xff, 0xe1, 0, 5][..], &SPS, &[1, 0, 3], &PPS].concat());
        assert_eq!((unit.role, &unit.data[..]), (Role::Key, &[0, 0, 0, 3, 0x65, 1, 2][..]));
        from.take(&stream(&[&SPS, &PPS, &[0x65, 1, 2]])).expect("a picture");
        assert_eq!(from.config(), Some(&record), "the same parameters again are no news");
        from.take(&stream(&[&[0x67, 0x42, 0xe0, 0x20, 0xaa], &PPS, &[0x65, 1]])).expect("a picture");
        assert_ne!(from.config(), Some(&record));
        let delta = from.take(&[0, 0, 1, 0x41, 7, 0, 0, 0, 1, 0x41, 8]).expect("a picture");
        assert_eq!((delta.role, &delta.data[..]), (Role::Delta, &[0, 0, 0, 2, 0x41, 7, 0, 0, 0, 2, 0x41, 8][..]));
    }

    #[test]
    fn there_and_back_is_the_same() {
        let picture = stream(&[&SPS, &PPS, &[0x65, 1, 2, 3]]);
        let mut from = FromAnnexB::default();
        let unit = from.take(&picture).expect("a picture");
        let mut to = ToAnnexB::default();
        assert_eq!(to.convert(&unit.data, Role::Key), None, "no record yet");
        to.configure(from.config().expect("parameters"));
        assert_eq!(to.convert(&unit.data, Role::Key).expect("converts"), picture);
        assert_eq!(to.convert(&unit.data, Role::Delta).expect("converts"), stream(&[&[0x65, 1, 2, 3]]));
        assert_eq!(to.convert(&[0, 0, 0, 9, 1], Role::Delta), None, "a length beyond the packet");
        to.configure(&[1, 2]);
        assert_eq!(to.convert(&unit.data, Role::Key), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(stream in proptest::collection::vec(prop_oneof![Just(0u8), Just(1u8), any::<u8>()], 0..200)) {
            let mut from = FromAnnexB::default();
            let _ = from.take(&stream);
            let _ = from.take(&[&START_CODE[..], &SPS, &START_CODE, &PPS, &stream].concat());
            let _ = from.size();
            let mut to = ToAnnexB::default();
            to.configure(&stream);
            let _ = to.convert(&stream, Role::Key);
        }
    }
}
