//! A scripted meeting of four: every microphone's sound, and whose turn it was when.

use super::synth::{Chance, Tone, add, amplitude, babble, coughs, fan, keyboard, ms, rms, speech, street, tone};

/// Someone at the meeting.
pub struct Speaker {
    /// Id in the room.
    pub id: &'static str,
    /// Voice of espeak-ng.
    voice: &'static str,
    /// Loudest 400 ms of speech, dBFS. Nobody's microphone is set like another's.
    dbfs: f32,
    /// What they have to say.
    says: [&'static str; 6],
    /// What they say while others speak.
    nods: [&'static str; 2],
}

/// Two voices higher, two lower; three languages.
pub const SPEAKERS: [Speaker; 4] = [
    Speaker {
        id: "alice",
        voice: "en-gb+f3",
        dbfs: -17.0,
        says: [
            "Good morning everybody, thank you for joining, let us begin with the numbers of the last quarter.",
            "I think we should look at the second chart again, because the costs of travel are not in it.",
            "That is a fair point. However, the budget was agreed in March, and nobody has told me otherwise.",
            "Could you please send me the list of open questions before Friday?",
            "We have three candidates left, and two of them can start in January.",
            "No.  Wait.  I would rather keep the old supplier until we know what happened to the first delivery.",
        ],
        nods: ["mhm", "right"],
    },
    Speaker {
        id: "bob",
        voice: "en-us+m3",
        dbfs: -22.0,
        says: [
            "Let me share what the team found, it is not what we expected when we began the experiment.",
            "The build takes eleven minutes now, down from forty, and most of that is spent waiting for the disk.",
            "So the question is, do we ship on Tuesday, or do we wait for the audit to finish?",
            "I talked to the people in Lisbon yesterday, and they are fine with either date.",
            "Sorry, you go first.",
            "There were four incidents, all of them at night, and every one of them began with the same alarm.",
        ],
        nods: ["yeah", "okay"],
    },
    Speaker {
        id: "chen",
        voice: "cmn+m1",
        dbfs: -26.0,
        says: [
            "大家好，我来介绍一下这个季度的情况。",
            "我觉得这个方案很好，但是时间有一点紧张，我们需要再讨论一下。",
            "客户昨天打电话来，说他们希望下个星期可以看到新的版本。",
            "好的，没有问题，我今天下午就把文件发给你们。",
            "这里有两个困难，第一个是人手不够，第二个是机器太旧。",
            "我们先试一个月，然后再决定要不要继续。",
        ],
        nods: ["对", "嗯"],
    },
    Speaker {
        id: "dana",
        voice: "de+f2",
        dbfs: -21.0,
        says: [
            "Guten Tag zusammen, ich möchte kurz über die neuen Räume im dritten Stock sprechen.",
            "Die Handwerker kommen am Montag, und bis dahin müssen alle Tische ausgeräumt sein.",
            "Das habe ich anders verstanden. Im Vertrag steht, dass die Miete erst ab Oktober gezahlt wird.",
            "Wer kümmert sich um die Schlüssel?",
            "Ich schlage vor, wir treffen uns nächste Woche noch einmal, dann wissen wir mehr.",
            "Nein, leider nicht, der Aufzug ist seit zwei Wochen außer Betrieb.",
        ],
        nods: ["genau", "ja"],
    },
];

/// What every microphone hears besides its owner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Background {
    /// A quiet room, 45 dB below speech.
    Quiet,
    /// A fan, 20 dB below.
    Fan,
    /// A street, 12 dB below.
    Street,
    /// A café full of others who talk, 15 dB below; only one of the four sits there, the others in quiet rooms.
    Cafe,
}

impl Background {
    /// Speech over noise, dB.
    pub fn snr_db(self) -> f32 {
        match self {
            Self::Quiet => 45.0,
            Self::Fan => 20.0,
            Self::Street => 12.0,
            Self::Cafe => 15.0,
        }
    }
}

/// What is no turn and may not take the floor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Disturbance {
    Cough,
    Keyboard,
    Held(Tone),
    /// "mhm" while another speaks.
    Nod,
}

