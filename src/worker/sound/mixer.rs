//! Audio mixer: the program mix, and one mix-minus (N-1 mix) for each participant who needs one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use super::{
    BLOCK, Block, RATE, SoundStats,
    limiter::{AHEAD, Limiter},
    meter::Meter,
    sinc::Sinc,
    time_of,
    voice::Voice,
};
use crate::playout::Playout;
use tilecast_core::{
    base::ParticipantId,
    link::{Feed, Report, message::Participant},
    media::{Codec, Packet, Timestamp},
};

/// Blocks from one level report to the next: 100 ms.
const LEVEL_BLOCKS: u32 = RATE / BLOCK as u32 / 10;

/// Most feeds: those of a full room, and as many again that are about to be forgotten.
const MAX_FEEDS: usize = 128;

/// Largest gain, dB; a higher value is limited to this. No microphone needs more, and a wrong sign must not hurt.
const MAX_GAIN_DB: f32 = 30.0;

/// All feeds, mixed block by block. There is no clock and no thread: the program time of a block is an argument.
pub struct Mixer {
    voices: BTreeMap<Feed, Voice>,
    minus: BTreeMap<ParticipantId, Minus>,
    participants: Vec<Participant>,
    sinc: Sinc,
    limiter: Limiter,
    meter: Meter,
    blocks: u32,
}

/// The mix without one participant.
struct Minus {
    /// The participant's own sound in this block.
    own: Block,
    /// The mix without it, after its own limiter: one listener's mix must not duck because of another's.
    mix: Block,
    limiter: Limiter,
}

impl Default for Minus {
    fn default() -> Self {
        Self { own: SILENCE, mix: SILENCE, limiter: Limiter::new() }
    }
}

const SILENCE: Block = [[0.0; 2]; BLOCK];

impl Default for Mixer {
    fn default() -> Self {
        Self::new()
    }
}

impl Mixer {
    pub fn new() -> Self {
        Self {
            voices: BTreeMap::new(),
            minus: BTreeMap::new(),
            participants: Vec::new(),
            sinc: Sinc::new(),
            limiter: Limiter::new(),
            meter: Meter::default(),
            blocks: 0,
        }
    }

    /// Who is heard, and how loud, from the next block on. A feed without a participant fades out.
    pub fn participants(&mut self, participants: Vec<Participant>) {
        self.participants = participants;
        self.voices.iter_mut().for_each(|(feed, voice)| place(*feed, voice, &self.participants));
    }

    /// The participants for whom a mix-minus is made, from the next block on.
    pub fn leave_out(&mut self, who: BTreeSet<ParticipantId>) {
        self.minus.retain(|id, _| who.contains(id));
        for id in who {
            self.minus.entry(id).or_default();
        }
    }

    /// The last block without this participant, if [`Mixer::leave_out`] asked for it.
    pub fn without(&self, id: &ParticipantId) -> Option<&Block> {
        self.minus.get(id).map(|minus| &minus.mix)
    }

    /// Takes in a packet of a feed; ignores anything but sound. A fault is returned once per feed.
    pub fn packet(
        &mut self,
        feed: Feed,
        replay: bool,
        packet: Packet,
        playout: &Arc<Mutex<Playout>>,
    ) -> Option<Report> {
        let Codec::Audio(codec) = packet.codec else { return None };
        if !self.voices.contains_key(&feed) {
            if self.voices.len() >= MAX_FEEDS {
                return None;
            }
            let mut voice = Voice::new(Arc::clone(playout));
            place(feed, &mut voice, &self.participants);
            self.voices.insert(feed, voice);
        }
        let error = self.voices.get_mut(&feed)?.packet(replay, codec, packet).err()?;
        Some(Report::Fault { feed: Some(feed), text: format!("sound that cannot be decoded: {error}") })
    }

    /// Fades a feed out, permanently.
    pub fn forget(&mut self, feed: Feed) {
        if let Some(voice) = self.voices.get_mut(&feed) {
            voice.leave();
        }
    }

    /// Mixes the block that begins at program time `at`. Every tenth block comes with a report of levels.
    pub fn block(&mut self, at: Timestamp) -> (Block, Option<Report>) {
        let mut mix = SILENCE;
        self.minus.values_mut().for_each(|minus| minus.own = SILENCE);
        // The limiters return what they received this much earlier.
        let at = at + time_of(AHEAD as i64).since(Timestamp::ZERO);
        for voice in self.voices.values_mut() {
            let share = voice.block(at, &self.sinc);
            add(&mut mix, &share);
            if let Some(minus) = voice.speaker().and_then(|speaker| self.minus.get_mut(speaker)) {
                add(&mut minus.own, &share);
            }
        }
        for minus in self.minus.values_mut() {
            minus.mix = std::array::from_fn(|i| [0, 1].map(|side| mix[i][side] - minus.own[i][side]));
            minus.limiter.limit(&mut minus.mix);
        }
        self.voices.retain(|_, voice| !voice.is_gone());
        self.limiter.limit(&mut mix);
        self.meter.add(&mix);
        self.blocks += 1;
        let report = self.blocks.is_multiple_of(LEVEL_BLOCKS).then(|| self.levels());
        (mix, report)
    }

    fn levels(&mut self) -> Report {
        let heard = self.voices.values_mut().filter_map(|voice| {
            let heard = voice.take_heard()?;
            Some((voice.owner()?.clone(), heard))
        });
        Report::Levels { participants: heard.collect(), program: self.meter.take() }
    }

    /// The feeds whose sound is not decoded now, and the reason.
    pub fn troubles(&self) -> impl Iterator<Item = (Feed, String)> {
        self.voices.iter().filter_map(|(feed, voice)| Some((*feed, voice.trouble()?.to_owned())))
    }

    /// Counters of every feed that sent sound.
    pub fn stats(&self) -> impl Iterator<Item = (Feed, SoundStats)> {
        self.voices.iter().map(|(feed, voice)| (*feed, voice.stats()))
    }
}

fn add(sum: &mut Block, share: &Block) {
    for (sum, sample) in sum.iter_mut().zip(share) {
        *sum = [sum[0] + sample[0], sum[1] + sample[1]];
    }
}

fn place(feed: Feed, voice: &mut Voice, participants: &[Participant]) {
    let owner = participants.iter().find(|participant| participant.feed == Some(feed));
    voice.set_owner(owner.map(|participant| participant.id.clone()));
    voice.set_gain(owner.filter(|participant| !participant.muted).map_or(0.0, |participant| {
        let db = if participant.gain_db.is_nan() { 0.0 } else { participant.gain_db.min(MAX_GAIN_DB) };
        10.0_f32.powf(db / 20.0)
    }));
}
