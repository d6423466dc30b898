//! Synthesised sounds of a meeting: voices by `espeak-ng`, and other sounds that microphones pick up.
//!
//! All are mono at [`RATE`], full scale 1.0, and the same in every run.

use std::{
    f32::consts::TAU,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

/// Samples a second.
pub const RATE: usize = 48_000;

/// Samples in this many ms.
pub fn ms(ms: u32) -> usize {
    ms as usize * RATE / 1000
}

/// Chance that is the same in every run: SplitMix64 (Steele, Lea, Flood, 2014).
pub struct Chance(pub u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// 0 to 1.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }

    pub fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.unit()
    }

    /// One of `0..count`.
    pub fn one_of(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    /// White noise, -1 to 1.
    pub fn noise(&mut self) -> f32 {
        self.unit() * 2.0 - 1.0
    }
}

/// Where what takes time to make is kept between runs.
pub fn cache(kind: &str, key: &impl Hash, make: impl FnOnce(&Path)) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("speaker");
    fs::create_dir_all(&folder).expect("a folder to cache in");
    let file = folder.join(format!("{:016x}.{kind}", hasher.finish()));
    if !file.exists() {
        // Whole or not at all, whatever else runs at the same time.
        static DRAFTS: AtomicU32 = AtomicU32::new(0);
        let (process, draft) = (std::process::id(), DRAFTS.fetch_add(1, Ordering::Relaxed));
        let draft = folder.join(format!("{:016x}-{process}-{draft}.{kind}", hasher.finish()));
        make(&draft);
        fs::rename(&draft, &file).expect("renamed");
    }
    file
}

/// What `voice` says, without the silence around it, its loudest 400 ms at `dbfs`.
pub fn speech(voice: &str, text: &str, dbfs: f32) -> Vec<f32> {
    let file = cache("f32", &(voice, text), |draft| {
        let spoken = draft.with_extension("wav");
        let said = Command::new("espeak-ng").args(["-v", voice, "-w"]).arg(&spoken).arg(text).status();
        assert!(said.expect("espeak-ng is installed (scripts/setup)").success(), "espeak-ng could not say {text:?}");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-i"]).arg(&spoken);
        let made = ffmpeg.args(["-ar", &RATE.to_string(), "-ac", "1", "-f", "f32le"]).arg(draft).status();
        assert!(made.expect("ffmpeg is installed").success(), "ffmpeg could not read {}", spoken.display());
        fs::remove_file(spoken).expect("removed");
    });
    let bytes = fs::read(file).expect("cached");
    let samples: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let loud = |sample: &f32| sample.abs() > 0.01;
    let begin = samples.iter().position(loud).expect("it says something");
    let end = samples.iter().rposition(loud).expect("it says something") + 1;
    let mut samples = samples[begin..end].to_vec();
    let loudest = samples.chunks(ms(400)).map(rms).fold(0.0, f32::max);
    samples.iter_mut().for_each(|sample| *sample *= amplitude(dbfs) / loudest);
    samples
}

/// Linear amplitude of a level.
pub fn amplitude(dbfs: f32) -> f32 {
    10_f32.powf(dbfs / 20.0)
}

pub fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

/// Adds `sound` to `track` from sample `at` on; what does not fit is cut.
pub fn add(track: &mut [f32], at: usize, sound: &[f32], gain: f32) {
    let at = at.min(track.len());
    track[at..].iter_mut().zip(sound).for_each(|(sum, sample)| *sum += sample * gain);
}

/// A resonance: two-pole band pass (Bristow-Johnson, Audio EQ Cookbook).
struct Band {
    a: [f32; 3],
    x: [f32; 2],
    y: [f32; 2],
}

impl Band {
    fn new(hertz: f32, q: f32) -> Self {
        let turn = TAU * hertz / RATE as f32;
        let alpha = turn.sin() / (2.0 * q);
        let whole = 1.0 + alpha;
        Self { a: [alpha / whole, -2.0 * turn.cos() / whole, (1.0 - alpha) / whole], x: [0.0; 2], y: [0.0; 2] }
    }

    fn pass(&mut self, x: f32) -> f32 {
        let y = self.a[0] * (x - self.x[1]) - self.a[1] * self.y[0] - self.a[2] * self.y[1];
        (self.x, self.y) = ([x, self.x[0]], [y, self.y[0]]);
        y
    }
}

