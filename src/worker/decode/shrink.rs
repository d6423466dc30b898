//! PURE. Downscaling (area averaging): a plane made smaller, each sample the mean of the samples that it covers.
//!
//! Most tiles are smaller than their pictures, by ratios that depend on the layout. The result equals swscale's area
//! scaling, in a third to two thirds of its time: rows are summed first, so that only the tile's rows are processed
//! column by column.

use std::{arch::x86_64::*, array};

use super::{halve::Rows, siting::Shift};

/// Most rows or columns that one sample covers: ratios up to seven to one.
const MOST: usize = 8;

/// Most columns that one of two samples in a vector covers: ratios up to three to one.
const FEW: usize = 4;

/// Widest plane, samples; a power of two, which saves a bounds check at each column.
const WIDEST: usize = 4096;

/// Sum of the weights of rows: a sum of samples fits 16 bits.
const ROWS_ONE: usize = 1 << 8;

/// Sum of the weights of columns.
const COLUMNS_ONE: usize = 1 << 14;

/// Bits that a sample has gained in the end: those of both weights, less the one that the line's sign takes.
const GAINED: i32 = (ROWS_ONE * COLUMNS_ONE).ilog2() as i32 - 1;

/// A row of the tile before its columns are summed: 15 bits per sample, and as many extra samples as a vector reaches
/// beyond the last.
type Line = [i16; WIDEST + MOST];

/// Shrinks planes of one size to another.
pub struct Shrink {
    width: usize,
    rows: Vec<Span>,
    columns: Columns,
    line: Box<Line>,
    out_width: usize,
}

/// The samples that one result sample covers, across or down.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    first: usize,
    count: usize,
    /// Weights, of which `count` count. They have a fixed sum, so that a flat area stays as it is.
    weights: [u16; MOST],
}

/// For each eight samples of a row of the tile: where they come from.
enum Columns {
    Few(Vec<Pairs>),
    Many(Vec<Singles>),
}

/// Each vector makes two neighbouring samples. Vectors are ordered so that their sums come out in the right order.
struct Pairs {
    starts: [u16; 4],
    /// The bytes that both samples are made of.
    picks: [Half; 4],
    weights: [Half; 4],
}

/// Each vector makes one sample.
struct Singles {
    starts: [u16; 8],
    weights: [Half; 8],
}

/// Half a vector of AVX2.
type Half = [i64; 2];

impl Shrink {
    /// A scaler from planes of `from` samples across and down to `to`, with this shift. `None` if swscale is to do it:
    /// for planes that grow, shrink to less than a seventh or are too wide, and on processors without AVX2.
    pub fn new(from: (usize, usize), to: (usize, usize), (across, down): (Shift, Shift)) -> Option<Self> {
        if !std::arch::is_x86_feature_detected!("avx2") || from.0 > WIDEST {
            return None;
        }
        let across = spans((from.0, to.0), across, COLUMNS_ONE)?;
        let columns = if across.iter().all(|span| span.count <= FEW) {
            Columns::Few(across.chunks(8).map(Pairs::of).collect())
        } else {
            Columns::Many(across.chunks(8).map(Singles::of).collect())
        };
        let rows = spans((from.1, to.1), down, ROWS_ONE)?;
        Some(Self { width: from.0, rows, columns, line: Box::new([0; WIDEST + MOST]), out_width: to.0 })
    }

    /// Writes a plane to `out`, whose rows lie `out_stride` bytes apart. Rows that one side lacks are left out.
    pub fn run(&mut self, source: Rows<'_>, out: &mut [u8], out_stride: usize) {
        // SAFETY: `new` found AVX2, and nothing else is required of the caller.
        unsafe { self.run_wide(source, out, out_stride) }
    }

    #[target_feature(enable = "avx2")]
    fn run_wide(&mut self, source: Rows<'_>, out: &mut [u8], out_stride: usize) {
        let Self { width, rows, columns, line, out_width } = self;
        for (span, out) in rows.iter().zip(out.chunks_mut(out_stride.max(1))) {
            let (Some(()), Some(out)) = (span.rows(source, &mut line[..*width]), out.get_mut(..*out_width)) else {
                return;
            };
            match columns {
                Columns::Few(pairs) => by_eight(out, pairs, |pairs| pairs.samples(line)),
                Columns::Many(singles) => by_eight(out, singles, |singles| singles.samples(line)),
            }
        }
    }
}

