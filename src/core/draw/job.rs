//! Jobs of the drawing process (`tilecast raster`) and their answers: the messages, and their form on its standard
//! input and output.
//!
//! One process does one job. A message is a big-endian `u32` length, JSON of that length, then the bytes that the JSON
//! announces. Neither side trusts the other: every length is checked before anything is read.

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
/// Longest JSON of a job, bytes: the largest template with all defaults written out, and the names of its images.
pub const MAX_JOB: usize = 4 << 20;
/// Longest sentence of an answer, characters.
pub const MAX_SENTENCE: usize = 400;
/// Most bytes of the images of one preview: as much as a worker keeps for one room.
pub const MAX_IMAGES: usize = 64 << 20;
/// Largest file of a preview, bytes: a 4K canvas that does not compress has 25 MB.
pub const MAX_PREVIEW: usize = 32 << 20;

/// Encodes pixels, which follow, as a finished picture: width x height x 4 bytes, straight alpha. The answer is
/// [`Answer::File`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    pub size: Size,
    /// The pixels come from a lossy format.
    pub lossy: bool,
    /// Largest file, bytes.
    pub most: usize,
}

/// Draws a layout for synthetic people. The images' files follow, in their order. The answer is [`Answer::File`], a
/// PNG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    pub template: Template,
    /// The arguments that a room would set, checked against the template.
    pub arguments: Arguments,
    pub rehearsal: Rehearsal,
    pub canvas: Canvas,
    /// The images: name in the template, hash, and length of the file in bytes. An image that is not shown has no file.
    pub images: Vec<(AssetName, AssetHash, usize)>,
}

/// The result of a job. A job of kind "upload" consists of the file alone and needs no JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// The upload's pixels follow: width x height x 4 bytes, straight alpha.
    Pixels {
        kind: Kind,
        /// The image's own size, px.
        own: Size,
        /// The size of the pixels that follow, px.
        size: Size,
        /// The format of the upload is lossy.
        lossy: bool,
    },
    /// A picture's file follows.
    File { size: Size, bytes: usize },
    /// The job failed; a sentence without its full stop says why.
    Refused(String),
}

/// A message's length and JSON, the bytes before the announced ones.
pub fn head(message: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(message).expect("jobs and answers have text keys and finite numbers");
    let mut head = (json.len() as u32).to_be_bytes().to_vec();
    head.extend_from_slice(&json);
    head
}

/// Length of a message's JSON, from its first four bytes; `None` if it exceeds `most`.
pub fn length(first: [u8; 4], most: usize) -> Option<usize> {
    let length = u32::from_be_bytes(first) as usize;
    (1..=most).contains(&length).then_some(length)
}

/// Writes a message and the bytes that it announces.
///
/// # Errors
/// Errors of the writer.
pub fn write(output: &mut impl Write, message: &impl Serialize, bytes: &[u8]) -> io::Result<()> {
    output.write_all(&head(message))?;
    output.write_all(bytes)?;
    output.flush()
}

/// Reads a message's JSON of at most `most` bytes.
///
/// # Errors
/// Errors of the reader, and `InvalidData` for bytes that are no such message.
pub fn read<T: DeserializeOwned>(input: &mut impl Read, most: usize) -> io::Result<T> {
    let mut first = [0; 4];
    input.read_exact(&mut first)?;
    let length = length(first, most).ok_or_else(|| invalid("a message that is too long"))?;
    let mut json = vec![0; length];
    input.read_exact(&mut json)?;
    serde_json::from_slice(&json).map_err(|error| invalid(&error.to_string()))
}

/// Reads the next `length` bytes.
///
/// # Errors
/// Errors of the reader, and an early end of the input.
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

/// A sentence of the other side, made safe for a log and a page: one line without control characters, of bounded
/// length.
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
