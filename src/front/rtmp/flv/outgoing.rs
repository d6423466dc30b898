//! A stream of packets as the messages of one RTMP stream.

use super::{
    super::{
        amf::{self, Property},
        chunk::{ChunkWriter, kind},
    },
    write::Head,
};
use crate::media::{AudioCodec, Codec, Packet, Role, Track, VideoCodec};

/// Writes packets, with what receivers need to start at once before the first: metadata that name both tracks (ffmpeg stops
/// probing as soon as it has seen what they promise), then the configs.
#[derive(Debug)]
pub struct Outgoing {
    stream: u32,
    /// `@setDataFrame`, which publishers put before metadata so that servers keep them.
    publishes: bool,
    /// Configs that came before the first media; `None` once that has come.
    waiting: Option<Vec<Packet>>,
}

impl Outgoing {
    /// Onto message stream `stream`. `publishes` is true towards a server.
    pub fn new(stream: u32, publishes: bool) -> Self {
        Self { stream, publishes, waiting: Some(Vec::new()) }
    }

    /// Queues one packet.
    pub fn write(&mut self, packet: &Packet, writer: &mut ChunkWriter) {
        if let Some(mut waiting) = self.waiting.take() {
            if packet.role == Role::Config {
                waiting.retain(|config| config.track() != packet.track());
                waiting.push(packet.clone());
                self.waiting = Some(waiting);
                return;
            }
            self.metadata(&waiting, packet, writer);
            for mut config in waiting {
                config.dts = packet.dts;
                self.tag(&config, writer);
            }
        }
        self.tag(packet, writer);
    }

    fn tag(&self, packet: &Packet, writer: &mut ChunkWriter) {
        let head = Head::of(packet);
        // RTMP's time is 32 bits that wrap (§5.3.1.1); a time line does not begin before zero.
        let timestamp = packet.dts.millis().max(0) as u32;
        writer.message(head.kind, self.stream, timestamp, head.bytes(), &packet.data);
    }

    fn metadata(&self, configs: &[Packet], first: &Packet, writer: &mut ChunkWriter) {
        let mut properties = vec![("encoder", Property::Text("Tilecast"))];
        let codec = |track| configs.iter().chain([first]).find(|p| p.track() == track).map(|p| p.codec);
        for codec in [codec(Track::Video), codec(Track::Audio)].into_iter().flatten() {
            match codec {
                Codec::Video(codec) => properties.push(("videocodecid", Property::Number(video_id(codec)))),
                Codec::Audio(codec) => properties.push(("audiocodecid", Property::Number(audio_id(codec)))),
            }
        }
        let data = amf::Writer::default();
        let data = if self.publishes { data.text("@setDataFrame") } else { data };
        let data = data.text("onMetaData").array(&properties).finish();
        // Always at time 0: ffmpeg takes later metadata for a track of text.
        writer.message(kind::DATA, self.stream, 0, &[], &data);
    }
}

/// FLV's codec number, or the four characters as one where it has none (Enhanced RTMP v1, metadata).
fn video_id(codec: VideoCodec) -> f64 {
    match codec {
        VideoCodec::H264 => 7.0,
        VideoCodec::Hevc => f64::from(u32::from_be_bytes(*b"hvc1")),
        VideoCodec::Vp8 => f64::from(u32::from_be_bytes(*b"vp08")),
        VideoCodec::Vp9 => f64::from(u32::from_be_bytes(*b"vp09")),
        VideoCodec::Av1 => f64::from(u32::from_be_bytes(*b"av01")),
    }
}

fn audio_id(codec: AudioCodec) -> f64 {
    match codec {
        AudioCodec::Aac => 10.0,
        AudioCodec::Mp3 => 2.0,
        AudioCodec::Pcma => 7.0,
        AudioCodec::Pcmu => 8.0,
        AudioCodec::Opus => f64::from(u32::from_be_bytes(*b"Opus")),
    }
}