/// Someone's, from and to in ms.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Index into [`SPEAKERS`].
    pub who: usize,
    pub from: u32,
    pub to: u32,
}

pub struct Meeting {
    /// Each microphone, in order of [`SPEAKERS`].
    pub tracks: Vec<Vec<f32>>,
    /// Who had the turn; two overlap where people interrupt each other.
    pub turns: Vec<Span>,
    pub disturbances: Vec<(Disturbance, Span)>,
    pub length_ms: u32,
}

/// Length, and silence before the first word, in which nothing but the background is heard.
const LENGTH_MS: u32 = 240_000;
const FIRST_MS: u32 = 3000;

/// Who sits in the café.
const GUEST: usize = 1;

/// Loudspeakers are heard by the microphone next to them: this much lower, this much later.
const ECHO_DB: f32 = -36.0;
const ECHO_MS: u32 = 120;

struct Script {
    chance: Chance,
    voices: Vec<Vec<f32>>,
    others: Vec<Vec<f32>>,
    turns: Vec<Span>,
    disturbances: Vec<(Disturbance, Span)>,
}

impl Meeting {
    /// A talk before this background; `seed` decides who says what and when.
    pub fn talk(background: Background, seed: u64) -> Self {
        let mut script = Script::new(seed);
        script.talk();
        script.record(background)
    }

    /// Nobody says a word, and one noise follows the other.
    pub fn noises(background: Background, seed: u64) -> Self {
        let mut script = Script::new(seed);
        script.noises();
        script.record(background)
    }
}

fn noise(background: Background, count: usize, chance: &mut Chance) -> Vec<f32> {
    match background {
        Background::Quiet => (0..count).map(|_| chance.noise()).collect(),
        Background::Fan => fan(count, chance),
        Background::Street => street(count, chance),
        Background::Cafe => {
            let voices = ["en-us+f4", "en-gb+m7", "fr+f2", "es+m2", "en-gb+f5", "it+m4"];
            let text = SPEAKERS[0].says.join(" ") + " " + &SPEAKERS[1].says.join(" ");
            let guests: Vec<_> = voices.iter().map(|voice| speech(voice, &text, -20.0)).collect();
            babble(count, &guests, chance)
        }
    }
}

impl Script {
    fn new(seed: u64) -> Self {
        let silence = || vec![vec![0.0; ms(LENGTH_MS)]; SPEAKERS.len()];
        let (turns, disturbances) = (Vec::new(), Vec::new());
        Self { chance: Chance(seed), voices: silence(), others: silence(), turns, disturbances }
    }

    /// What each microphone gives.
    fn record(self, background: Background) -> Meeting {
        let Self { mut chance, voices, others, turns, disturbances } = self;
        let tracks = (0..SPEAKERS.len()).map(|who| {
            let mut track = others[who].clone();
            add(&mut track, 0, &voices[who], 1.0);
            for other in (0..SPEAKERS.len()).filter(|other| *other != who) {
                add(&mut track, ms(ECHO_MS), &voices[other], amplitude(ECHO_DB));
            }
            let here = if background == Background::Cafe && who != GUEST { Background::Quiet } else { background };
            let noise = noise(here, track.len(), &mut chance);
            let wanted = amplitude(SPEAKERS[who].dbfs - here.snr_db());
            add(&mut track, 0, &noise, wanted / rms(&noise));
            track.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
            track
        });
        Meeting { tracks: tracks.collect(), turns, disturbances, length_ms: LENGTH_MS }
    }

    fn noises(&mut self) {
        let mut at = FIRST_MS;
        while at + 8000 < LENGTH_MS {
            let who = self.chance.one_of(SPEAKERS.len());
            self.noise(who, at);
            at = self.disturbances.last().map_or(at, |(_, span)| span.to) + 300 + self.chance.one_of(1500) as u32;
        }
    }

