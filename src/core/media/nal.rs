//! Keyframe detection: whether decoding can begin with a coded picture, from its bitstream. A sender's own mark is
//! often wrong or missing.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use super::VideoCodec;

/// Most parameter sets of one kind in a record: `avcC` counts sequence parameter sets in five bits.
const MAX_SETS: usize = 31;

/// Whether decoding can begin with a picture; `None` where its bytes do not say. `record` is the stream's `avcC` or
/// `hvcC`, if there is one.
pub fn begins(codec: VideoCodec, record: Option<&[u8]>, data: &[u8]) -> Option<bool> {
    let first = *data.first()?;
    match codec {
        VideoCodec::H264 => any_unit(data, length(record, 4), h264_begins),
        // IRAP pictures (ITU-T H.265 table 7-1).
        VideoCodec::Hevc => any_unit(data, length(record, 21), |unit| (16..=21).contains(&(unit[0] >> 1 & 0x3f))),
        // RFC 6386 §9.1.
        VideoCodec::Vp8 => Some(first & 1 == 0),
        // VP9 bitstream specification §6.2; profile 3 has one more bit.
        VideoCodec::Vp9 if first >> 6 != 2 => None,
        VideoCodec::Vp9 => Some(first & if first & 0x30 == 0x30 { 0x06 } else { 0x0c } == 0),
        VideoCodec::Av1 => av1_begins(data),
    }
}

/// Whether an H.264 unit makes its picture a random access point: a slice of an IDR picture, or a recovery point, which
/// streams without IDR pictures have (ITU-T H.264 §D.2.8).
pub fn h264_begins(unit: &[u8]) -> bool {
    match unit[0] & 0x1f {
        5 => true,
        6 => has_recovery_point(&unit[1..]),
        _ => false,
    }
}

/// An `avcC` record, made of the parameter sets in a picture with four-byte lengths. For a stream that has sent no
/// record.
pub fn record_within(data: &[u8]) -> Option<Bytes> {
    let of = |kind| {
        let units = Prefixed { data, length: 4 }.filter(move |unit| unit[0] & 0x1f == kind);
        units.take(MAX_SETS).map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    any_unit(data, 4, |_| false)?;
    avc_record(&of(7), &of(8))
}

/// The `avcC` record (ISO/IEC 14496-15 §5.3.3.1) for lengths of four bytes; `None` while a kind of parameter set is
/// missing or does not fit.
pub fn avc_record(sps: &[Vec<u8>], pps: &[Vec<u8>]) -> Option<Bytes> {
    let first = sps.first().filter(|first| first.len() >= 4)?;
    let fits = |sets: &[Vec<u8>]| sets.len() <= MAX_SETS && sets.iter().all(|set| set.len() <= usize::from(u16::MAX));
    if pps.is_empty() || !fits(sps) || !fits(pps) {
        return None;
    }
    let mut record = BytesMut::new();
    record.put_slice(&[1, first[1], first[2], first[3], 0xff, 0xe0 | sps.len() as u8]);
    let put = |record: &mut BytesMut, set: &Vec<u8>| {
        record.put_u16(set.len() as u16);
        record.put_slice(set);
    };
    sps.iter().for_each(|set| put(&mut record, set));
    record.put_u8(pps.len() as u8);
    pps.iter().for_each(|set| put(&mut record, set));
    Some(record.freeze())
}

/// Bytes of a unit's length field, read from the record at this offset.
fn length(record: Option<&[u8]>, at: usize) -> usize {
    record.and_then(|record| record.get(at)).map_or(4, |byte| usize::from(byte & 3) + 1)
}

/// Whether any unit satisfies `is`; `None` where the bytes are no units. A start code at the beginning marks a byte
/// stream (Annex B).
fn any_unit(data: &[u8], length: usize, is: impl Fn(&[u8]) -> bool) -> Option<bool> {
    if data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1]) {
        // The first bytes of a unit hold its type.
        let mut starts = (3..data.len()).filter(|at| data[at - 3..*at] == [0, 0, 1]);
        return Some(starts.any(|at| is(&data[at..])));
    }
    let mut units = Prefixed { data, length };
    let found = units.by_ref().any(is);
    (found || units.data.is_empty()).then_some(found)
}

/// Units with length prefixes, none of them empty. Remaining bytes at the end are no unit.
struct Prefixed<'a> {
    data: &'a [u8],
    length: usize,
}

impl<'a> Iterator for Prefixed<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let head = self.data.get(..self.length)?;
            let size = head.iter().fold(0, |size, byte| size << 8 | usize::from(*byte));
            let unit = self.data.get(self.length..self.length.checked_add(size)?)?;
            self.data = &self.data[self.length + size..];
            if !unit.is_empty() {
                return Some(unit);
            }
        }
    }
}

