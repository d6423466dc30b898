//! Video decoders: libavcodec's, opened with the options that a live tile needs.

use ff::ffi;
use ffmpeg_next as ff;

use super::{Aside, siting::Siting};
use tilecast_core::media::{ColorSpace, Packet, Size, VideoCodec};

/// Largest picture decoded, px: 4K. A stream that claims more is refused before anything is allocated for it.
const MAX_PIXELS: i64 = 3840 * 2160;

/// Longest side that is decoded, px: 4K in portrait, and wide enough for a wall of screens. It bounds the scaler's
/// tables.
const MAX_SIDE: u32 = 8192;

/// Why a decoder does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The installed FFmpeg lacks the decoder.
    #[error("the FFmpeg installed here has no decoder {0}; install one that has, or have the sender use H.264")]
    Missing(&'static str),
    /// The decoder refuses the stream's configuration.
    #[error(transparent)]
    Refused(#[from] ff::Error),
}

pub struct Decoder {
    inner: ff::decoder::Video,
    codec: VideoCodec,
}

fn name(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => "h264",
        VideoCodec::Hevc => "hevc",
        VideoCodec::Vp8 => "vp8",
        VideoCodec::Vp9 => "vp9",
        // FFmpeg's own AV1 decoder needs hardware.
        VideoCodec::Av1 => "libdav1d",
    }
}

impl Decoder {
    /// Opens a decoder; `config` is the content of the stream's configuration packet, if it has one.
    pub fn open(codec: VideoCodec, config: Option<&[u8]>) -> Result<Self, OpenError> {
        let name = name(codec);
        let decoder = ff::decoder::find_by_name(name).ok_or(OpenError::Missing(name))?;
        let mut context = ff::codec::Context::new_with_codec(decoder);
        // One thread: there are many streams, and each frame thread would hold back a picture.
        context.set_threading(ff::threading::Config {
            kind: ff::threading::Type::Slice,
            count: 1,
            ..Default::default()
        });
        // SAFETY: the context is allocated, not yet open, and ours alone; these are plain fields meant to be set before
        // opening. The extradata is allocated by libavcodec's allocator with the padding it asks for, and freed with
        // the context.
        unsafe {
            let raw = context.as_mut_ptr();
            (*raw).flags |= ffi::AV_CODEC_FLAG_LOW_DELAY as i32;
            (*raw).flags2 |= ffi::AV_CODEC_FLAG2_FAST;
            (*raw).pkt_timebase = ffi::AVRational { num: 1, den: 1_000_000_000 };
            (*raw).max_pixels = MAX_PIXELS;
            if let Some(config) = config.filter(|config| !config.is_empty()) {
                let extradata = ffi::av_mallocz(config.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize).cast::<u8>();
                if extradata.is_null() {
                    return Err(OpenError::Refused(ff::Error::Other { errno: ff::error::ENOMEM }));
                }
                std::ptr::copy_nonoverlapping(config.as_ptr(), extradata, config.len());
                (*raw).extradata = extradata;
                (*raw).extradata_size = config.len() as i32;
            }
        }
        Ok(Self { inner: context.decoder().open_as(decoder)?.video()?, codec })
    }

    /// From the next packet on, leaves the loop filter out, or not. Without it, H.264, H.265 and VP8 take a quarter to
    /// a third less work. The decoders of VP9 and AV1 always filter. [`super::loop_filter`] says when the filter may be
    /// left out.
    pub fn set_light(&mut self, light: bool) {
        let discard = if light { ff::Discard::All } else { ff::Discard::Default };
        self.inner.skip_loop_filter(discard);
    }

    /// Gives one packet to the decoder.
    pub fn send(&mut self, packet: &Packet) -> Result<(), ff::Error> {
        let mut coded = ff::Packet::copy(&packet.data);
        coded.set_pts(Some(packet.pts.nanos()));
        coded.set_dts(Some(packet.dts.nanos()));
        if packet.is_keyframe() {
            coded.set_flags(ff::packet::Flags::KEY);
        }
        self.inner.send_packet(&coded)
    }

    /// The next picture, if one is ready.
    pub fn receive(&mut self) -> Result<Option<Frame>, ff::Error> {
        let mut frame = ff::frame::Video::empty();
        match self.inner.receive_frame(&mut frame) {
            Ok(()) => Ok(Some(Frame { inner: frame, codec: self.codec, aside: Aside::default(), high: false })),
            Err(ff::Error::Other { errno: ff::error::EAGAIN } | ff::Error::Eof) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// One decoded picture, still in the decoder's format and memory.
pub struct Frame {
    inner: ff::frame::Video,
    /// The codec of the picture.
    pub codec: VideoCodec,
    /// What the sender says beside the bitstream.
    pub aside: Aside,
    /// True if the feed counts as high definition.
    pub high: bool,
}

impl Frame {
    pub fn size(&self) -> Size {
        Size { width: self.inner.width(), height: self.inner.height() }
    }

    /// Pixel aspect ratio, width to height; 1 where the stream says nothing or an invalid value.
    pub fn aspect(&self) -> f64 {
        let ratio = self.inner.aspect_ratio();
        let value = f64::from(ratio.numerator()) / f64::from(ratio.denominator());
        if (0.1..=10.0).contains(&value) { value } else { 1.0 }
    }

    /// Timestamp on the stream's time line, ns; `None` if the decoder lost it.
    pub fn pts(&self) -> Option<i64> {
        // SAFETY: reads a plain field of a frame we own.
        let pts = unsafe { (*self.inner.as_ptr()).best_effort_timestamp };
        (pts != ffi::AV_NOPTS_VALUE).then_some(pts)
    }

    /// True when the decoder had to conceal parts of it.
    pub fn damaged(&self) -> bool {
        // SAFETY: as above.
        unsafe { (*self.inner.as_ptr()).decode_error_flags != 0 }
    }

    /// True when its size can be scaled.
    pub fn sane(&self) -> bool {
        let Size { width, height } = self.size();
        (2..=MAX_SIDE).contains(&width) && (2..=MAX_SIDE).contains(&height)
    }

    pub fn format(&self) -> ff::format::Pixel {
        self.inner.format()
    }

    /// The colour description in the bitstream, as libav gives it.
    pub fn color(&self) -> ColorSpace {
        let full_range = self.inner.color_range() == ff::color::Range::JPEG;
        // SAFETY: reads plain fields of a frame we own. libav numbers them as H.273 does.
        let (primaries, transfer, matrix) = unsafe {
            let raw = self.inner.as_ptr();
            ((*raw).color_primaries as u8, (*raw).color_trc as u8, (*raw).colorspace as u8)
        };
        ColorSpace { primaries, transfer, matrix, full_range }
    }

    /// Chroma siting of the picture.
    pub fn siting(&self) -> Siting {
        // SAFETY: reads a plain field of a frame we own.
        let location = unsafe { (*self.inner.as_ptr()).chroma_location as u32 };
        // VP8 comes from browsers, and its bitstream has no field for this.
        let usual = if self.codec == VideoCodec::Vp8 { Siting::CENTER } else { Siting::LEFT };
        Siting::named(location).unwrap_or(usual)
    }

    /// A plane: bytes from row to row, and its rows; `None` for a plane that the picture lacks.
    pub fn plane(&self, index: usize) -> Option<(usize, &[u8])> {
        (index < self.inner.planes()).then(|| (self.inner.stride(index), self.inner.data(index)))
    }

    /// The frame in libav's own form.
    pub fn raw(&self) -> *const ffi::AVFrame {
        // SAFETY: the pointer is only handed out, not read.
        unsafe { self.inner.as_ptr() }
    }
}
