//! What the front must know of coded pictures: their size, to choose among a sender's layers. PURE.
//!
//! Keyframes say it in their first bytes; nothing here decodes. What does not read gives `None`, and the layer's size is then
//! guessed from its place among the others.

/// Largest side that is believed, px: the limit of every codec here at the levels that browsers send.
const MAX_SIDE: u32 = 16_384;

fn sane(width: u32, height: u32) -> Option<(u32, u32)> {
    let fits = |side| (1..=MAX_SIDE).contains(&side);
    (fits(width) && fits(height)).then_some((width, height))
}

/// Size in a VP8 keyframe's header (RFC 6386 §9.1), px.
pub fn vp8_size(frame: &[u8]) -> Option<(u32, u32)> {
    let head: &[u8; 10] = frame.first_chunk()?;
    let keyframe = head[0] & 1 == 0 && head[3..6] == [0x9d, 0x01, 0x2a];
    let side = |low: usize| u32::from(u16::from_le_bytes([head[low], head[low + 1]]) & 0x3fff);
    keyframe.then(|| sane(side(6), side(8))).flatten()
}

/// Size in a VP9 keyframe's uncompressed header (VP9 bitstream specification §6.2), px.
pub fn vp9_size(frame: &[u8]) -> Option<(u32, u32)> {
    const SRGB: u32 = 7;
    let mut bits = Bits::new(frame);
    if bits.read(2)? != 2 {
        return None;
    }
    let profile = bits.read(1)? | bits.read(1)? << 1;
    if profile == 3 {
        bits.read(1)?;
    }
    let (shows_existing, is_delta) = (bits.read(1)? == 1, bits.read(1)? == 1);
    bits.read(2)?;
    if shows_existing || is_delta || bits.read(24)? != 0x49_8342 {
        return None;
    }
    if profile >= 2 {
        bits.read(1)?;
    }
    if bits.read(3)? != SRGB {
        bits.read(if profile & 1 == 1 { 4 } else { 1 })?;
    } else if profile & 1 == 1 {
        bits.read(1)?;
    }
    let (width, height) = (bits.read(16)? + 1, bits.read(16)? + 1);
    sane(width, height)
}

/// Size in an H.264 sequence parameter set, header byte included (ITU-T H.264 §7.3.2.1.1), px.
pub fn h264_size(sps: &[u8]) -> Option<(u32, u32)> {
    let plain = without_emulation(sps.get(1..)?);
    let mut bits = Bits::new(&plain);
    let profile = bits.read(8)?;
    bits.read(16)?;
    bits.unsigned()?;
    let mut chroma = 1;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma = bits.unsigned()?;
        if chroma == 3 {
            bits.read(1)?;
        }
        bits.unsigned()?;
        bits.unsigned()?;
        bits.read(1)?;
        if bits.read(1)? == 1 {
            // Scaling lists; browsers and hardware encoders send none.
            return None;
        }
    }
    bits.unsigned()?;
    match bits.unsigned()? {
        0 => {
            bits.unsigned()?;
        }
        1 => {
            bits.read(1)?;
            bits.unsigned()?;
            bits.unsigned()?;
            for _ in 0..bits.unsigned()?.min(255) {
                bits.unsigned()?;
            }
        }
        _ => {}
    }
    bits.unsigned()?;
    bits.read(1)?;
    let width = bits.unsigned()?.checked_add(1)?.checked_mul(16)?;
    let map_height = bits.unsigned()?.checked_add(1)?;
    let fields = 2 - bits.read(1)?;
    let height = map_height.checked_mul(16)?.checked_mul(fields)?;
    if fields == 2 {
        bits.read(1)?;
    }
    bits.read(1)?;
    let (mut cropped_x, mut cropped_y) = (0, 0);
    if bits.read(1)? == 1 {
        let unit_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
        let unit_y = if chroma == 1 { 2 } else { 1 } * fields;
        cropped_x = bits.unsigned()?.checked_add(bits.unsigned()?)?.checked_mul(unit_x)?;
        cropped_y = bits.unsigned()?.checked_add(bits.unsigned()?)?.checked_mul(unit_y)?;
    }
    sane(width.checked_sub(cropped_x)?, height.checked_sub(cropped_y)?)
}

/// A unit's payload without emulation prevention (§7.4.1.1).
fn without_emulation(unit: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

/// Bits, most significant first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn read(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// An Exp-Golomb number (§9.1).
    fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.read(1)? == 0 {
            zeros += 1;
        }
        (zeros < 32).then(|| self.read(zeros).map(|rest| (1 << zeros) - 1 + rest))?
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_from_keyframes_of_real_encoders() {
        // libvpx, 320x240; the second is a delta frame's tag.
        assert_eq!(vp8_size(&[0x50, 0x2d, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00]), Some((320, 240)));
        assert_eq!(vp8_size(&[0x51, 0x2d, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00]), None);
        // libvpx-vp9, profile 0, 640x360.
        assert_eq!(vp9_size(&[0x82, 0x49, 0x83, 0x42, 0x00, 0x27, 0xf0, 0x16, 0x70, 0x38]), Some((640, 360)));
        assert_eq!(vp9_size(&[0x86, 0x00, 0x40, 0x92]), None);
        // OpenH264 as Chromium uses it, constrained baseline 640x480; x264 High 1280x720 and 1920x1080 with cropping.
        assert_eq!(h264_size(&[0x67, 0x42, 0xc0, 0x1e, 0x8c, 0x8d, 0x40, 0x50, 0x1e, 0x80]), Some((640, 480)));
        let high = [0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10];
        assert_eq!(h264_size(&high), Some((1280, 720)));
        let full = [0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44];
        assert_eq!(h264_size(&full), Some((1920, 1080)));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = (vp8_size(&bytes), vp9_size(&bytes), h264_size(&bytes));
        }
    }
}
