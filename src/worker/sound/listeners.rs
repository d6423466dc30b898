//! Opus listeners: one encoder for each listener, started and ended as the list of listeners changes.

use std::collections::{BTreeSet, HashSet};

use super::{BLOCK, Block, RETRY};
use crate::encode::{OpusEncoder, OpusEncoderError};
use tilecast_core::{
    base::ParticipantId,
    link::{Listener, message::MAX_LISTENERS},
    media::Timestamp,
};

/// Blocks for an encoder to send its last packets: 1 s, of which it needs a hundredth.
const MAX_LEAVING: u32 = 100;

/// Why a list of listeners is refused.
#[derive(Debug, thiserror::Error)]
#[error("the list of listeners is refused: at most {MAX_LISTENERS}, each number once")]
pub struct ListError;

#[derive(Default)]
pub struct Listeners {
    ears: Vec<OpusMix>,
}

struct OpusMix {
    listener: Listener,
    state: State,
}

enum State {
    /// No encoder runs; none is started before this time.
    Silent(Timestamp),
    /// The encoder, and how many blocks it got.
    Heard(OpusEncoder, u64),
    /// The listener is gone; the encoder, and the blocks since then.
    Leaving(OpusEncoder, u32),
}

impl Listeners {
    /// Replaces the list. A listener who keeps number and mix is heard without a break. A refused list changes nothing.
    pub fn set(&mut self, list: Vec<Listener>) -> Result<(), ListError> {
        let ids: HashSet<u32> = list.iter().map(|listener| listener.id).collect();
        if list.len() > MAX_LISTENERS || ids.len() != list.len() {
            return Err(ListError);
        }
        for OpusMix { listener, state } in std::mem::take(&mut self.ears) {
            let (stays, goes) = (list.contains(&listener), !ids.contains(&listener.id));
            let state = match state {
                State::Leaving(..) if goes => state,
                State::Silent(_) | State::Heard(..) if stays => state,
                State::Heard(encoder, _) if goes => State::Leaving(encoder, 0),
                // This number has a new mix, which must not play at the same time as the old one.
                _ => continue,
            };
            self.ears.push(OpusMix { listener, state });
        }
        for listener in list {
            if !self.ears.iter().any(|ear| ear.listener == listener) {
                self.ears.push(OpusMix { listener, state: State::Silent(Timestamp::ZERO) });
            }
        }
        Ok(())
    }

    /// The next block does not follow the last one: every listener gets a new encoder, and the leaving ones are
    /// dropped.
    pub fn restart(&mut self) {
        self.ears.retain_mut(|ear| {
            let stays = !matches!(ear.state, State::Leaving(..));
            ear.state = State::Silent(Timestamp::ZERO);
            stays
        });
    }

    /// Participants who need a mix-minus.
    pub fn left_out(&self) -> BTreeSet<ParticipantId> {
        self.ears.iter().filter_map(|ear| ear.listener.without.clone()).collect()
    }

    /// Gives each encoder its next block, which `heard` knows. `start` makes an encoder that begins with this block. At
    /// most one missing encoder is started per block, so that the program's sound never waits for many.
    pub fn push<'a>(
        &mut self,
        heard: impl Fn(&Listener) -> Option<&'a Block>,
        start: impl Fn(u32) -> Result<OpusEncoder, OpusEncoderError>,
        now: Timestamp,
    ) -> Vec<OpusEncoderError> {
        let mut faults = Vec::new();
        let missing = |ear: &&mut OpusMix| matches!(ear.state, State::Silent(due) if due <= now);
        if let Some(ear) = self.ears.iter_mut().find(missing) {
            ear.state = match start(ear.listener.id) {
                Ok(encoder) => State::Heard(encoder, 0),
                Err(error) => {
                    faults.push(error);
                    State::Silent(now + RETRY)
                }
            };
        }
        self.ears.retain_mut(|ear| {
            let silence = [[0.0; 2]; BLOCK];
            let block = heard(&ear.listener).unwrap_or(&silence);
            match ear.push(block) {
                Ok(stays) => stays,
                Err(error) => {
                    faults.push(error);
                    ear.state = State::Silent(now + RETRY);
                    true
                }
            }
        });
        faults
    }

    /// Sends what the encoders still hold, then ends them.
    pub fn finish(&mut self) {
        for ear in &mut self.ears {
            if let State::Heard(encoder, _) = &mut ear.state {
                encoder.end();
            }
        }
        for ear in std::mem::take(&mut self.ears) {
            if let State::Heard(encoder, _) | State::Leaving(encoder, _) = ear.state {
                encoder.finish();
            }
        }
    }
}

impl OpusMix {
    /// Encodes a block; false once the listener has left. An encoder begins and ends in the middle of speech, so the
    /// first block fades in and the last one fades out.
    fn push(&mut self, block: &Block) -> Result<bool, OpusEncoderError> {
        match &mut self.state {
            State::Silent(_) => {}
            State::Heard(encoder, blocks) => {
                match blocks {
                    0 => encoder.push(&faded(block, |share| share))?,
                    _ => encoder.push(block)?,
                }
                *blocks += 1;
            }
            State::Leaving(encoder, blocks) => {
                *blocks += 1;
                match blocks {
                    1 => encoder.push(&faded(block, |share| 1.0 - share))?,
                    2 => {
                        // The encoder looks ahead: without silence behind it, the fade would not be sent completely.
                        encoder.push(&[[0.0; 2]; BLOCK])?;
                        encoder.end();
                    }
                    _ => return Ok(*blocks < MAX_LEAVING && !encoder.has_ended()),
                }
            }
        }
        Ok(true)
    }
}

fn faded(block: &Block, gain: impl Fn(f32) -> f32) -> Block {
    std::array::from_fn(|i| block[i].map(|value| value * gain(i as f32 / BLOCK as f32)))
}
