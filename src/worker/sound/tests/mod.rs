//! The sound path on real packets and simulated time.

mod drift;
mod encoder;
mod listeners;
mod opus;
mod quality;
mod tones;
mod trouble;

use std::{
    process::Command as Process,
    sync::{Arc, Mutex, Once, mpsc},
};

use bytes::Bytes;
use ffmpeg_next as ff;

use super::{decode::Decoder, mixer::Mixer, *};
use tilecast_core::{
    link::{Report, launch},
    media::{AudioCodec, Codec, Levels, Role, Track, VideoCodec},
};

const MS: i64 = 1_000_000;

/// The lavfi source `sound`, encoded by FFmpeg with `args` into `container`.
fn encoded(sound: &str, args: &[&str], container: &str) -> Vec<Packet> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("sound").with_extension(container);
    let made = Process::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", sound])
        .args(args)
        .arg(&file)
        .status()
        .expect("ffmpeg is installed");
    assert!(made.success(), "ffmpeg could not make {sound} {args:?}");
    ff::init().expect("FFmpeg starts");
    let mut input = ff::format::input(&file).expect("readable");
    let stream = input.streams().next().expect("a stream");
    let (parameters, base) = (stream.parameters(), stream.time_base());
    let codec = Codec::Audio(match parameters.id() {
        ff::codec::Id::AAC => AudioCodec::Aac,
        ff::codec::Id::MP3 => AudioCodec::Mp3,
        ff::codec::Id::OPUS => AudioCodec::Opus,
        ff::codec::Id::PCM_ALAW => AudioCodec::Pcma,
        ff::codec::Id::PCM_MULAW => AudioCodec::Pcmu,
        other => panic!("{other:?}"),
    });
    // SAFETY: the parameters are alive, and own `extradata_size` bytes at `extradata` unless it is null.
    let config = unsafe {
        let raw = &*parameters.as_ptr();
        (!raw.extradata.is_null())
            .then(|| std::slice::from_raw_parts(raw.extradata, raw.extradata_size as usize).to_vec())
    };
    let packet = |role, pts: Timestamp, data: Vec<u8>| Packet { codec, role, pts, dts: pts, data: Bytes::from(data) };
    let mut packets: Vec<Packet> =
        config.into_iter().map(|config| packet(Role::Config, Timestamp::ZERO, config)).collect();
    packets.extend(input.packets().map(|(_, coded)| {
        let pts = coded.pts().expect("stamped") * i64::from(base.numerator()) * 1000 / i64::from(base.denominator());
        packet(Role::Key, Timestamp::from_millis(pts), coded.data().expect("data").to_vec())
    }));
    packets
}

fn tone(hertz: u32, amplitude: f32, seconds: u32) -> Vec<Packet> {
    let sound =
        format!("aevalsrc='{amplitude}*sin({hertz}*2*PI*t)|{amplitude}*sin({hertz}*2*PI*t)':s=48000:d={seconds}");
    encoded(&sound, &["-c:a", "aac", "-b:a", "192k"], "flv")
}

fn participant(feed: u32) -> Participant {
    let id = format!("p{feed}").parse().expect("an id");
    Participant { id, name: String::new(), feed: Some(Feed(feed)), gain_db: 0.0, muted: false }
}

/// A feed's packets, each with its arrival in room time, ms.
type Journey = std::vec::IntoIter<(i64, Packet)>;

/// A room on simulated time.
struct Room {
    mixer: Mixer,
    feeds: Vec<(Feed, Arc<Mutex<Playout>>, Journey)>,
    /// Sample of the next block.
    next: i64,
    out: Vec<Stereo>,
    reports: Vec<Report>,
}

impl Room {
    fn new() -> Self {
        Self { mixer: Mixer::new(), feeds: Vec::new(), next: 0, out: Vec::new(), reports: Vec::new() }
    }

    /// Adds a feed whose packets take `journey(pts in ms)` ms to arrive.
    fn join(&mut self, feed: u32, packets: Vec<Packet>, mut journey: impl FnMut(i64) -> i64) {
        let mut last = 0;
        let timed = packets.into_iter().map(|packet| {
            last = (packet.pts.millis() + journey(packet.pts.millis())).max(last);
            (last, packet)
        });
        let timed: Vec<_> = timed.collect();
        self.feeds.push((Feed(feed), Arc::default(), timed.into_iter()));
    }

    fn everyone(&self) -> Vec<Participant> {
        self.feeds.iter().map(|(feed, ..)| participant(feed.0)).collect()
    }

