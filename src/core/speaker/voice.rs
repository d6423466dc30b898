//! Speech detection over time for one microphone: reports of the VAD become "speaks" or "does not speak".

use std::time::Duration;

use crate::{base::ParticipantId, media::Heard};

/// Share of speech from which a report counts as heard: one of six frames is chance.
const HEARD: f32 = 0.3;

/// How much of the gathered speech a time without speech takes away, as a share of that time. Gaps between syllables
/// cost little, and two remarks a few seconds apart do not add up.
const LOSS: f32 = 0.5;

/// Silence after which a participant has stopped speaking: longer than a breath between sentences.
const STOPPED: Duration = Duration::from_millis(800);

/// Longest time that one report stands for. Reports come every 100 ms; a gap, as after the replacement of a worker,
/// says nothing.
const LONGEST: Duration = Duration::from_millis(200);

/// Time constant of loudness: three to six syllables come a second, and no single syllable is the loudness of a voice.
const LOUDNESS: Duration = Duration::from_millis(400);

/// Lower limit of loudness, dBFS: digital silence and a silent room count alike.
const BOTTOM_DBFS: f32 = -60.0;

/// Speech that is this much quieter than the loudest is taken for its echo: microphones hear the loudspeakers beside
/// them. Two people whose microphones differ by more could not be mixed either.
const ECHO_DB: f32 = 24.0;

/// How quickly an echo dies away, dB per report: loud sound is echoed for 400 ms.
const FADE_DB: f32 = 6.0;

/// The sum of what all microphones heard.
#[derive(Debug)]
pub(super) struct Room {
    /// Loudest speech, with its echo, dBFS.
    loudest: f32,
}

impl Default for Room {
    fn default() -> Self {
        Self { loudest: BOTTOM_DBFS }
    }
}

impl Room {
    /// Takes in a report.
    pub(super) fn listen(&mut self, heard: &[(ParticipantId, Heard)]) {
        let speech = heard.iter().filter(|(_, heard)| heard.speech >= HEARD);
        let loudest = speech.map(|(_, heard)| heard.levels.rms_dbfs).fold(BOTTOM_DBFS, f32::max).min(0.0);
        self.loudest = loudest.max(self.loudest - FADE_DB);
    }

    fn echoes(&self, dbfs: f32) -> bool {
        dbfs < self.loudest - ECHO_DB
    }
}

/// The state of one voice.
#[derive(Debug)]
pub(super) struct Voice {
    pub(super) who: ParticipantId,
    /// When the last report came.
    reported: Duration,
    /// When the voice was last heard; at first, when it was first listened to.
    heard: Duration,
    /// Speech gathered minus the loss by non-speech, at most the amount that is needed.
    speech: Duration,
    /// Smoothed, dBFS.
    loudness: f32,
    /// True from the moment the voice has gathered enough until it has stopped.
    speaking: bool,
}

/// The change that a report made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Began,
    Stopped,
}

impl Voice {
    pub(super) fn new(who: ParticipantId, now: Duration) -> Self {
        Self { who, reported: now, heard: now, speech: Duration::ZERO, loudness: BOTTOM_DBFS, speaking: false }
    }

    /// Takes in a report at `now`. `enough` speech makes a speaker, unless the speech is another's echo.
    pub(super) fn hear(&mut self, now: Duration, heard: Heard, room: &Room, enough: Duration) -> Change {
        let passed = now.saturating_sub(self.reported).min(LONGEST);
        self.reported = now;
        // A value that is no number counts as silence.
        let dbfs = heard.levels.rms_dbfs;
        let dbfs = if dbfs.is_nan() { BOTTOM_DBFS } else { dbfs.clamp(BOTTOM_DBFS, 0.0) };
        let silent = heard.speech.is_nan() || room.echoes(dbfs);
        let share = if silent { 0.0 } else { heard.speech.clamp(0.0, 1.0) };
        let gone = 1.0 - (-passed.as_secs_f32() / LOUDNESS.as_secs_f32()).exp();
        self.loudness += (dbfs - self.loudness) * gone;
        let lost = passed.mul_f32((1.0 - share) * LOSS);
        self.speech = (self.speech + passed.mul_f32(share)).saturating_sub(lost).min(enough);
        if share >= HEARD {
            self.heard = now;
        }
        match self.speaking {
            false if self.speech >= enough => {
                self.speaking = true;
                Change::Began
            }
            true if self.quiet(now) >= STOPPED => {
                (self.speaking, self.speech) = (false, Duration::ZERO);
                Change::Stopped
            }
            _ => Change::Nothing,
        }
    }

    /// Time since the voice was last heard.
    pub(super) fn quiet(&self, now: Duration) -> Duration {
        now.saturating_sub(self.heard)
    }

    pub(super) fn speech(&self) -> Duration {
        self.speech
    }

    /// How loud it is now, dBFS.
    pub(super) fn loudness(&self) -> f32 {
        self.loudness
    }

    /// True while it speaks.
    pub(super) fn speaking(&self) -> bool {
        self.speaking
    }
}
