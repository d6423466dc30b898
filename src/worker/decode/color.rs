//! PURE. Colour space selection: the matrix and range of a picture, from everything that is said about it.
//!
//! The bitstream counts first. Where it does not name the matrix, the sender's description counts; where that is
//! missing too, a convention: VP8 is BT.601 (RFC 6386 §9.2), and so is anything smaller than high definition; the rest
//! is BT.709. Primaries and transfer functions are not converted: those of BT.601 and BT.709 are meant for the same
//! screens.

use tilecast_core::media::{ColorSpace, Size, VideoCodec, color::UNSPECIFIED};

/// A colour matrix: the shares of red and of blue in luma, ten-thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matrix {
    pub red: u16,
    pub blue: u16,
}

impl Matrix {
    /// ITU-R BT.601.
    pub const BT601: Self = Self { red: 2990, blue: 1140 };
    /// ITU-R BT.709, the stage's matrix.
    pub const BT709: Self = Self { red: 2126, blue: 722 };

    /// The matrix of a code point of H.273, if it is one of these.
    fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::BT709),
            4 => Some(Self { red: 3000, blue: 1100 }),
            5 | 6 => Some(Self::BT601),
            7 => Some(Self { red: 2120, blue: 870 }),
            9 | 10 => Some(Self { red: 2627, blue: 593 }),
            _ => None,
        }
    }
}

/// How samples of luma and chroma are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// The matrix that made them.
    pub matrix: Matrix,
    /// Full range: samples use all of 0 to 255.
    pub full_range: bool,
}

impl Meaning {
    /// The meaning of a picture's samples from the bitstream (`coded`) and the sender (`told`); `high` by [`is_high`].
    pub fn of(coded: ColorSpace, told: ColorSpace, codec: VideoCodec, high: bool) -> Self {
        // VP8 cannot describe colours (RFC 6386 §9.2). libav says BT.601 all the same, and takes the type of clamping for
        // the range.
        let coded = if codec == VideoCodec::Vp8 { ColorSpace::default() } else { coded };
        let silent = coded.matrix == UNSPECIFIED;
        let told = Matrix::of(told.matrix).map(|matrix| (matrix, told.full_range)).filter(|_| silent);
        let (matrix, full_range) = told.unwrap_or_else(|| {
            let guess = if codec == VideoCodec::Vp8 || !high { Matrix::BT601 } else { Matrix::BT709 };
            (Matrix::of(coded.matrix).unwrap_or(guess), false)
        });
        Self { matrix, full_range: full_range || coded.full_range }
    }
}

/// True if pictures of this size are high definition: more than 576 lines, or as wide as pictures of 720 lines.
pub fn is_high(size: Size) -> bool {
    size.width.min(size.height) > 576 || size.width.max(size.height) >= 1280
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: ColorSpace = ColorSpace { primaries: 2, transfer: 2, matrix: 2, full_range: false };

    fn said(matrix: u8, full_range: bool) -> ColorSpace {
        ColorSpace { matrix, full_range, ..SILENT }
    }

    #[test]
    fn the_bitstream_is_believed_then_the_sender_then_the_convention() {
        use VideoCodec::{H264, Vp8, Vp9};
        let of = |coded, told, codec, high| {
            let meaning = Meaning::of(coded, told, codec, high);
            (meaning.matrix, meaning.full_range)
        };
        let (bt601, bt709) = (Matrix::BT601, Matrix::BT709);
        assert_eq!(of(said(6, false), said(1, true), H264, true), (bt601, false));
        assert_eq!(of(said(1, true), said(6, false), Vp9, false), (bt709, true));
        assert_eq!(of(SILENT, said(1, true), Vp8, false), (bt709, true));
        assert_eq!(of(said(5, false), said(1, false), Vp8, false), (bt709, false));
        // The range alone may be said.
        assert_eq!(of(said(2, true), said(6, false), H264, true), (bt601, true));
        assert_eq!(of(SILENT, SILENT, H264, true), (bt709, false));
        assert_eq!(of(SILENT, SILENT, H264, false), (bt601, false));
        assert_eq!(of(SILENT, SILENT, Vp8, true), (bt601, false));
        // Unassigned code points say nothing.
        assert_eq!(of(said(200, false), said(77, true), H264, true), (bt709, false));
    }

    #[test]
    fn high_definition_is_high_on_its_side_too() {
        let high = |width, height| is_high(Size { width, height });
        assert_eq!([high(1280, 720), high(720, 1280), high(960, 720), high(1280, 536)], [true; 4]);
        assert_eq!([high(720, 576), high(768, 576), high(640, 480), high(480, 854)], [false; 4]);
    }
}
