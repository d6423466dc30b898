//! One feed in the mix: decoder, timeline, gain and level.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::{
    BLOCK, Block, RATE, SoundStats,
    decode::{DecodeError, Decoder},
    meter::Meter,
    reader::{Read, Reader},
    sinc::Sinc,
    timeline::Timeline,
    vad::{Impression, Vad},
};
use crate::playout::Playout;
use tilecast_core::{
    base::ParticipantId,
    media::{AudioCodec, Heard, Packet, Role, Timestamp},
};

/// A change of gain takes this long, samples: 20 ms, no click and no wait.
const RAMP: usize = RATE as usize / 50;

/// Refused packets in a row after which the decoder is opened again: some decoder states do not end by themselves.
const REOPEN_AFTER: u32 = 8;

/// A feed whose last sound is older than this, in blocks of 10 ms, counts as silent: 2 s, the age at which a picture
/// goes too.
const SILENT_AFTER: u32 = 200;

/// A feed's decoder, its sound on its media time line, and its part in the mix.
pub struct Voice {
    /// The participant who has this feed now; a feed without one fades out.
    owner: Option<ParticipantId>,
    /// The present or last participant: this feed is left out of their own mix-minus, even while it fades.
    speaker: Option<ParticipantId>,
    playout: Arc<Mutex<Playout>>,
    codec: Option<AudioCodec>,
    config: Option<Bytes>,
    decoder: Option<Decoder>,
    refused: u32,
    /// Why none of its packets is decoded now.
    trouble: Option<String>,
    live: bool,
    timeline: Timeline,
    reader: Reader,
    gain: Ramp,
    leaving: bool,
    meter: Meter,
    ear: Vad,
    silent: u32,
    stats: SoundStats,
}

/// A gain in transition.
#[derive(Debug, Clone, Copy)]
struct Ramp {
    now: f32,
    target: f32,
    left: usize,
}

impl Ramp {
    fn to(&mut self, target: f32) {
        if target != self.target {
            (self.target, self.left) = (target, RAMP);
        }
    }

    fn apply(&mut self, block: &mut Block) {
        let (moving, still) = block.split_at_mut(self.left.min(BLOCK));
        for sample in moving {
            self.now += (self.target - self.now) / self.left as f32;
            self.left -= 1;
            *sample = sample.map(|value| value * self.now);
        }
        if self.left == 0 {
            self.now = self.target;
            still.as_flattened_mut().iter_mut().for_each(|value| *value *= self.now);
        }
    }
}

impl Voice {
    /// A feed that has sent nothing yet and is not heard.
    pub fn new(playout: Arc<Mutex<Playout>>) -> Self {
        Self {
            owner: None,
            speaker: None,
            playout,
            codec: None,
            config: None,
            decoder: None,
            refused: 0,
            trouble: None,
            live: false,
            timeline: Timeline::default(),
            reader: Reader::default(),
            gain: Ramp { now: 0.0, target: 0.0, left: 0 },
            leaving: false,
            meter: Meter::default(),
            ear: Vad::default(),
            silent: SILENT_AFTER,
            stats: SoundStats::default(),
        }
    }

    /// The participant who has this feed now, if any.
    pub fn owner(&self) -> Option<&ParticipantId> {
        self.owner.as_ref()
    }

    /// The present or last participant.
    pub fn speaker(&self) -> Option<&ParticipantId> {
        self.speaker.as_ref()
    }

    /// Assigns the feed to a participant, or to nobody.
    pub fn set_owner(&mut self, owner: Option<ParticipantId>) {
        if owner.is_some() {
            self.speaker.clone_from(&owner);
        }
        self.owner = owner;
    }

    /// Sets the linear gain, reached within 20 ms.
    pub fn set_gain(&mut self, gain: f32) {
        if !self.leaving {
            self.gain.to(gain);
        }
    }

    /// Fades out, whatever gain is set from now on.
    pub fn leave(&mut self) {
        self.gain.to(0.0);
        (self.leaving, self.owner) = (true, None);
    }

    /// True once it has faded out after [`Voice::leave`].
    pub fn is_gone(&self) -> bool {
        self.leaving && self.gain.left == 0
    }

    /// Takes in a packet. The first error of each kind is returned; all are counted.
    pub fn packet(&mut self, replay: bool, codec: AudioCodec, packet: Packet) -> Result<(), DecodeError> {
        if self.codec != Some(codec) {
            (self.codec, self.config, self.decoder) = (Some(codec), None, None);
        }
        if packet.role == Role::Config {
            if self.config.as_ref().is_none_or(|old| *old != packet.data) {
                // A copy: the slice would keep the whole read buffer alive.
                (self.config, self.decoder) = (Some(Bytes::copy_from_slice(&packet.data)), None);
            }
            return Ok(());
        }
        // After live packets, a replay brings nothing new.
        if replay && self.live {
            return Ok(());
        }
        self.live |= !replay;
        let first = self.refused == 0;
        match self.decode(codec, &packet) {
            Ok(()) => (self.refused, self.trouble) = (0, None),
            Err(error) => {
                self.refused += 1;
                self.stats.corrupt += 1;
                // Without a decoder there was nothing to lose.
                if let Some(lost) = self.decoder.as_ref().map_or(Some(0), Decoder::lost) {
                    self.timeline.lose(lost);
                }
                if self.refused.is_multiple_of(REOPEN_AFTER) {
                    self.decoder = None;
                    self.trouble = Some(format!("its sound cannot be decoded: {error}"));
                }
                if first && self.stats.corrupt == 1 {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn decode(&mut self, codec: AudioCodec, packet: &Packet) -> Result<(), DecodeError> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(Decoder::open(codec, self.config.as_deref())?),
        };
        decoder.decode(packet.pts, &packet.data, |pts, samples| self.timeline.push(pts, samples))
    }

    /// The sound of the block that begins at program time `at`, with its gain.
    pub fn block(&mut self, at: Timestamp, sinc: &Sinc) -> Block {
        let mut block = [[0.0; 2]; BLOCK];
        match self.read(at, sinc, &mut block) {
            Read::Sound => self.silent = 0,
            Read::RanDry if self.decoder.as_ref().is_some_and(Decoder::rests) => {}
            Read::RanDry => self.stats.underruns += 1,
            Read::Nothing => self.silent = self.silent.saturating_add(1),
        }
        self.meter.add(&block);
        self.ear.add(&block);
        self.gain.apply(&mut block);
        block
    }

    fn read(&mut self, at: Timestamp, sinc: &Sinc, block: &mut Block) -> Read {
        if !self.reader.sounds() {
            self.timeline.settle();
        }
        let due = self.playout.lock().unwrap_or_else(PoisonError::into_inner).heard(Timestamp::ZERO);
        let wanted = due.and_then(|offset| {
            let media = Timestamp::from_nanos(at.nanos().saturating_sub(offset.nanos()));
            self.timeline.index(media)
        });
        wanted.map_or(Read::Nothing, |wanted| self.reader.read(&mut self.timeline, wanted, sinc, block))
    }

    /// Levels and speech since the last call, before gain; `None` if there is no sound.
    pub fn take_heard(&mut self) -> Option<Heard> {
        let (levels, Impression { speech, noise_dbfs }) = (self.meter.take(), self.ear.take());
        (self.silent < SILENT_AFTER).then_some(Heard { levels, speech, noise_dbfs })
    }

    /// Why none of its packets is decoded now; `None` if they are.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    pub fn stats(&self) -> SoundStats {
        self.stats
    }
}
