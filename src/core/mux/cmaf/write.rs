//! The boxes of an initialization segment and of a fragment (ISO/IEC 14496-12 §8.2, §8.8).

use bytes::Bytes;

use crate::{
    media::Size,
    mux::{
        boxes::Writer,
        codec::{AudioFormat, VIDEO_RATE, VideoFormat},
    },
};

/// Track ids.
pub(in crate::mux) const VIDEO: u32 = 1;
pub(in crate::mux) const AUDIO: u32 = 2;

/// Flags of a sample (§8.8.3.1): it depends on none; it depends on others and is no sync sample.
const SYNC: u32 = 0x0200_0000;
const NO_SYNC: u32 = 0x0101_0000;

/// A frame in a part.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// Ticks of the track.
    pub(super) dts: u64,
    /// Ticks; 0 until the next frame of the track has come.
    pub(super) duration: u32,
    /// From decoding to showing, ticks.
    pub(super) offset: i32,
    pub(super) key: bool,
    pub(super) data: Bytes,
}

/// Brands: signed composition offsets and `tfdt` are `iso6`. Sound and picture in one file are no CMAF track file, so its brand is not
/// claimed.
pub(in crate::mux) fn ftyp(out: &mut Writer, fragmented: bool) {
    out.boxed(b"ftyp", |out| {
        let major: &[u8] = if fragmented { b"iso6" } else { b"isom" };
        out.bytes(major).u32(0x200).bytes(b"iso6").bytes(b"mp41");
    });
}

/// An initialization segment.
pub(super) fn init(video: Option<&VideoFormat>, audio: Option<&AudioFormat>) -> Bytes {
    let mut out = Writer::new();
    ftyp(&mut out, true);
    out.boxed(b"moov", |out| {
        mvhd(out, 0);
        let empty = |out: &mut Writer| {
            for kind in [b"stts", b"stsc", b"stco"] {
                out.full(kind, 0, 0, |out| _ = out.u32(0));
            }
            out.full(b"stsz", 0, 0, |out| _ = out.u32(0).u32(0));
        };
        if let Some(video) = video {
            let head = Head { id: VIDEO, rate: VIDEO_RATE, size: Some(video.size), duration: 0, media_duration: 0 };
            trak(out, &head, &[&video.entry], |_| {}, empty);
        }
        if let Some(audio) = audio {
            let head = Head { id: AUDIO, rate: audio.rate, size: None, duration: 0, media_duration: 0 };
            trak(out, &head, &[&audio.entry], |_| {}, empty);
        }
        out.boxed(b"mvex", |out| {
            for id in video.map(|_| VIDEO).into_iter().chain(audio.map(|_| AUDIO)) {
                out.full(b"trex", 0, 0, |out| _ = out.u32(id).u32(1).zeros(12));
            }
        });
    });
    out.into_bytes().into()
}

/// §8.2.2, in milliseconds.
pub(in crate::mux) fn mvhd(out: &mut Writer, duration: u64) {
    out.full(b"mvhd", 1, 0, |out| {
        out.u64(0).u64(0).u32(1000).u64(duration).u32(0x1_0000).u16(0x100).zeros(10);
        matrix(out);
        out.zeros(24).u32(AUDIO + 1);
    });
}

/// What heads a track.
pub(in crate::mux) struct Head {
    pub(in crate::mux) id: u32,
    /// Ticks a second.
    pub(in crate::mux) rate: u32,
    /// Of pictures; sound has none.
    pub(in crate::mux) size: Option<Size>,
    /// In milliseconds.
    pub(in crate::mux) duration: u64,
    /// In ticks.
    pub(in crate::mux) media_duration: u64,
}