/// Searches supplemental enhancement information (§7.3.2.3.1).
fn has_recovery_point(mut messages: &[u8]) -> bool {
    const RECOVERY_POINT: usize = 6;
    fn number(bytes: &mut &[u8]) -> Option<usize> {
        let mut sum = 0;
        loop {
            let (first, rest) = bytes.split_first()?;
            *bytes = rest;
            sum += usize::from(*first);
            if *first != 0xff {
                return Some(sum);
            }
        }
    }
    // The last byte holds the trailing bits.
    while messages.len() > 2 {
        let (Some(kind), Some(size)) = (number(&mut messages), number(&mut messages)) else { return false };
        if kind == RECOVERY_POINT {
            return true;
        }
        messages = messages.get(size..).unwrap_or_default();
    }
    false
}

/// Where the payload of the first of these AV1 units lies; `None` where the unit has no size field or its head is cut off. The end may
/// lie beyond the data (AV1 specification §5.3, leb128 of at most 4 bytes).
pub fn av1_unit(data: &[u8]) -> Option<Range<usize>> {
    let head = *data.first()?;
    if head & 2 == 0 {
        return None;
    }
    let mut at = if head & 4 == 0 { 1 } else { 2 };
    let mut size = 0usize;
    for shift in 0..4 {
        let byte = *data.get(at)?;
        at += 1;
        size |= usize::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(at..at.checked_add(size)?)
}

/// Encoders send a sequence header with every keyframe, and only there (AV1 specification §7.5, random access).
fn av1_begins(mut data: &[u8]) -> Option<bool> {
    const SEQUENCE_HEADER: u8 = 1;
    while let Some(head) = data.first() {
        if head >> 3 & 15 == SEQUENCE_HEADER {
            return Some(true);
        }
        data = data.get(av1_unit(data)?.end..)?;
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{VideoCodec::*, *};

    const SPS: &[u8] = &[0x67, 0x64, 0, 0x1f, 1];
    const PPS: &[u8] = &[0x68, 2];
    const IDR: &[u8] = &[0x65, 3, 4];
    const SLICE: &[u8] = &[0x41, 5, 6];
    /// User data, followed by a recovery point.
    const SEI: &[u8] = &[0x06, 5, 2, 9, 9, 6, 1, 0xc4, 0x80];

    fn prefixed(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&(unit.len() as u32).to_be_bytes(), *unit].concat()).collect()
    }

    fn streamed(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect()
    }

    #[test]
    fn what_a_picture_is_stands_in_its_units_however_they_lie() {
        for lay in [prefixed, streamed] {
            let begins = |units: &[&[u8]]| begins(H264, None, &lay(units));
            assert_eq!(begins(&[SPS, PPS, IDR]), Some(true));
            assert_eq!(begins(&[SEI, SLICE]), Some(true));
            assert_eq!(begins(&[&[0x06, 5, 1, 6, 0x80], SLICE]), Some(false));
            assert_eq!(begins(&[SLICE, SLICE]), Some(false));
        }
        let record = [1, 0x64, 0, 0x1f, 0xfd];
        assert_eq!(begins(H264, Some(&record), &[0, 3, 0x65, 3, 4]), Some(true), "lengths of two bytes");
        assert_eq!(begins(H264, None, &[0, 0, 0, 9, 0x65]), None);
        let hevc = |kind: u8| begins(Hevc, None, &prefixed(&[&[kind << 1, 1, 7]]));
        assert_eq!([hevc(19), hevc(21), hevc(1)], [Some(true), Some(true), Some(false)]);
        assert_eq!([begins(Vp8, None, &[0x50]), begins(Vp8, None, &[0x51])], [Some(true), Some(false)]);
        assert_eq!([begins(Vp9, None, &[0x82]), begins(Vp9, None, &[0x86])], [Some(true), Some(false)]);
        assert_eq!(begins(Av1, None, &[0x12, 0, 0x0a, 1, 0, 0x32, 1, 0]), Some(true));
        assert_eq!(begins(Av1, None, &[0x12, 0, 0x32, 1, 0]), Some(false));
    }

    #[test]
    fn a_record_is_made_of_what_is_in_the_stream() {
        let record = record_within(&prefixed(&[SPS, PPS, IDR])).expect("both are there");
        assert_eq!(record[..], [1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 5, 0x67, 0x64, 0, 0x1f, 1, 1, 0, 2, 0x68, 2]);
        assert_eq!(record_within(&prefixed(&[SPS, IDR])), None);
        assert_eq!(record_within(&streamed(&[SPS, PPS, IDR])), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for codec in [H264, Hevc, Vp8, Vp9, Av1] {
                let _ = begins(codec, Some(&bytes), &bytes);
            }
            let _ = record_within(&bytes);
        }
    }
}