    /// Runs to room time `until`, ms.
    fn run(&mut self, until: i64) {
        // The limiter's look-ahead is part of the lag, and not of what is tested.
        while time_of(self.next) + LAG
            <= Timestamp::from_millis(until) + time_of(limiter::AHEAD as i64).since(Timestamp::ZERO)
        {
            let now = time_of(self.next) + LAG;
            for (feed, playout, packets) in &mut self.feeds {
                while packets.as_slice().first().is_some_and(|(at, _)| *at <= now.millis()) {
                    let (at, packet) = packets.next().expect("seen");
                    if packet.role != Role::Config {
                        playout.lock().expect("whole").arrived(packet.track(), packet.pts, Timestamp::from_millis(at));
                    }
                    self.reports.extend(self.mixer.packet(*feed, false, packet, playout));
                }
            }
            let (block, report) = self.mixer.block(time_of(self.next));
            self.out.extend(block);
            self.reports.extend(report);
            self.next += BLOCK as i64;
        }
    }

    fn stats(&self, feed: u32) -> SoundStats {
        self.mixer.stats().find(|(held, _)| held.0 == feed).map(|(_, stats)| stats).unwrap_or_default()
    }

    fn left(&self, from_ms: usize, to_ms: usize) -> Vec<f32> {
        self.out[from_ms * 48..to_ms * 48].iter().map(|sample| sample[0]).collect()
    }
}

fn recipe() -> Recipe {
    let opus = launch::builtin("audio/opus").expect("built in").to_owned();
    Recipe { settings: settings(), opus }
}

fn settings() -> AudioSettings {
    AudioSettings { bitrate_kbps: 192 }
}

/// The packets of the mix after the encoder.
fn to_packets(mix: &[Stereo], begin: i64) -> Vec<Packet> {
    to_packets_at(mix, begin, settings())
}

fn to_packets_at(mix: &[Stereo], begin: i64, settings: AudioSettings) -> Vec<Packet> {
    let (sender, receiver) = mpsc::channel();
    let sink: Sink = Arc::new(move |message| sender.send(message).expect("the test listens"));
    let mut encoder = AacEncoder::start(&settings, begin, sink).expect("starts");
    for block in mix.as_chunks::<BLOCK>().0 {
        encoder.push(block).expect("encodes");
    }
    encoder.finish().expect("ends");
    let packets = receiver.try_iter().map(|message| match message {
        FromWorker::Program(packet) => packet,
        other => panic!("{other:?}"),
    });
    packets.collect()
}

/// The sound of a player: samples, each at its place from program time zero.
fn heard(packets: &[Packet]) -> Vec<Stereo> {
    let mut decoder = Decoder::open(AudioCodec::Aac, Some(&packets[0].data)).expect("opens");
    let mut out = Vec::new();
    for packet in &packets[1..] {
        let decoded = decoder.decode(packet.pts, &packet.data, |pts, samples| {
            let at = (pts.nanos() as f64 * 48e-6).round() as usize;
            out.resize(at.max(out.len()), [0.0; 2]);
            out.truncate(at);
            out.extend(samples);
        });
        decoded.expect("decodes");
    }
    out
}

/// Amplitude of the `hertz` part of `samples` (Goertzel, with a Hann window).
fn amplitude(samples: &[f32], hertz: f32) -> f32 {
    let turn = std::f64::consts::TAU * f64::from(hertz) / 48_000.0;
    let count = samples.len() as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (i, sample) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / count).cos();
        re += f64::from(*sample) * window * (turn * i as f64).cos();
        im += f64::from(*sample) * window * (turn * i as f64).sin();
    }
    (4.0 * re.hypot(im) / count) as f32
}

fn db(amplitude: f32) -> f32 {
    20.0 * amplitude.max(1e-6).log10()
}

/// Share of everything but the `hertz` tone, as an amplitude ratio to the tone.
fn rest(samples: &[f32], hertz: f32) -> f32 {
    let turn = std::f64::consts::TAU * f64::from(hertz) / 48_000.0;
    // Whole periods only, so that sine and cosine are orthogonal.
    let period = (48_000.0 / hertz) as usize;
    let samples = &samples[..samples.len() / period * period];
    let sum = |f: fn(f64) -> f64| -> f64 {
        samples.iter().enumerate().map(|(i, s)| f64::from(*s) * f(turn * i as f64)).sum::<f64>() * 2.0
            / samples.len() as f64
    };
    let (sin, cos) = (sum(f64::sin), sum(f64::cos));
    let error: f64 = samples
        .iter()
        .enumerate()
        .map(|(i, s)| (f64::from(*s) - sin * (turn * i as f64).sin() - cos * (turn * i as f64).cos()).powi(2))
        .sum();
    ((error * 2.0 / samples.len() as f64).sqrt() / sin.hypot(cos)) as f32
}

/// Largest curvature of the wave (second difference): a tone's own is amplitude·(2πf/rate)², a click's is its height.
fn roughness(samples: &[f32]) -> f32 {
    samples.windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs()).fold(0.0, f32::max)
}
