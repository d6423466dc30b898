//! AAC: `mp4a` with an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).

use super::{AudioFormat, audio_entry, esds};
use crate::{media::AudioCodec, mux::bits::Bits};

/// Object type indication of ISO/IEC 14496-3 sound.
const MPEG4_AUDIO: u8 = 0x40;

/// Longest configuration that is kept; real ones have 2 to 64 bytes.
const MAX_CONFIG: usize = 1024;

/// §1.6.3.4.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350];

pub(super) fn format(config: &[u8]) -> Option<AudioFormat> {
    let mut bits = Bits::new(config);
    let object = object_type(&mut bits)?;
    let rate = rate(&mut bits)?;
    let channels = match bits.read(4)? {
        7 => 8,
        // 0 says that a program config element tells them.
        0 => 2,
        channels => channels as u16,
    };
    if config.len() > MAX_CONFIG {
        return None;
    }
    let entry = audio_entry(b"mp4a", channels, rate, |out| esds(out, MPEG4_AUDIO, config));
    Some(AudioFormat { codec: AudioCodec::Aac, rate, name: format!("mp4a.40.{object}"), entry })
}

/// Samples of an access unit: 1024, or 960 if the configuration says so. With spectral band replication told explicitly the core's
/// rate is the track's, so the count stays.
pub(super) fn frame_ticks(config: Option<&[u8]>) -> u32 {
    fn is_short(config: &[u8]) -> Option<bool> {
        let mut bits = Bits::new(config);
        let object = object_type(&mut bits)?;
        rate(&mut bits)?;
        bits.skip(4)?;
        // Only the core's own types have the flag here.
        matches!(object, 1..=4).then(|| bits.bit())?
    }
    if config.and_then(is_short) == Some(true) { 960 } else { 1024 }
}

pub(super) fn object_type(bits: &mut Bits<'_>) -> Option<u32> {
    const ESCAPE: u32 = 31;
    match bits.read(5)? {
        0 => None,
        ESCAPE => Some(32 + bits.read(6)?),
        object => Some(object),
    }
}

fn rate(bits: &mut Bits<'_>) -> Option<u32> {
    const WRITTEN_OUT: u32 = 15;
    let rate = match bits.read(4)? {
        WRITTEN_OUT => bits.read(24)?,
        index => *RATES.get(index as usize)?,
    };
    (7350..=192_000).contains(&rate).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_tells_rate_and_object() {
        let format = format(&[0x11, 0x90]).expect("AAC-LC, 48 kHz, stereo");
        assert_eq!((format.rate, &format.name[..]), (48_000, "mp4a.40.2"));
        assert_eq!(frame_ticks(Some(&[0x11, 0x90])), 1024);
        assert_eq!(frame_ticks(Some(&[0x11, 0x94])), 960);
        assert!(super::format(&[0x17, 0x80, 0, 0, 0]).is_none(), "a rate of 0");
        assert!(super::format(&[]).is_none());
    }
}
