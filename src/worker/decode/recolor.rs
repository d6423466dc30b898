//! PURE. Colour conversion in place: samples of any matrix and range → BT.709 of limited range, as the stage has them.
//!
//! Greys are equal under every matrix, so new chroma follows from chroma alone, and luma changes by an amount that
//! depends on its chroma. At a tile's size this takes a tenth of the time of decoding the picture.

use super::color::{Matrix, Meaning};
use tilecast_core::{draw::Surface, layout::fit::Area};

/// Fraction bits of fixed-point numbers: products with samples fit 32 bits.
const BITS: u32 = 14;
const ONE: f64 = (1 << BITS) as f64;
const HALF: i32 = 1 << (BITS - 1);

/// A conversion from one kind of samples.
pub struct Recolor {
    /// Luma of one step of luma, and of zero.
    luma: (i32, i32),
    /// Luma of one step of blue's difference and of red's.
    moves: [i32; 2],
    /// Each chroma of one step of either.
    chroma: [[i32; 2]; 2],
    /// The change of luma in a row, for each sample of chroma and one beyond.
    line: Vec<i32>,
}

impl Recolor {
    /// The conversion for these samples; `None` if they need none.
    pub fn of(meaning: Meaning) -> Option<Self> {
        if meaning == (Meaning { matrix: Matrix::BT709, full_range: false }) {
            return None;
        }
        let shares = |matrix: Matrix| (f64::from(matrix.red) / 1e4, f64::from(matrix.blue) / 1e4);
        let ((red, blue), (to_red, to_blue)) = (shares(meaning.matrix), shares(Matrix::BT709));
        let (green, to_green) = (1.0 - red - blue, 1.0 - to_red - to_blue);
        // Steps of the differences, in red, green and blue beyond luma.
        let (in_blue, in_red) = (2.0 * (1.0 - blue), 2.0 * (1.0 - red));
        let by_blue = to_blue * in_blue - to_green * blue * in_blue / green;
        let by_red = to_red * in_red - to_green * red * in_red / green;
        let (spread_blue, spread_red) = (2.0 * (1.0 - to_blue), 2.0 * (1.0 - to_red));
        let (black, white, span) = if meaning.full_range { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) };
        let fixed = |value: f64| (value * ONE).round() as i32;
        let scale = 219.0 / white;
        let chroma = |[blue, red]: [f64; 2]| [fixed(blue * 224.0 / span), fixed(red * 224.0 / span)];
        Some(Self {
            luma: (fixed(scale), fixed(16.0 - scale * black) + HALF),
            moves: [fixed(by_blue * 219.0 / span), fixed(by_red * 219.0 / span)],
            chroma: [
                chroma([(in_blue - by_blue) / spread_blue, -by_red / spread_blue]),
                chroma([-by_blue / spread_red, (in_red - by_red) / spread_red]),
            ],
            line: Vec::new(),
        })
    }

    /// Converts an area of I420, whose numbers are even. Missing rows are left out.
    pub fn run(&mut self, surface: &mut Surface<'_>, area: Area) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: this processor has AVX2, and nothing else is required of the caller.
            return unsafe { self.run_wide(surface, area) };
        }
        self.run_rows(surface, area);
    }

    /// The same code, compiled for vectors of twice the length.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn run_wide(&mut self, surface: &mut Surface<'_>, area: Area) {
        self.run_rows(surface, area);
    }

    #[inline(always)]
    fn run_rows(&mut self, surface: &mut Surface<'_>, area: Area) {
        let [luma, blue, red] = &mut surface.planes;
        let [left, top, width, height] =
            [area.x, area.y, area.size.width, area.size.height].map(|length| length as usize / 2);
        self.line.resize(width + 1, 0);
        for row in top..top + height {
            let blue = blue.data.get_mut(row * blue.stride + left..).and_then(|data| data.get_mut(..width));
            let red = red.data.get_mut(row * red.stride + left..).and_then(|data| data.get_mut(..width));
            let (Some(blue), Some(red)) = (blue, red) else { return };
            self.chroma_row(blue, red);
            for row in [2 * row, 2 * row + 1] {
                let begin = row * luma.stride + 2 * left;
                let Some(luma) = luma.data.get_mut(begin..).and_then(|data| data.get_mut(..2 * width)) else { return };
                self.luma_row(luma);
            }
        }
    }

    #[inline(always)]
    fn chroma_row(&mut self, blue: &mut [u8], red: &mut [u8]) {
        const GREY: i32 = 128;
        let Self { luma: (_, black), moves, chroma, line } = self;
        for ((blue, red), moved) in blue.iter_mut().zip(red).zip(line.iter_mut()) {
            let (b, r) = (i32::from(*blue) - GREY, i32::from(*red) - GREY);
            *moved = moves[0] * b + moves[1] * r + *black;
            *blue = sample(chroma[0][0] * b + chroma[0][1] * r + (GREY << BITS) + HALF);
            *red = sample(chroma[1][0] * b + chroma[1][1] * r + (GREY << BITS) + HALF);
        }
        if let [.., last, beyond] = &mut line[..] {
            *beyond = *last;
        }
    }

    /// Chroma lies on every other sample of luma; between two chroma samples their mean counts.
    #[inline(always)]
    fn luma_row(&self, luma: &mut [u8]) {
        let (pairs, _) = luma.as_chunks_mut::<2>();
        for ((pair, here), next) in pairs.iter_mut().zip(&self.line).zip(self.line.iter().skip(1)) {
            let [left, right] = *pair;
            *pair = [
                sample(self.luma.0 * i32::from(left) + here),
                sample(self.luma.0 * i32::from(right) + ((here + next) >> 1)),
            ];
        }
    }
}