/// §8.3.1 to §8.5.1: a track with its sample entries, an edit list if need be, and the tables of its samples.
pub(in crate::mux) fn trak(
    out: &mut Writer,
    head: &Head,
    entries: &[&Bytes],
    edits: impl FnOnce(&mut Writer),
    tables: impl FnOnce(&mut Writer),
) {
    let size = head.size.unwrap_or(Size { width: 0, height: 0 });
    let is_sound = head.size.is_none();
    out.boxed(b"trak", |out| {
        out.full(b"tkhd", 1, 3, |out| {
            out.u64(0).u64(0).u32(head.id).u32(0).u64(head.duration).zeros(12);
            out.u16(if is_sound { 0x100 } else { 0 }).u16(0);
            matrix(out);
            out.u32(size.width << 16).u32(size.height << 16);
        });
        edits(out);
        out.boxed(b"mdia", |out| {
            // The language is undetermined (ISO 639-2 `und`).
            out.full(b"mdhd", 1, 0, |out| {
                out.u64(0).u64(0).u32(head.rate).u64(head.media_duration).u16(0x55c4).u16(0);
            });
            out.full(b"hdlr", 0, 0, |out| {
                out.u32(0).bytes(if is_sound { b"soun" } else { b"vide" }).zeros(12).bytes(b"tilecast\0");
            });
            out.boxed(b"minf", |out| {
                if is_sound {
                    out.full(b"smhd", 0, 0, |out| _ = out.u32(0));
                } else {
                    out.full(b"vmhd", 0, 1, |out| _ = out.u64(0));
                }
                out.boxed(b"dinf", |out| {
                    out.full(b"dref", 0, 0, |out| _ = out.u32(1).full(b"url ", 0, 1, |_| {}));
                });
                out.boxed(b"stbl", |out| {
                    out.full(b"stsd", 0, 0, |out| {
                        out.u32(entries.len() as u32);
                        entries.iter().for_each(|entry| _ = out.bytes(entry));
                    });
                    tables(out);
                });
            });
        });
    });
}

fn matrix(out: &mut Writer) {
    for word in [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000] {
        out.u32(word);
    }
}

/// A fragment: `moof` and `mdat`, pictures before sound.
pub(super) fn fragment(sequence: u32, video: &[Sample], audio: &[Sample]) -> Bytes {
    let payload: usize = video.iter().chain(audio).map(|sample| sample.data.len()).sum();
    let mut out = Writer::new();
    out.reserve(payload + 256 + 16 * video.len() + 8 * audio.len());
    let mut places = Vec::new();
    out.boxed(b"moof", |out| {
        out.full(b"mfhd", 0, 0, |out| _ = out.u32(sequence));
        places.extend(traf(out, VIDEO, video));
        places.extend(traf(out, AUDIO, audio));
    });
    let mut at = out.len() + 8;
    for (place, samples) in places.into_iter().zip([video, audio].into_iter().filter(|samples| !samples.is_empty())) {
        out.set_u32(place, u32::try_from(at).unwrap_or(u32::MAX));
        at += samples.iter().map(|sample| sample.data.len()).sum::<usize>();
    }
    out.boxed(b"mdat", |out| {
        video.iter().chain(audio).for_each(|sample| _ = out.bytes(&sample.data));
    });
    out.into_bytes().into()
}

/// One track of a fragment; the place where the offset of its bytes has to be written.
fn traf(out: &mut Writer, id: u32, samples: &[Sample]) -> Option<usize> {
    const DEFAULT_BASE_IS_MOOF: u32 = 0x2_0000;
    const DEFAULT_FLAGS: u32 = 0x20;
    // Data offset, durations and sizes; pictures have flags and composition offsets too.
    let fields = if id == VIDEO { 0xf01 } else { 0x301 };
    let first = samples.first()?;
    let mut place = 0;
    out.boxed(b"traf", |out| {
        out.full(b"tfhd", 0, DEFAULT_BASE_IS_MOOF | DEFAULT_FLAGS, |out| {
            out.u32(id).u32(if id == VIDEO { NO_SYNC } else { SYNC });
        });
        out.full(b"tfdt", 1, 0, |out| _ = out.u64(first.dts));
        out.full(b"trun", 1, fields, |out| {
            out.u32(samples.len() as u32);
            place = out.len();
            out.u32(0);
            for sample in samples {
                out.u32(sample.duration).u32(sample.data.len() as u32);
                if id == VIDEO {
                    out.u32(if sample.key { SYNC } else { NO_SYNC }).u32(sample.offset as u32);
                }
            }
        });
    });
    Some(place)
}
