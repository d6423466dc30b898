//! What the front asks the process `tilecast raster` to do, and what that answers: the messages, and how they lie on its standard
//! input and output.
//!
//! One process, one job. A message is a big-endian `u32` length, JSON of that length, then the bytes that the JSON tells of. Neither
//! side believes the other: every length is bounded before anything is read.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Kind, Rehearsal};
use crate::{
    base::{AssetHash, AssetName},
    layout::{Arguments, Canvas, Template},
    media::Size,
};

/// Longest JSON of an answer, bytes: numbers, and one sentence.
pub const MAX_ANSWER: usize = 4096;
/// Longest JSON of a job, bytes: the largest template written out with all that it left to defaults, and its images' names.
pub const MAX_JOB: usize = 4 << 20;
/// Longest sentence of an answer, characters.
pub const MAX_SENTENCE: usize = 400;
/// Most bytes of the images of one preview: what a worker keeps of them for one room.
pub const MAX_IMAGES: usize = 64 << 20;
/// Largest file of a preview, bytes: a 4K canvas that does not compress is 25 MB.
pub const MAX_PREVIEW: usize = 32 << 20;

/// Makes a finished picture of pixels, which follow: width x height x 4 bytes, straight alpha. Answered by [`Answer::File`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    pub size: Size,
    /// They were lossy already.
    pub lossy: bool,
    /// Largest file, bytes.
    pub most: usize,
}

/// Draws a layout for people who are not there; the images' files follow, in their order. Answered by [`Answer::File`], a PNG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    pub template: Template,
    /// What a room would set, checked against it.
    pub arguments: Arguments,
    pub rehearsal: Rehearsal,
    pub canvas: Canvas,
    /// What the template calls images, which they are, and how long their files are, bytes. Those that are not shown have no file.
    pub images: Vec<(AssetName, AssetHash, usize)>,
}

/// What came of a job. A file that is uploaded is the whole job of its kind, and needs no words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// The upload's pixels follow: width x height x 4 bytes, straight alpha.
    Pixels {
        kind: Kind,
        /// Its own size, px.
        own: Size,
        /// Of what follows, px.
        size: Size,
        /// The format was lossy.
        lossy: bool,
    },
    /// A picture's file follows.
    File { size: Size, bytes: usize },
    /// It cannot be done; why, a sentence without its end.
    Refused(String),
}

/// The bytes before those that a message tells of.
pub fn head(message: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(message).expect("jobs and answers have text keys and finite numbers");
    let mut head = (json.len() as u32).to_be_bytes().to_vec();
    head.extend_from_slice(&json);
    head
}

/// How long a message's JSON is, from its first four bytes; `None` if it is longer than it may be.
pub fn length(first: [u8; 4], most: usize) -> Option<usize> {
    let length = u32::from_be_bytes(first) as usize;
    (1..=most).contains(&length).then_some(length)
}

/// Writes a message and the bytes that it tells of.
///
/// # Errors
/// As the writer's.
pub fn write(output: &mut impl Write, message: &impl Serialize, bytes: &[u8]) -> io::Result<()> {
    output.write_all(&head(message))?;
    output.write_all(bytes)?;
    output.flush()
}

/// Reads a message's JSON, of at most `most` bytes.
///
/// # Errors
/// As the reader's, and `InvalidData` for what is no such message.
pub fn read<T: DeserializeOwned>(input: &mut impl Read, most: usize) -> io::Result<T> {
    let mut first = [0; 4];
    input.read_exact(&mut first)?;
    let length = length(first, most).ok_or_else(|| invalid("a message that is too long"))?;
    let mut json = vec![0; length];
    input.read_exact(&mut json)?;
    serde_json::from_slice(&json).map_err(|error| invalid(&error.to_string()))
}

/// The next so many bytes.
///
/// # Errors
/// As the reader's, and when it ends before.
pub fn take(input: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    if input.take(length as u64).read_to_end(&mut bytes)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// A sentence of the other side's, fit for a log and a page: one line without control characters, of bounded length.
pub fn sentence(text: &str) -> String {
    let plain = text.chars().map(|char| if char.is_control() { ' ' } else { char });
    plain.take(MAX_SENTENCE).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let size = Size { width: 3, height: 2 };
        let answer = Answer::Pixels { kind: Kind::Svg, own: size, size, lossy: false };
        let mut wire = Vec::new();
        write(&mut wire, &answer, &[7; 24]).expect("written");
        let mut input = &wire[..];
        assert_eq!(read::<Answer>(&mut input, MAX_ANSWER).expect("read"), answer);
        assert_eq!(take(&mut input, 24).expect("bytes"), [7; 24]);
        assert_eq!(take(&mut input, 1).expect_err("no more").kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_no_message_is_refused_before_it_takes_memory() {
        let long = [&u32::MAX.to_be_bytes()[..], b"{}"].concat();
        let cut = [&100u32.to_be_bytes()[..], b"{}"].concat();
        let odd = [&14u32.to_be_bytes()[..], b"{\"something\":1}"].concat();
        for bad in [&long[..], &cut, &odd, &[0, 0, 0, 0], &[0, 0]] {
            assert!(read::<Answer>(&mut &bad[..], MAX_ANSWER).is_err(), "{bad:?}");
        }
        assert_eq!(take(&mut &[][..], usize::MAX / 4).expect_err("too much").kind(), io::ErrorKind::OutOfMemory);
    }

    #[test]
    fn a_sentence_is_one_line() {
        assert_eq!(sentence(" a\nb\u{1b}[31mc\u{9b} "), "a b [31mc");
        assert_eq!(sentence(&"x".repeat(9000)).len(), MAX_SENTENCE);
    }

    #[test]
    fn a_preview_keeps_its_template() {
        for (_, template) in crate::layout::builtin() {
            let (arguments, canvas) = (Arguments::default(), Canvas::default());
            let images = vec![("logo".parse().expect("a name"), AssetHash::of(b"logo"), 7)];
            let job = Preview { template, arguments, rehearsal: Rehearsal::default(), canvas, images };
            let wire = head(&job);
            assert_eq!(read::<Preview>(&mut &wire[..], MAX_JOB).expect("read"), job);
        }
    }
}
