//! The RTP header extension that tells how pictures are coloured,
//! <http://www.webrtc.org/experiments/rtp-hdrext/color-space>. PURE.
//!
//! The stack knows the extension's name and does nothing with it. So it gets to see another name, for which it asks here.

use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

use crate::media::ColorSpace;

const NAME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/color-space";
const NAME_IN_STACK: &str = "urn:x-tilecast:color-space";

/// What we call it where we offer: none of the stack's own numbers. A client's offer brings its own.
pub const ID: u8 = 8;

/// An offer or answer as the stack is to see it.
pub fn for_stack(sdp: &str) -> String {
    sdp.replace(NAME, NAME_IN_STACK)
}

/// An offer or answer of the stack as others are to see it.
pub fn for_client(sdp: &str) -> String {
    sdp.replace(NAME_IN_STACK, NAME)
}

/// For the stack: what it finds is in the values of a user, as a [`ColorSpace`].
pub fn extension() -> Extension {
    Extension::with_serializer(NAME_IN_STACK, Reader)
}

#[derive(Debug)]
struct Reader;

impl ExtensionSerializer for Reader {
    fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
        // Nothing at all is no value of this form, so that nothing is known is said.
        let said = write(values.user_values.get::<ColorSpace>().copied().unwrap_or_default());
        buf[..said.len()].copy_from_slice(&said);
        said.len()
    }

    fn parse_value(&self, buf: &[u8], values: &mut ExtensionValues) -> bool {
        let space = read(buf);
        space.is_some_and(|space| {
            values.user_values.set(space);
            true
        })
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }
}

/// Three code points of H.273, then two bits each for range and for where chroma lies across and down; light levels may follow.
fn read(bytes: &[u8]) -> Option<ColorSpace> {
    const FULL: u8 = 2;
    let [primaries, transfer, matrix, rest] = *bytes.first_chunk()?;
    Some(ColorSpace { primaries, transfer, matrix, full_range: rest >> 4 & 3 == FULL })
}

fn write(space: ColorSpace) -> [u8; 4] {
    [space.primaries, space.transfer, space.matrix, if space.full_range { 2 << 4 } else { 1 << 4 }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chromium_says_of_a_camera_is_read() {
        let space = ColorSpace { primaries: 6, transfer: 6, matrix: 6, full_range: false };
        assert_eq!(read(&[6, 6, 6, 0x10]), Some(space));
        assert_eq!(read(&[6, 6, 6, 0x25, 1, 2, 3]), Some(ColorSpace { full_range: true, ..space }));
        assert_eq!(read(&[6, 6, 6]), None);
        assert_eq!(read(&write(space)), Some(space));
    }
}
