//! Audio decoding and resampling: packets of one feed to samples of the mix, by FFmpeg; Opus has its own decoder
//! ([`super::opus`]).

use ff::{
    ChannelLayout,
    codec::{Context, Id, decoder},
    format::{Sample, sample::Type},
    frame,
    software::resampling,
};
use ffmpeg_next as ff;

use super::{
    RATE, Stereo,
    amplitude::tame,
    opus::{self, Opus, OpusError},
};
use tilecast_core::media::{AudioCodec, Timestamp};

/// Longest decoder configuration that is accepted, bytes: an AudioSpecificConfig with every field that a meeting's
/// device sets is shorter than 64.
pub const MAX_CONFIG: usize = 1024;

/// Most channels, and the range of sample rates. Values outside come from a broken header, not from a microphone.
const MAX_CHANNELS: u16 = 8;
const RATES: std::ops::RangeInclusive<u32> = 7_350..=96_000;

/// Rate of G.711, Hz.
const TELEPHONE_RATE: i32 = 8000;

/// Extra space in the resampler's output for samples that it held back.
const RESAMPLER_SLACK: usize = 1024;

/// Why a packet gave no sound.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The configuration is longer than [`MAX_CONFIG`].
    #[error("a decoder configuration of {0} bytes; it must be at most {MAX_CONFIG}")]
    Config(usize),
    /// An AAC packet came before its configuration.
    #[error("AAC without its AudioSpecificConfig: the sender must send the sequence header first")]
    NoConfig,
    /// A frame with an unusable number of channels or sample rate.
    #[error("{channels} channels at {rate} Hz: send 1 to {MAX_CHANNELS} channels at 8 to 96 kHz")]
    Shape {
        /// Channels of the frame.
        channels: u16,
        /// Hz
        rate: u32,
    },
    /// An Opus packet that cannot be decoded.
    #[error(transparent)]
    Opus(#[from] OpusError),
    /// The library's error.
    #[error("the decoder refuses it: {0}")]
    Library(#[from] ff::Error),
}

/// A decoder of one feed's sound.
pub enum Decoder {
    /// Opus with one or two channels.
    Opus(Opus),
    Other(Box<Other>),
}

/// One of FFmpeg's decoders, with the resampler that its frames need.
pub struct Other {
    decoder: decoder::Audio,
    frame: frame::Audio,
    resampler: Option<Resampler>,
    /// Length of the last frame, samples of the mix.
    last: usize,
}

struct Resampler {
    context: resampling::Context,
    output: frame::Audio,
    capacity: usize,
}

impl Decoder {
    /// Opens a decoder; `config` is the codec's own configuration (AudioSpecificConfig for AAC, OpusHead for Opus), if
    /// one came.
    pub fn open(codec: AudioCodec, config: Option<&[u8]>) -> Result<Self, DecodeError> {
        if codec == AudioCodec::Opus && opus::takes(config) {
            return Ok(Self::Opus(Opus::open(config)?));
        }
        Ok(Self::Other(Box::new(Other::open(codec, config)?)))
    }

    /// Decodes one packet and hands each frame's samples to `sink`, with the presentation time of the first sample.
    pub fn decode(
        &mut self,
        pts: Timestamp,
        data: &[u8],
        sink: impl FnMut(Timestamp, &[Stereo]),
    ) -> Result<(), DecodeError> {
        match self {
            Self::Opus(opus) => Ok(opus.decode(pts, data, sink)?),
            Self::Other(other) => other.decode(pts, data, sink),
        }
    }

    /// Probable length of a packet's sound that could not be decoded, samples of the mix; `None` when the decoder
    /// itself conceals the loss with the next packet.
    pub fn lost(&self) -> Option<usize> {
        match self {
            Self::Opus(_) => None,
            Self::Other(other) => Some(other.last),
        }
    }

    /// True while the sender has announced silence and need not send (DTX).
    pub fn rests(&self) -> bool {
        matches!(self, Self::Opus(opus) if opus.rests())
    }
}

impl Other {
    fn open(codec: AudioCodec, config: Option<&[u8]>) -> Result<Self, DecodeError> {
        let id = match codec {
            AudioCodec::Aac => Id::AAC,
            AudioCodec::Mp3 => Id::MP3,
            AudioCodec::Opus => Id::OPUS,
            AudioCodec::Pcma => Id::PCM_ALAW,
            AudioCodec::Pcmu => Id::PCM_MULAW,
        };
        let found = decoder::find(id).ok_or(ff::Error::DecoderNotFound)?;
        let mut context = Context::new_with_codec(found);
        match (codec, config) {
            (AudioCodec::Aac, None) => return Err(DecodeError::NoConfig),
            (AudioCodec::Pcma | AudioCodec::Pcmu, _) => set_telephone(&mut context),
            (AudioCodec::Mp3, _) | (_, None) => {}
            (_, Some(config)) => set_extradata(&mut context, config)?,
        }
        let decoder = context.decoder().open_as(found)?.audio()?;
        Ok(Self { decoder, frame: frame::Audio::empty(), resampler: None, last: 0 })
    }

    fn decode(
        &mut self,
        pts: Timestamp,
        data: &[u8],
        mut sink: impl FnMut(Timestamp, &[Stereo]),
    ) -> Result<(), DecodeError> {
        let mut packet = ff::Packet::copy(data);
        packet.set_pts(Some(pts.nanos()));
        self.decoder.send_packet(&packet)?;
        while self.decoder.receive_frame(&mut self.frame).is_ok() {
            let at = self.frame.pts().map_or(pts, Timestamp::from_nanos);
            let (at, samples) = self.resample(at)?;
            self.last = samples.len();
            sink(at, &samples);
        }
        Ok(())
    }

    fn resample(&mut self, at: Timestamp) -> Result<(Timestamp, Vec<Stereo>), DecodeError> {
        let (channels, rate) = (self.frame.channels(), self.frame.rate());
        if !(1..=MAX_CHANNELS).contains(&channels) || !RATES.contains(&rate) {
            return Err(DecodeError::Shape { channels, rate });
        }
        if self.frame.channel_layout().is_empty() {
            self.frame.set_channel_layout(ChannelLayout::default(i32::from(channels)));
        }
        let fits = self.resampler.as_ref().is_some_and(|resampler| resampler.fits(&self.frame));
        let resampler = match &mut self.resampler {
            Some(resampler) if fits => resampler,
            other => other.insert(Resampler::new(&self.frame)?),
        };
        resampler.run(&self.frame, at)
    }
}

impl Resampler {
    fn new(frame: &frame::Audio) -> Result<Self, ff::Error> {
        let context = resampling::Context::get(
            frame.format(),
            frame.channel_layout(),
            frame.rate(),
            Sample::F32(Type::Packed),
            output_layout(frame),
            RATE,
        )?;
        Ok(Self { context, output: frame::Audio::empty(), capacity: 0 })
    }

    fn fits(&self, frame: &frame::Audio) -> bool {
        let input = self.context.input();
        input.format == frame.format() && input.channel_layout == frame.channel_layout() && input.rate == frame.rate()
    }

    /// Gives the frame's samples and the time of the first. Samples that the resampler still held come before the
    /// frame.
    fn run(&mut self, frame: &frame::Audio, at: Timestamp) -> Result<(Timestamp, Vec<Stereo>), DecodeError> {
        let held = self.context.delay().map_or(0, |delay| delay.input);
        let needed = (frame.samples() + held.max(0) as usize) * RATE as usize / frame.rate() as usize + RESAMPLER_SLACK;
        let layout = output_layout(frame);
        if needed > self.capacity {
            self.output = frame::Audio::new(Sample::F32(Type::Packed), needed, layout);
            self.capacity = needed;
        }
        self.output.set_samples(self.capacity);
        self.context.run(frame, &mut self.output)?;
        let at = at - Timestamp::from_units(held, frame.rate()).since(Timestamp::ZERO);
        let channels = usize::from(self.output.channels());
        let bytes = &self.output.data(0)[..self.output.samples() * channels * size_of::<f32>()];
        let value = |raw: &[u8; 4]| tame(f32::from_ne_bytes(*raw));
        let values = bytes.as_chunks::<4>().0;
        // One channel is heard at full strength on both sides; a mixing matrix would take 3 dB off.
        let samples = match channels {
            1 => values.iter().map(|raw| [value(raw); 2]).collect(),
            _ => values.as_chunks::<2>().0.iter().map(|[left, right]| [value(left), value(right)]).collect(),
        };
        Ok((at, samples))
    }
}

fn output_layout(frame: &frame::Audio) -> ChannelLayout {
    if frame.channels() == 1 { ChannelLayout::MONO } else { ChannelLayout::STEREO }
}

/// Says what no byte of G.711 does: one channel at 8 kHz.
fn set_telephone(context: &mut Context) {
    // SAFETY: the context is owned and not yet open; its rate and its layout are plain fields that its user sets
    // before. The layout is a valid one, which the call frees, and the new one owns no memory.
    unsafe {
        let context = context.as_mut_ptr();
        (*context).sample_rate = TELEPHONE_RATE;
        ff::ffi::av_channel_layout_default(&raw mut (*context).ch_layout, 1);
    }
}

fn set_extradata(context: &mut Context, config: &[u8]) -> Result<(), DecodeError> {
    if config.len() > MAX_CONFIG {
        return Err(DecodeError::Config(config.len()));
    }
    let padded = config.len() + ff::ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
    // SAFETY: the context is owned and not yet open; `extradata` must come from av_malloc with zeroed padding behind
    // it, and belongs to the context afterwards, which frees it. The copy stays within what was just allocated.
    unsafe {
        let extradata = ff::ffi::av_mallocz(padded).cast::<u8>();
        if extradata.is_null() {
            return Err(ff::Error::Other { errno: ff::error::ENOMEM }.into());
        }
        std::ptr::copy_nonoverlapping(config.as_ptr(), extradata, config.len());
        let context = context.as_mut_ptr();
        (*context).extradata = extradata;
        (*context).extradata_size = config.len() as i32;
    }
    Ok(())
}
