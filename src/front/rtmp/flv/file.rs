//! FLV as a file, or over HTTP (§E.2, §E.3): a header, then tags, each followed by its own length.

use bytes::{Buf, BytesMut};

use super::super::{
    Limits,
    chunk::{Message, kind},
};

/// Signature, version, flags and length of the header.
const HEADER: usize = 9;
/// Longest header, bytes. Every version so far has 9.
const MAX_HEADER: usize = 64;
/// Kind, length, time and stream id.
const TAG_HEADER: usize = 11;
/// The length of the tag before, which stands before each tag and at the end.
const BACK_POINTER: usize = 4;
/// Set in the first byte of a tag whose body is encrypted (§E.4.1).
const FILTERED: u8 = 0x20;

/// Why bytes are not usable FLV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// They begin otherwise.
    #[error("what comes does not begin as FLV does; is this the address of an HTTP-FLV stream?")]
    Signature,
    /// Longer than any message that is taken by RTMP.
    #[error("a tag of the FLV stream claims {0} bytes, more than any that is taken")]
    TooLong(usize),
    /// What only a licence server could open.
    #[error("the FLV stream is encrypted, which is not taken")]
    Encrypted,
}

/// Takes the tags out of bytes as they come, of which it leaves what is not complete.
#[derive(Debug, Default)]
pub struct FileReader {
    begun: bool,
}

impl FileReader {
    /// The next tag of sound or picture; `None` until more bytes are there. What waits in `input` stays under one tag of
    /// [`Limits::message_bytes`] and what was added last.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Message>, FileFault> {
        if !self.begun && !self.begin(input)? {
            return Ok(None);
        }
        loop {
            let Some(head) = input.get(BACK_POINTER..BACK_POINTER + TAG_HEADER) else { return Ok(None) };
            let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            let (kind, length) = (head[0], number(&head[1..4]) as usize);
            let timestamp = u32::from(head[7]) << 24 | number(&head[4..7]);
            if length > Limits::default().message_bytes {
                return Err(FileFault::TooLong(length));
            }
            if kind & FILTERED != 0 {
                return Err(FileFault::Encrypted);
            }
            let whole = BACK_POINTER + TAG_HEADER + length;
            if input.len() < whole {
                input.reserve(whole - input.len());
                return Ok(None);
            }
            input.advance(BACK_POINTER + TAG_HEADER);
            let payload = input.split_to(length).freeze();
            if matches!(kind, kind::AUDIO | kind::VIDEO) {
                return Ok(Some(Message { kind, stream: 0, timestamp, payload }));
            }
        }
    }

    /// Steps over the header, once it is there.
    fn begin(&mut self, input: &mut BytesMut) -> Result<bool, FileFault> {
        if !b"FLV".starts_with(&input[..input.len().min(3)]) {
            return Err(FileFault::Signature);
        }
        let Some(head) = input.get(..HEADER) else { return Ok(false) };
        let length = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) as usize;
        if !(HEADER..=MAX_HEADER).contains(&length) {
            return Err(FileFault::Signature);
        }
        if input.len() < length {
            return Ok(false);
        }
        input.advance(length);
        self.begun = true;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(kind: u8, timestamp: u32, body: &[u8]) -> Vec<u8> {
        let mut tag = vec![0, 0, 0, 0, kind];
        tag.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
        tag.extend_from_slice(&timestamp.to_be_bytes()[1..]);
        tag.push((timestamp >> 24) as u8);
        tag.extend_from_slice(&[0, 0, 0]);
        tag.extend_from_slice(body);
        tag
    }

    fn stream(tags: &[Vec<u8>]) -> Vec<u8> {
        [b"FLV\x01\x05\0\0\0\x09".to_vec(), tags.concat()].concat()
    }

    fn read(bytes: &[u8], at_once: usize) -> Result<Vec<(u8, u32, Vec<u8>)>, FileFault> {
        let (mut reader, mut input, mut found) = (FileReader::default(), BytesMut::new(), Vec::new());
        for piece in bytes.chunks(at_once) {
            input.extend_from_slice(piece);
            while let Some(message) = reader.next(&mut input)? {
                found.push((message.kind, message.timestamp, message.payload.to_vec()));
            }
        }
        Ok(found)
    }

    #[test]
    fn tags_come_out_however_the_bytes_come_in() {
        let tags = [tag(18, 0, b"metadata"), tag(9, 0x0123_4567, b"picture"), tag(8, 40, b""), tag(8, 80, b"sound")];
        let wanted = vec![(9, 0x0123_4567, b"picture".to_vec()), (8, 40, Vec::new()), (8, 80, b"sound".to_vec())];
        for at_once in [1, 2, 7, 1000] {
            assert_eq!(read(&stream(&tags), at_once), Ok(wanted.clone()), "{at_once} bytes at once");
        }
    }

    #[test]
    fn what_is_not_flv_is_told_at_its_first_byte() {
        assert_eq!(read(b"<html>", 1), Err(FileFault::Signature));
        assert_eq!(read(b"FLW\x01", 1), Err(FileFault::Signature));
        assert_eq!(read(b"FLV\x01\x05\xff\xff\xff\xff", 9), Err(FileFault::Signature));
        let mut long = tag(9, 0, b"");
        long[5..8].copy_from_slice(&[0xff, 0xff, 0xff]);
        assert_eq!(read(&stream(&[long]), 1000), Err(FileFault::TooLong(0xff_ffff)));
        assert_eq!(read(&stream(&[tag(9 | FILTERED, 0, b"x")]), 1000), Err(FileFault::Encrypted));
    }

    #[test]
    fn no_bytes_break_it() {
        proptest::proptest!(|(mut bytes: Vec<u8>, begun: bool)| {
            if begun {
                bytes = [b"FLV\x01\x05\0\0\0\x09".to_vec(), bytes].concat();
            }
            let _ = read(&bytes, 5);
        });
    }
}
