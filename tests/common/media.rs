//! Test media, and what is expected of them.

use tilecast::media::{AudioCodec, Codec, Packet, Role, Track, VideoCodec};

use super::{process::ffmpeg, relay::Relay};

/// A moving picture, 25 a second.
pub const PICTURE: &str = "-f lavfi -i testsrc2=size=320x240:rate=25";
pub const SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000";
/// A keyframe a second.
pub const H264: &str = "-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p";

pub const AVC: Codec = Codec::Video(VideoCodec::H264);
pub const AAC: Codec = Codec::Audio(AudioCodec::Aac);

/// A clip of picture and sound as the packets a publisher would send.
pub async fn clip(options: &str) -> Vec<Packet> {
    let mut relay = Relay::start(None).await;
    let line = format!("{PICTURE} {SOUND} {H264} -preset veryfast -c:a aac {options} -f flv rtmp://{}", relay.address);
    ffmpeg(&format!("{line}/in/clip/one")).await.expect("making a clip");
    relay.published().await.packets
}

/// The packets of a track that hold picture or sound.
pub fn coded(packets: &[Packet], track: Track) -> Vec<&Packet> {
    packets.iter().filter(|p| p.track() == track && p.role != Role::Config).collect()
}

pub fn configs(packets: &[Packet], codec: Codec) -> Vec<&Packet> {
    packets.iter().filter(|p| p.codec == codec && p.role == Role::Config).collect()
}

pub fn assert_rising(packets: &[&Packet]) {
    assert!(packets.windows(2).all(|w| w[0].dts <= w[1].dts), "dts falls");
}