/// A bout of `count` coughs, its peaks at -6 dBFS: each an explosion of air, a hiss through throat and mouth, and a
/// short voiced end.
pub fn coughs(count: usize, chance: &mut Chance) -> Vec<f32> {
    let mut bout = Vec::new();
    for _ in 0..count {
        let (burst, hiss, voiced) =
            (chance.between(0.03, 0.06), chance.between(0.08, 0.18), chance.between(0.05, 0.12));
        let whole = burst + hiss + voiced;
        let pitch = chance.between(140.0, 260.0);
        let mut mouth = [Band::new(700.0, 3.0), Band::new(1500.0, 4.0), Band::new(2600.0, 4.0)];
        let mut phase = 0.0_f32;
        for n in 0..(whole * RATE as f32) as usize {
            let t = n as f32 / RATE as f32;
            let air = chance.noise();
            let (source, loud) = if t < burst {
                (air, (t / 0.004).min(1.0))
            } else if t < burst + hiss {
                (air, 0.5 * (-(t - burst) / 0.12).exp())
            } else {
                let left = (whole - t) / voiced;
                phase = (phase + pitch * (0.7 + 0.3 * left) / RATE as f32).fract();
                (0.6 * (1.0 - 2.0 * phase) + 0.4 * air, 0.4 * left)
            };
            let shaped: f32 = mouth.iter_mut().map(|band| band.pass(source)).sum();
            bout.push((0.25 * source + shaped) * loud);
        }
        bout.extend(vec![0.0; (chance.between(0.12, 0.35) * RATE as f32) as usize]);
    }
    let peak = bout.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    bout.iter_mut().for_each(|sample| *sample *= amplitude(-6.0) / peak);
    bout
}

/// Somebody types near the microphone: a click down and a softer one up for each key, on a desk that thumps.
pub fn keyboard(length_ms: u32, chance: &mut Chance) -> Vec<f32> {
    let mut typing = vec![0.0; ms(length_ms)];
    let mut at = 0;
    while at < typing.len() {
        let held = ms(60 + chance.one_of(50) as u32);
        for (start, loud) in [(at, chance.between(0.10, 0.35)), (at + held, chance.between(0.04, 0.15))] {
            let mut ring = Band::new(chance.between(1800.0, 5200.0), 6.0);
            let mut desk = Band::new(160.0, 2.0);
            let click: Vec<f32> = (0..ms(25))
                .map(|n| {
                    let hit = chance.noise() * (-(n as f32) / ms(3) as f32).exp();
                    3.0 * ring.pass(hit) + 2.0 * desk.pass(hit) + 0.3 * hit
                })
                .collect();
            add(&mut typing, start, &click, loud);
        }
        at += ms(if chance.one_of(6) == 0 { 350 } else { 80 + chance.one_of(120) as u32 });
    }
    typing
}

/// What is held and does not speak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tone {
    Whistle,
    /// Mains at 50 Hz with its harmonics.
    Hum,
    /// A sung or bowed note: harmonics, a slow vibrato.
    Note,
}

/// A held tone at -20 dBFS that swells in and out over 100 ms.
pub fn tone(kind: Tone, length_ms: u32) -> Vec<f32> {
    let partials: &[(f32, f32)] = match kind {
        Tone::Whistle => &[(880.0, 1.0)],
        Tone::Hum => &[(50.0, 1.0), (100.0, 0.8), (150.0, 0.5), (250.0, 0.3), (350.0, 0.2)],
        Tone::Note => &[(220.0, 1.0), (440.0, 0.6), (660.0, 0.45), (880.0, 0.3), (1100.0, 0.2), (1320.0, 0.15)],
    };
    let vibrato = if kind == Tone::Note { 0.004 } else { 0.0 };
    let count = ms(length_ms);
    let mut phase = 0.0_f32;
    let mut held: Vec<f32> = (0..count)
        .map(|n| {
            let t = n as f32 / RATE as f32;
            phase += (1.0 + vibrato * (TAU * 5.0 * t).sin()) / RATE as f32;
            let edge = (n.min(count - n) as f32 / ms(100) as f32).min(1.0);
            edge * partials.iter().map(|(hertz, share)| share * (TAU * (hertz * phase).fract()).sin()).sum::<f32>()
        })
        .collect();
    let gain = amplitude(-20.0) / rms(&held);
    held.iter_mut().for_each(|sample| *sample *= gain);
    held
}

/// Air conditioning or a fan: noise that falls with frequency, with a hum in it.
pub fn fan(count: usize, chance: &mut Chance) -> Vec<f32> {
    let mut low = 0.0;
    let noise = (0..count).map(|n| {
        low += 0.06 * (chance.noise() - low);
        low + 0.02 * (TAU * 100.0 * n as f32 / RATE as f32).sin() + 0.02 * chance.noise()
    });
    noise.collect()
}

/// A street through a window: pink noise (Kellet's filter) that swells as cars pass.
pub fn street(count: usize, chance: &mut Chance) -> Vec<f32> {
    let mut b = [0.0_f32; 3];
    let noise = (0..count).map(|n| {
        let white = chance.noise();
        b[0] = 0.99765 * b[0] + white * 0.099_046;
        b[1] = 0.963 * b[1] + white * 0.296_516_4;
        b[2] = 0.57 * b[2] + white * 1.052_691_3;
        let t = n as f32 / RATE as f32;
        (b.iter().sum::<f32>() + white * 0.1848) * (1.0 + 0.6 * (TAU * t / 7.3).sin())
    });
    noise.collect()
}

/// A room full of others who talk: `voices` at once, at other places of what they say.
pub fn babble(count: usize, voices: &[Vec<f32>], chance: &mut Chance) -> Vec<f32> {
    let mut room = vec![0.0; count];
    for voice in voices {
        let begin = chance.one_of(voice.len());
        let round = voice[begin..].iter().chain(&voice[..begin]).cycle();
        room.iter_mut().zip(round).for_each(|(sum, sample)| *sum += sample);
    }
    room
}
