//! AAC encoder of the program's mix: FFmpeg's, called on the sound thread.

use bytes::Bytes;
use ff::{
    ChannelLayout, Dictionary,
    codec::{Context, Id},
    encoder,
    format::{Sample, sample::Type},
    frame,
};
use ffmpeg_next as ff;

use super::tonal::Tonal;
use crate::sound::{Block, RATE, Sink};
use tilecast_core::{
    link::{FromWorker, message::AudioSettings},
    media::{AudioCodec, Codec, Packet, Role, Timestamp},
};

/// Samples in one frame (ISO/IEC 14496-3, AAC-LC).
const FRAME: usize = 1024;

/// Encoder delay: samples before the sound that the first packet decodes to, one frame of overlap.
const PRIMING: i64 = 1024;

/// The AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1): AAC-LC, 48 kHz, two channels, explicitly without SBR.
const CONFIG: &[u8] = &[0x11, 0x90, 0x56, 0xE5, 0x00];

/// The encoder's bit allocation. `fast` takes a third to a half of the work of the default, `twoloop`, and sounds
/// better: at 128 kbit/s its noise is 4 dB lower on film and 14 dB lower on speech, and on speech it is lower at 32
/// kbit/s too.
const CODER: (&str, &str) = ("aac_coder", "fast");

/// No temporal noise shaping: FFmpeg's costs work and more bits than it saves, 0.8 dB on speech and nothing gained on
/// film.
const NO_TNS: (&str, &str) = ("aac_tns", "0");

/// Why the encoder does not work.
#[derive(Debug, thiserror::Error)]
pub enum AacError {
    /// The installed FFmpeg lacks the encoder.
    #[error("the FFmpeg installed here has no AAC encoder; install one that has")]
    Missing,
    /// FFmpeg's error, at start or while running.
    #[error("the AAC encoder failed and is started anew: {0}")]
    Failed(#[from] ff::Error),
}

pub struct AacEncoder {
    encoder: encoder::Audio,
    /// Target rate, bit/s.
    rate: u32,
    tonal: Tonal,
    /// Size of the last packet, bits.
    last: usize,
    /// Samples of an incomplete frame, left and right.
    waiting: [Vec<f32>; 2],
    count: i64,
    /// Index of the first sample given to the encoder, counted from room time zero.
    begin: i64,
    sink: Sink,
}

impl AacEncoder {
    /// Opens the encoder. The first sample pushed has index `begin`, counted from room time zero. Packets go to `sink`,
    /// the AudioSpecificConfig first.
    pub fn start(settings: &AudioSettings, begin: i64, sink: Sink) -> Result<Self, AacError> {
        let codec = encoder::find(Id::AAC).ok_or(AacError::Missing)?;
        let mut encoder = Context::new_with_codec(codec).encoder().audio()?;
        encoder.set_rate(RATE as i32);
        encoder.set_channel_layout(ChannelLayout::STEREO);
        encoder.set_format(Sample::F32(Type::Planar));
        encoder.set_bit_rate(settings.bitrate_kbps as usize * 1000);
        encoder.set_time_base((1, RATE as i32));
        let encoder = encoder.open_as_with(codec, Dictionary::from_iter([CODER, NO_TNS]))?;
        let waiting = [Vec::with_capacity(FRAME), Vec::with_capacity(FRAME)];
        let (rate, tonal) = (settings.bitrate_kbps * 1000, Tonal::default());
        let aac = Self { encoder, rate, tonal, last: 0, waiting, count: 0, begin, sink };
        aac.send(Role::Config, begin, Bytes::from_static(CONFIG));
        Ok(aac)
    }

    /// Encodes the next block, in less than 1 ms. After an error this encoder is useless.
    pub fn push(&mut self, block: &Block) -> Result<(), AacError> {
        for [left, right] in block {
            self.waiting[0].push(*left);
            self.waiting[1].push(*right);
            if self.waiting[0].len() == FRAME {
                self.encode()?;
            }
        }
        Ok(())
    }

    /// Sends what the encoder still holds, and ends it.
    pub fn finish(mut self) -> Result<(), AacError> {
        if !self.waiting[0].is_empty() {
            self.encode()?;
        }
        self.encoder.send_eof()?;
        self.receive()
    }

    fn encode(&mut self) -> Result<(), AacError> {
        let samples = self.waiting[0].len();
        // FFmpeg reads the rate anew with every frame.
        let usual = self.rate as usize * FRAME / RATE as usize;
        let rate = self.tonal.next(&mut self.waiting, self.rate, self.last, usual);
        self.encoder.set_bit_rate(rate as usize);
        let mut frame = frame::Audio::new(Sample::F32(Type::Planar), samples, ChannelLayout::STEREO);
        frame.set_rate(RATE);
        for (index, channel) in self.waiting.iter_mut().enumerate() {
            frame.plane_mut::<f32>(index).copy_from_slice(channel);
            channel.clear();
        }
        self.encoder.send_frame(&frame)?;
        self.receive()
    }

    fn receive(&mut self) -> Result<(), AacError> {
        let mut packet = ff::Packet::empty();
        loop {
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => {}
                Err(ff::Error::Other { errno: ff::error::EAGAIN } | ff::Error::Eof) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            let at = self.begin - PRIMING + self.count * FRAME as i64;
            self.count += 1;
            self.last = 8 * packet.size();
            // Program time begins at zero; earlier packets are the silence of the encoder delay.
            if let Some(data) = packet.data().filter(|_| at >= 0) {
                self.send(Role::Key, at, Bytes::copy_from_slice(data));
            }
        }
    }

    fn send(&self, role: Role, at: i64, data: Bytes) {
        let pts = Timestamp::from_units(at, RATE);
        (self.sink)(FromWorker::Program(Packet { codec: Codec::Audio(AudioCodec::Aac), role, pts, dts: pts, data }));
    }
}