    fn talk(&mut self) {
        let mut at = FIRST_MS;
        let mut last = SPEAKERS.len();
        loop {
            let who = loop {
                let who = self.chance.one_of(SPEAKERS.len());
                if who != last {
                    break who;
                }
            };
            last = who;
            let words = self.words(who);
            let length = (words.len() * 1000 / super::synth::RATE) as u32;
            if at + length + 2000 > LENGTH_MS {
                return;
            }
            add(&mut self.voices[who], ms(at), &words, 1.0);
            let turn = Span { who, from: at, to: at + length };
            self.turns.push(turn);
            self.aside(turn);
            at = match self.chance.one_of(20) {
                // An interruption: both talk for a moment.
                0..3 => turn.to - (300 + self.chance.one_of(900) as u32).min(length / 2),
                // Nobody talks, and somebody makes a noise.
                3..9 => self.noise_after(turn),
                _ => turn.to + 80 + self.chance.one_of(600) as u32,
            };
        }
    }

    /// One to four sentences with a breath between them.
    fn words(&mut self, who: usize) -> Vec<f32> {
        let speaker = &SPEAKERS[who];
        let mut words = Vec::new();
        for _ in 0..1 + self.chance.one_of(4) {
            let text = speaker.says[self.chance.one_of(speaker.says.len())];
            words.extend(vec![0.0; if words.is_empty() { 0 } else { ms(250 + self.chance.one_of(500) as u32) }]);
            words.extend(speech(speaker.voice, text, speaker.dbfs + self.chance.between(-2.0, 2.0)));
        }
        words
    }

    /// What others do during a turn.
    fn aside(&mut self, turn: Span) {
        let length = turn.to - turn.from;
        let who = (turn.who + 1 + self.chance.one_of(SPEAKERS.len() - 1)) % SPEAKERS.len();
        let at = turn.from + length / 4 + self.chance.one_of((length / 2) as usize) as u32;
        match self.chance.one_of(10) {
            0..4 => {
                let speaker = &SPEAKERS[who];
                let nod = speech(speaker.voice, speaker.nods[self.chance.one_of(2)], speaker.dbfs - 3.0);
                self.disturb(Disturbance::Nod, who, at, &nod);
            }
            4..6 => self.noise(who, at),
            _ => {}
        }
    }

    /// A noise in the silence after a turn, and when the next one begins.
    fn noise_after(&mut self, turn: Span) -> u32 {
        let who = (turn.who + 1 + self.chance.one_of(SPEAKERS.len() - 1)) % SPEAKERS.len();
        let before = self.disturbances.len();
        let at = turn.to + 500 + self.chance.one_of(800) as u32;
        self.noise(who, at);
        self.disturbances[before].1.to + 700 + self.chance.one_of(800) as u32
    }

    fn noise(&mut self, who: usize, at: u32) {
        let count = 1 + self.chance.one_of(3);
        match self.chance.one_of(8) {
            0..3 => {
                let sound = coughs(count, &mut self.chance);
                self.disturb(Disturbance::Cough, who, at, &sound);
            }
            3..6 => {
                let sound = keyboard(1500 + 1000 * count as u32, &mut self.chance);
                self.disturb(Disturbance::Keyboard, who, at, &sound);
            }
            _ => {
                let kind = [Tone::Whistle, Tone::Hum, Tone::Note][self.chance.one_of(3)];
                self.disturb(Disturbance::Held(kind), who, at, &tone(kind, 1000 + 1000 * count as u32));
            }
        }
    }

    fn disturb(&mut self, kind: Disturbance, who: usize, at: u32, sound: &[f32]) {
        add(&mut self.others[who], ms(at), sound, 1.0);
        let to = at + (sound.len() * 1000 / super::synth::RATE) as u32;
        self.disturbances.push((kind, Span { who, from: at, to }));
    }
}