#[inline(always)]
fn sample(value: i32) -> u8 {
    (value >> BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilecast_core::{
        draw::{Format, PlaneMut, rgb},
        media::Size,
    };

    /// A colour as samples of this meaning.
    fn coded(color: [f64; 3], meaning: Meaning) -> [u8; 3] {
        let (red, blue) = (f64::from(meaning.matrix.red) / 1e4, f64::from(meaning.matrix.blue) / 1e4);
        let [r, g, b] = color.map(|part| part / 255.0);
        let y = red * r + (1.0 - red - blue) * g + blue * b;
        let (u, v) = ((b - y) / (2.0 * (1.0 - blue)), (r - y) / (2.0 * (1.0 - red)));
        let (black, white, span) = if meaning.full_range { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) };
        [black + white * y, 128.0 + span * u, 128.0 + span * v].map(|sample| sample.round().clamp(0.0, 255.0) as u8)
    }

    #[test]
    fn every_colour_is_what_was_painted_and_what_lies_around_stays() {
        let bt2020 = Matrix { red: 2627, blue: 593 };
        for matrix in [Matrix::BT601, Matrix::BT709, bt2020] {
            for full_range in [false, true] {
                let meaning = Meaning { matrix, full_range };
                let Some(mut recolor) = Recolor::of(meaning) else {
                    assert_eq!(meaning, Meaning { matrix: Matrix::BT709, full_range: false });
                    continue;
                };
                for color in [[208, 32, 32], [32, 176, 32], [40, 60, 220], [255, 255, 255], [0, 0, 0], [128, 128, 128]]
                {
                    let wanted = color;
                    let color = coded(color.map(f64::from), meaning);
                    let [mut y, mut u, mut v] = [(color[0], 24 * 8), (color[1], 12 * 4), (color[2], 12 * 4)]
                        .map(|(sample, count)| vec![sample; count]);
                    let planes = [(&mut y, 24), (&mut u, 12), (&mut v, 12)]
                        .map(|(data, stride)| PlaneMut { data: &mut data[..], stride });
                    let size = Size { width: 24, height: 8 };
                    let mut surface = Surface { format: Format::I420, size, planes };
                    recolor.run(&mut surface, Area { x: 2, y: 2, size: Size { width: 20, height: 4 } });
                    assert_eq!([y[0], u[0], v[0]], color, "outside");
                    for at in [2 * 24 + 2, 5 * 24 + 21] {
                        let shown = rgb([y[at], u[(at / 48) * 12 + at % 24 / 2], v[(at / 48) * 12 + at % 24 / 2]]);
                        let off = shown.iter().zip(wanted).map(|(shown, wanted)| shown.abs_diff(wanted)).max();
                        assert!(off <= Some(3), "{wanted:?} is {shown:?} from {meaning:?}");
                    }
                }
            }
        }
    }
}
