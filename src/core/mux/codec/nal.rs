//! NAL units of H.264 and H.265, behind lengths or start codes.

use bytes::{BufMut, Bytes, BytesMut};

/// Most bytes of a parameter set that are read: what is told of size and profile stands in the first few dozen.
pub(super) const MAX_SET: usize = 1024;

/// True for a byte stream (ITU-T H.264 Annex B).
pub(super) fn is_byte_stream(data: &[u8]) -> bool {
    data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1])
}

/// The units of a byte stream, none of them empty.
pub(super) fn byte_stream(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(data).unwrap_or_default();
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = rest.windows(3).position(|three| three == [0, 0, 1]);
            let (unit, next) = match end {
                Some(end) => (&rest[..end], &rest[end + 3..]),
                None => (rest, &rest[rest.len()..]),
            };
            rest = next;
            // Zeros before the next start code belong to no unit.
            let size = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if size > 0 {
                return Some(&unit[..size]);
            }
        }
        None
    })
}

/// The units behind lengths of four bytes.
pub(super) fn prefixed(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        loop {
            let (head, rest) = data.split_first_chunk::<4>()?;
            let (unit, rest) = rest.split_at_checked(u32::from_be_bytes(*head) as usize)?;
            data = rest;
            if !unit.is_empty() {
                return Some(unit);
            }
        }
    })
}

/// A byte stream's picture with lengths of four bytes.
pub(super) fn with_lengths(data: &Bytes) -> Bytes {
    if !is_byte_stream(data) {
        return data.clone();
    }
    let mut out = BytesMut::with_capacity(data.len() + 16);
    for unit in byte_stream(data) {
        out.put_u32(unit.len() as u32);
        out.put_slice(unit);
    }
    out.freeze()
}

fn after_start_code(data: &[u8]) -> Option<&[u8]> {
    let at = data.windows(3).position(|three| three == [0, 0, 1])?;
    data.get(at + 3..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_become_lengths() {
        let stream = Bytes::from_static(&[0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65, 2, 3]);
        assert_eq!(byte_stream(&stream).collect::<Vec<_>>(), [&[0x67, 1][..], &[0x68], &[0x65, 2, 3]]);
        let with = with_lengths(&stream);
        assert_eq!(with[..], [0, 0, 0, 2, 0x67, 1, 0, 0, 0, 1, 0x68, 0, 0, 0, 3, 0x65, 2, 3]);
        assert_eq!(with_lengths(&with), with);
        assert_eq!(prefixed(&with).count(), 3);
        assert_eq!(prefixed(&[0, 0, 0, 9, 1]).count(), 0);
    }
}