/// The samples of `from` that each of `to` samples covers; `None` if that is fewer than one or more than [`MOST`].
fn spans((from, to): (usize, usize), shift: Shift, one: usize) -> Option<Vec<Span>> {
    if from < to || to == 0 {
        return None;
    }
    // Positions are counted in fractions of a sample, of which `4 * to` make one.
    let (sample, width, one) = (4 * to as i64, 4 * from as i64, one as i64);
    let moved = shift.to * from as i64 - shift.from * to as i64;
    let last = from as i64 - 1;
    let span = |at: i64| {
        let (begin, end) = (at * width + moved, (at + 1) * width + moved);
        // Beyond the plane, the edge sample is repeated.
        let first = begin.div_euclid(sample).clamp(0, last);
        let beyond = (end + sample - 1).div_euclid(sample).clamp(first + 1, last + 1);
        let count = (beyond - first) as usize;
        let mut span = Span { first: first as usize, count, ..Span::default() };
        let mut given = 0;
        for (weight, at) in span.weights.get_mut(..count)?.iter_mut().zip(first..) {
            let covered = if at + 1 == beyond { width } else { (at + 1) * sample - begin };
            // Rounded in sum, so that nothing is lost.
            let sum = (2 * covered * one + width) / (2 * width);
            *weight = (sum - given) as u16;
            given = sum;
        }
        Some(span)
    };
    (0..to as i64).map(span).collect()
}

impl Span {
    /// Sums its rows; `None` if one of them is missing.
    #[inline(always)]
    fn rows(&self, source: Rows<'_>, line: &mut [i16]) -> Option<()> {
        match self.count {
            1 => self.sum::<1>(source, line),
            2 => self.sum::<2>(source, line),
            3 => self.sum::<3>(source, line),
            4 => self.sum::<4>(source, line),
            5 => self.sum::<5>(source, line),
            6 => self.sum::<6>(source, line),
            7 => self.sum::<7>(source, line),
            _ => self.sum::<8>(source, line),
        }
    }

    #[inline(always)]
    fn sum<const ROWS: usize>(&self, source: Rows<'_>, line: &mut [i16]) -> Option<()> {
        let mut rows = [&[][..]; ROWS];
        for (row, at) in rows.iter_mut().zip(self.first..) {
            *row = source.data.get(at * source.stride..)?.get(..line.len())?;
        }
        for (at, sample) in line.iter_mut().enumerate() {
            let mut sum = 0;
            for (row, weight) in rows.iter().zip(self.weights) {
                sum += u16::from(row[at]) * weight;
            }
            *sample = (sum >> 1) as i16;
        }
        Some(())
    }
}

