//! What is known of the two tracks: the latest configuration of each, and the format it gives.

use bytes::Bytes;

use super::{Refused, Settings, Tracks};
use crate::{
    media::{AudioCodec, Codec, Packet, Role, Track, VideoCodec},
    mux::codec::{self, AudioFormat, VideoFormat},
};

/// Longest configuration that is kept.
const MAX_CONFIG: usize = 64 << 10;

/// A format, and the codec and configuration it was read from.
#[derive(Debug)]
struct Known<C, F> {
    codec: C,
    config: Option<Bytes>,
    format: F,
}

#[derive(Debug)]
pub(super) struct Formats {
    tracks: Tracks,
    g711: bool,
    /// The latest configurations, each of its codec.
    configs: [Option<(Codec, Bytes)>; 2],
    video: Option<Known<VideoCodec, VideoFormat>>,
    audio: Option<Known<AudioCodec, AudioFormat>>,
    refused: Vec<Codec>,
}

impl Formats {
    pub(super) fn new(settings: &Settings) -> Self {
        let (tracks, g711) = (settings.tracks, settings.g711);
        Self { tracks, g711, configs: [None, None], video: None, audio: None, refused: Vec::new() }
    }

    /// Whether packets of the codec are taken; says so once where the container cannot.
    pub(super) fn takes(&mut self, codec: Codec, refused: &mut Option<Refused>) -> bool {
        if matches!(self.tracks, Tracks::Only(track) if track != codec.track()) {
            return false;
        }
        let is_g711 = matches!(codec, Codec::Audio(AudioCodec::Pcma | AudioCodec::Pcmu));
        if is_g711 && !self.g711 {
            if !self.refused.contains(&codec) {
                self.refused.push(codec);
                *refused = Some(Refused { codec });
            }
            return false;
        }
        true
    }

    /// Keeps a configuration.
    pub(super) fn configure(&mut self, packet: &Packet) {
        if packet.role == Role::Config && packet.data.len() <= MAX_CONFIG {
            // An empty one takes the last back.
            let config = (!packet.data.is_empty()).then(|| (packet.codec, packet.data.clone()));
            self.configs[usize::from(packet.track() == Track::Audio)] = config;
        }
    }

    /// The format of a keyframe, which is read anew when anything about it may have changed.
    pub(super) fn video(&mut self, codec: VideoCodec, keyframe: &[u8]) -> Option<&VideoFormat> {
        let config = self.config(Codec::Video(codec));
        let same = self.video.as_ref().filter(|known| known.codec == codec && known.config == config);
        // Without a configuration the keyframe carries everything; one without parameter sets is a picture of the same stream.
        if same.is_none() || config.is_none() {
            match codec::video(codec, config.as_deref(), keyframe) {
                Some(format) => self.video = Some(Known { codec, config, format }),
                None => _ = same?,
            }
        }
        self.known_video()
    }

    /// The format of a frame of sound.
    pub(super) fn audio(&mut self, codec: AudioCodec, frame: &[u8]) -> Option<&AudioFormat> {
        let config = self.config(Codec::Audio(codec));
        // MP3 tells its rate in each frame; the first is as good as any until the codec changes.
        if !self.audio.as_ref().is_some_and(|known| known.codec == codec && known.config == config) {
            let format = codec::audio(codec, config.as_deref(), frame)?;
            self.audio = Some(Known { codec, config, format });
        }
        self.known_audio()
    }

    /// The picture's format as last read.
    pub(super) fn known_video(&self) -> Option<&VideoFormat> {
        self.video.as_ref().map(|known| &known.format)
    }

    /// The sound's format as last read.
    pub(super) fn known_audio(&self) -> Option<&AudioFormat> {
        self.audio.as_ref().map(|known| &known.format)
    }

    /// Ticks that a frame of sound lasts.
    pub(super) fn audio_ticks(&self, format: &AudioFormat, frame: &[u8]) -> u32 {
        let config = self.audio.as_ref().and_then(|known| known.config.as_deref());
        codec::audio_ticks(format, config, frame)
    }

    fn config(&self, codec: Codec) -> Option<Bytes> {
        let (of, config) = self.configs[usize::from(codec.track() == Track::Audio)].as_ref()?;
        (*of == codec).then(|| config.clone())
    }
}