impl Pairs {
    fn of(spans: &[Span]) -> Self {
        let mut all = Self { starts: [0; 4], picks: [[0; 2]; 4], weights: [[0; 2]; 4] };
        for (two, vector) in spans.chunks(2).zip([0, 2, 1, 3]) {
            let (left, right) = (two[0], *two.last().unwrap_or(&two[0]));
            let apart = 2 * (right.first - left.first);
            all.starts[vector] = left.first as u16;
            all.picks[vector] = [0, apart].map(|first| i64::from_le_bytes(array::from_fn(|byte| (first + byte) as u8)));
            all.weights[vector] = [left, right].map(|span| four(array::from_fn(|at| span.weights[at] as i16)));
        }
        all
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn samples(&self, line: &Line) -> [u8; 8] {
        let sums = |low: usize| {
            let high = low + 1;
            let there = vector(eight(line, self.starts[low]), eight(line, self.starts[high]));
            let picked = _mm256_shuffle_epi8(there, vector(self.picks[low], self.picks[high]));
            _mm256_madd_epi16(picked, vector(self.weights[low], self.weights[high]))
        };
        rounded(_mm256_hadd_epi32(sums(0), sums(2)))
    }
}

impl Singles {
    fn of(spans: &[Span]) -> Self {
        let mut all = Self { starts: [0; 8], weights: [[0; 2]; 8] };
        for (span, vector) in spans.iter().zip([0, 2, 4, 6, 1, 3, 5, 7]) {
            all.starts[vector] = span.first as u16;
            all.weights[vector] = [0, 4].map(|first| four(array::from_fn(|at| span.weights[first + at] as i16)));
        }
        all
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn samples(&self, line: &Line) -> [u8; 8] {
        let sums = |low: usize| {
            let high = low + 1;
            let there = vector(eight(line, self.starts[low]), eight(line, self.starts[high]));
            _mm256_madd_epi16(there, vector(self.weights[low], self.weights[high]))
        };
        rounded(_mm256_hadd_epi32(_mm256_hadd_epi32(sums(0), sums(2)), _mm256_hadd_epi32(sums(4), sums(6))))
    }
}

/// Fills a row with the results of each group: eight samples, and the rest of the last.
#[inline(always)]
fn by_eight<G>(out: &mut [u8], groups: &[G], samples: impl Fn(&G) -> [u8; 8]) {
    let (whole, rest) = out.as_chunks_mut();
    let mut groups = groups.iter();
    for (out, group) in whole.iter_mut().zip(&mut groups) {
        *out = samples(group);
    }
    if let Some(group) = groups.next() {
        rest.copy_from_slice(&samples(group)[..rest.len()]);
    }
}

/// Four numbers as they lie in memory.
#[inline(always)]
fn four(values: [i16; 4]) -> i64 {
    values.iter().rev().fold(0, |all, value| all << 16 | i64::from(*value as u16))
}

/// Eight samples of a line.
#[inline(always)]
fn eight(line: &Line, start: u16) -> Half {
    let start = usize::from(start) % WIDEST;
    [0, 4].map(|first| four(array::from_fn(|at| line[start + first + at])))
}

#[target_feature(enable = "avx2")]
#[inline]
fn vector(low: Half, high: Half) -> __m256i {
    _mm256_set_epi64x(high[1], high[0], low[1], low[0])
}

/// Eight sums as samples.
#[target_feature(enable = "avx2")]
#[inline]
fn rounded(sums: __m256i) -> [u8; 8] {
    let sums = _mm256_srai_epi32::<GAINED>(_mm256_add_epi32(sums, _mm256_set1_epi32(1 << (GAINED - 1))));
    let words = _mm_packs_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
    _mm_cvtsi128_si64(_mm_packus_epi16(words, words)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean of the covered samples, computed in the simplest way.
    fn mean(source: Rows<'_>, from: (usize, usize), to: (usize, usize), at: (usize, usize)) -> f64 {
        let covered = |from: usize, to: usize, at: usize| {
            let (begin, end) = (at as f64 * from as f64 / to as f64, (at + 1) as f64 * from as f64 / to as f64);
            (begin as usize..from).map_while(move |sample| {
                let part = end.min(sample as f64 + 1.0) - begin.max(sample as f64);
                (part > 1e-9).then_some((sample, part))
            })
        };
        let mut sum = 0.0;
        for (y, down) in covered(from.1, to.1, at.1) {
            for (x, across) in covered(from.0, to.0, at.0) {
                sum += down * across * f64::from(source.data[y * source.stride + x]);
            }
        }
        sum * (to.0 * to.1) as f64 / (from.0 * from.1) as f64
    }

    /// Shrinks noise and returns the largest error; what lies beside the tile must stay unchanged.
    fn worst(from: (usize, usize), to: (usize, usize)) -> Option<f64> {
        let (stride, out_stride) = (from.0 + 3, to.0 + 5);
        let noise = (0..stride * from.1 - 3).map(|at| ((at as u32).wrapping_mul(2_654_435_761) >> 24) as u8);
        let noise: Vec<_> = noise.collect();
        let source = Rows { data: &noise, stride };
        let mut out = vec![77; out_stride * to.1];
        Shrink::new(from, to, (Shift::default(), Shift::default()))?.run(source, &mut out, out_stride);
        let mut worst = 0.0f64;
        for (y, row) in out.chunks(out_stride).enumerate() {
            assert!(row[to.0..].iter().all(|beside| *beside == 77), "{from:?} to {to:?}: row {y} is too long");
            for (x, sample) in row[..to.0].iter().enumerate() {
                worst = worst.max((mean(source, from, to, (x, y)) - f64::from(*sample)).abs());
            }
        }
        Some(worst)
    }

    const STILL: (Shift, Shift) = (Shift { from: 0, to: 0 }, Shift { from: 0, to: 0 });

    /// True on a processor for which this code is used.
    fn has_avx2() -> bool {
        std::arch::is_x86_feature_detected!("avx2")
    }

    #[test]
    fn each_sample_is_the_mean_of_what_it_covers() {
        if !has_avx2() {
            return;
        }
        let sizes = [(311, 176), (213, 120), (300, 175), (160, 90), (107, 60), (92, 52), (55, 37), (1, 26), (320, 180)];
        for to in sizes {
            let worst = worst((320, 180), to);
            if 320 / to.0 > 7 {
                assert_eq!(worst, None, "{to:?}");
            } else {
                // Half by rounding, and as much again by weights of eight bits.
                assert!(worst.is_some_and(|worst| worst < 1.0), "{to:?}: {worst:?}");
            }
        }
    }

    /// A slope of chroma has the value of its place on luma's grid, before and after.
    #[test]
    fn chroma_stays_where_it_belongs() {
        if !has_avx2() {
            return;
        }
        for (width, to, shift) in
            [(320, 160, (-1, -1)), (320, 160, (0, -1)), (320, 213, (-1, -1)), (320, 92, (-1, 1)), (320, 320, (0, -1))]
        {
            let shift = Shift { from: shift.0, to: shift.1 };
            // Luma's grid; half a px from the middle of two luma samples.
            let place = |at: usize, shift: i64| 2.0 * at as f64 + 0.5 + shift as f64 / 2.0;
            let row: Vec<u8> = (0..width).map(|at| (20.0 + place(at, shift.from) / 3.2).round() as u8).collect();
            let mut out = vec![0; to];
            let mut shrink = Shrink::new((width, 1), (to, 1), (shift, Shift::default())).expect("smaller");
            shrink.run(Rows { data: &row, stride: width }, &mut out, to);
            let ratio = width as f64 / to as f64;
            for (at, sample) in out.iter().enumerate().take(to - 2).skip(2) {
                let wanted = 20.0 + ((place(at, shift.to) + 0.5) * ratio - 0.5) / 3.2;
                assert!(
                    (f64::from(*sample) - wanted).abs() < 1.1,
                    "{width} to {to}, {shift:?}: {at} is {sample}, not {wanted}"
                );
            }
        }
    }

    #[test]
    fn what_is_flat_stays_as_it_is() {
        if !has_avx2() {
            return;
        }
        for value in [0, 16, 128, 235, 255] {
            let (source, mut out) = (vec![value; 100 * 60], vec![1; 43 * 26]);
            let mut shrink = Shrink::new((100, 60), (43, 26), STILL).expect("less than half");
            shrink.run(Rows { data: &source, stride: 100 }, &mut out, 43);
            assert!(out.iter().all(|sample| *sample == value), "{value}");
        }
    }

    #[test]
    fn what_grows_or_lacks_rows_is_left_alone() {
        assert!(Shrink::new((100, 60), (102, 60), STILL).is_none());
        assert!(Shrink::new((100, 60), (60, 62), STILL).is_none());
        assert!(Shrink::new((WIDEST + 2, 60), (WIDEST / 2, 30), STILL).is_none());
        let Some(mut shrink) = Shrink::new((16, 6), (8, 3), STILL) else { return };
        let mut out = [7; 24];
        shrink.run(Rows { data: &[1; 16 * 4], stride: 16 }, &mut out, 8);
        assert_eq!(out, *[[1; 16].as_slice(), &[7; 8]].concat());
    }
}
