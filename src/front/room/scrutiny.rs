//! PURE: what of a worker's words is believed. A worker decodes what strangers send, so it is as little trusted as they are
//! (input validation, rate limiting).
//!
//! Every text, number, rate and time stamp that a worker sends passes here before the room keeps or acts on it: it is put in bounds
//! where that heals it, and refused where it does not. Lengths were bounded before, where the link is read. An
//! honest worker is refused nothing, whatever a slow machine or network does to it; one that is refused again and again is replaced.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::{
    front::model::document::MAX_PARTICIPANTS,
    link::{
        FromWorker, Report,
        message::{MAX_LISTENERS, Settings, Stats, VERSION},
    },
    media::{AudioCodec, Codec, Heard, Levels, Packet, Role, Timestamp, Track, VideoCodec},
};

/// Most feeds or participants that one report names: everyone, and as many who have just left.
const MAX_NAMED: usize = 2 * MAX_PARTICIPANTS;

/// Longest text that a worker has an operator read, bytes.
const MAX_TEXT: usize = 500;

/// Longest configuration of a track, bytes: an avcC record with a few parameter sets.
const MAX_CONFIG: usize = 4 << 10;

/// Longest side of a picture that a worker decodes, px.
const MAX_SIDE: u32 = 8192;

/// Most levels of what a room does without.
const MAX_LEVEL: u32 = 8;

/// Loudest that sound can be told to be, dBFS: full scale, and what an intersample peak may add.
const LOUDEST: f32 = 20.0;

/// Longest delay of a playout clock that is told, ms.
const LONGEST_DELAY: f32 = 10_000.0;

/// Beyond any count that a worker reaches in a century, so that sums of them stay in range.
const MOST_COUNTED: u64 = 1 << 50;

/// How far a packet may lie before the time of the room: what a machine that is much too slow holds back before its worker is
/// replaced, and some more.
const BEHIND: Duration = Duration::from_secs(12);

/// How far it may lie after that, beside a frame: the tick is up to half a frame early.
const AHEAD: Duration = Duration::from_millis(250);

/// What the clocks of two machines may drift apart, parts of a million of the time that passed.
const DRIFT_PPM: u32 = 200;

/// Most that a packet may be shown after it is decoded: a second of frames that are shown in another order.
const REORDERED: Duration = Duration::from_secs(1);

/// How much more than its set rate a program may take: encoders overshoot where a picture changes much.
const OVERSHOOT: f64 = 4.0;

/// What it may take beside that, bytes a second and at once: small rates still have their headers, and what a network of
/// another machine held back for 4 s comes at once.
const EXTRA_BYTES: (f64, f64) = (250_000.0, (16 << 20) as f64);

/// Refusals that are forgiven, a second and at once. An honest worker is refused nothing, so these few are for what was not thought of.
const FORGIVEN: (f64, f64) = (1.0, 100.0);

/// How often each may be said, a second and at once; each several times what an honest worker does.
const PACKETS: (f64, f64) = (300.0, 2000.0);
const SOUNDS: (f64, f64) = (60.0 * MAX_LISTENERS as f64, 300.0 * MAX_LISTENERS as f64);
const LEVELS: (f64, f64) = (20.0, 100.0);
const STATS: (f64, f64) = (2.0, 20.0);
const SHOWING: (f64, f64) = (60.0, 300.0);
const FAULTS: (f64, f64) = (10.0, 100.0);
const EASED: (f64, f64) = (1.0, 10.0);
const BEATS: (f64, f64) = (30.0, 200.0);
const LOST: (f64, f64) = (10.0, 200.0);

/// What a worker did that it must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Breach {
    /// The protocol.
    #[error("said a second time that it is ready, or speaks another version of the link")]
    Ready,
    /// Too many, too long, not finite.
    #[error("sent a report with values that cannot be")]
    Values,
    /// `Scrutiny`'s rates.
    #[error("says the same thing too often")]
    Rate,
    /// Bytes a second.
    #[error("sent several times the bit rate that is set")]
    BitRate,
    /// A packet of another codec or role, empty or too long.
    #[error("sent a packet that is none of the program's")]
    Packet,
    /// A time stamp.
    #[error("sent a packet of another time than the room's")]
    Time,
    /// Nobody asked for it.
    #[error("answered what nobody asked")]
    Unasked,
}

/// So many at once, and so many a second (a token bucket).
#[derive(Debug, Clone, Copy)]
struct Bucket {
    rate: f64,
    most: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    fn new((rate, most): (f64, f64), now: Instant) -> Self {
        Self { rate, most, left: most, at: now }
    }

    fn take(&mut self, amount: f64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * self.rate).min(self.most);
        self.at = now;
        let enough = self.left >= amount;
        if enough {
            self.left -= amount;
        }
        enough
    }
}

/// How often each thing was said.
#[derive(Debug)]
struct Rates {
    bytes: Bucket,
    packets: Bucket,
    sounds: Bucket,
    levels: Bucket,
    stats: Bucket,
    showing: Bucket,
    faults: Bucket,
    eased: Bucket,
    beats: Bucket,
    lost: Bucket,
}

/// The scrutiny of one worker.
#[derive(Debug)]
pub(super) struct Scrutiny {
    /// Its time zero.
    zero: Instant,
    frame: Duration,
    ready: bool,
    rates: Rates,
    /// Set rate of the sound, kbit/s.
    audio_kbps: u32,
    /// Video is refused up to the next keyframe: without what was refused it would show broken.
    awaits_keyframe: bool,
    forgiven: Bucket,
    refused: u64,
}

impl Scrutiny {
    /// Of a worker that is told these settings now.
    pub(super) fn new(settings: &Settings, now: Instant) -> Self {
        let bucket = |rate| Bucket::new(rate, now);
        let rates = Rates {
            bytes: bucket(EXTRA_BYTES),
            packets: bucket(PACKETS),
            sounds: bucket(SOUNDS),
            levels: bucket(LEVELS),
            stats: bucket(STATS),
            showing: bucket(SHOWING),
            faults: bucket(FAULTS),
            eased: bucket(EASED),
            beats: bucket(BEATS),
            lost: bucket(LOST),
        };
        let frame = Duration::from_secs(1) / settings.canvas.fps.max(1);
        let forgiven = bucket(FORGIVEN);
        let audio_kbps = settings.audio.bitrate_kbps;
        let mut scrutiny =
            Self { zero: now, frame, ready: false, rates, audio_kbps, awaits_keyframe: false, forgiven, refused: 0 };
        scrutiny.expect(settings.video.bitrate_kbps);
        scrutiny
    }

    /// The program's video is to have this rate from now on, kbit/s.
    pub(super) fn expect(&mut self, video_kbps: u32) {
        let kbps = f64::from(video_kbps) + f64::from(self.audio_kbps);
        self.rates.bytes.rate = kbps * 125.0 * OVERSHOOT + EXTRA_BYTES.0;
    }

    /// How much was refused.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Counts a refusal; false when there were too many.
    pub(super) fn forgive(&mut self, now: Instant) -> bool {
        self.refused += 1;
        self.forgiven.take(1.0, now)
    }

    /// What is believed of a message.
    ///
    /// # Errors
    /// When nothing of it is.
    pub(super) fn pass(&mut self, message: FromWorker, now: Instant) -> Result<FromWorker, Breach> {
        Ok(match message {
            FromWorker::Program(packet) => FromWorker::Program(self.program(packet, now)?),
            FromWorker::Sound { listener, packet } => {
                often(&mut self.rates.sounds, now)?;
                let opus = packet.codec == Codec::Audio(AudioCodec::Opus) && packet.role == Role::Key;
                if !opus || packet.data.is_empty() {
                    return Err(Breach::Packet);
                }
                FromWorker::Sound { listener, packet: self.timed(packet, now)? }
            }
            FromWorker::Snapshot { id, jpeg } => {
                // Every JPEG begins so (ITU-T T.81 §B.2.1); an empty one says that there is none.
                if !jpeg.is_empty() && !jpeg.starts_with(&[0xff, 0xd8]) {
                    return Err(Breach::Values);
                }
                FromWorker::Snapshot { id, jpeg }
            }
            FromWorker::Report(report) => FromWorker::Report(self.report(report, now)?),
        })
    }

    fn program(&mut self, packet: Packet, now: Instant) -> Result<Packet, Breach> {
        let known = matches!(packet.codec, Codec::Video(VideoCodec::H264) | Codec::Audio(AudioCodec::Aac));
        let whole = match packet.role {
            Role::Config => packet.data.len() <= MAX_CONFIG,
            Role::Key => true,
            Role::Delta => packet.track() == Track::Video,
        };
        if !known || !whole || packet.data.is_empty() {
            return Err(Breach::Packet);
        }
        if packet.is_keyframe() {
            self.awaits_keyframe = false;
        } else if self.awaits_keyframe && packet.role == Role::Delta {
            return Err(Breach::BitRate);
        }
        let fits = often(&mut self.rates.packets, now).is_ok() && self.rates.bytes.take(packet.data.len() as f64, now);
        if !fits {
            self.awaits_keyframe |= packet.track() == Track::Video;
            return Err(Breach::BitRate);
        }
        self.timed(packet, now)
    }

    /// The packet, if it is of this time. Its bytes are a copy: those that came hold on to all that was read with them.
    fn timed(&self, packet: Packet, now: Instant) -> Result<Packet, Breach> {
        let passed = now.saturating_duration_since(self.zero);
        let drift = passed * DRIFT_PPM / 1_000_000;
        let present = Timestamp::ZERO + passed;
        let (earliest, latest) = (present - BEHIND - drift, present + AHEAD + self.frame + drift);
        let fits = |dts: Timestamp| earliest <= dts && dts <= latest;
        let Packet { codec, role, pts, dts, data } = packet;
        let (pts, dts) = match role {
            // It is no picture or sound: when it belongs is of no matter.
            Role::Config if !fits(dts) => (present, present),
            Role::Config => (dts, dts),
            _ if !fits(dts) || pts < dts || pts.since(dts) > REORDERED => return Err(Breach::Time),
            _ => (pts, dts),
        };
        Ok(Packet { codec, role, pts, dts, data: Bytes::copy_from_slice(&data) })
    }

    fn report(&mut self, report: Report, now: Instant) -> Result<Report, Breach> {
        let rates = &mut self.rates;
        Ok(match report {
            Report::Ready { version, pid } => {
                if version != VERSION || std::mem::replace(&mut self.ready, true) {
                    return Err(Breach::Ready);
                }
                Report::Ready { version, pid }
            }
            Report::Showing { feed, showing } => {
                often(&mut rates.showing, now)?;
                Report::Showing { feed, showing }
            }
            Report::Levels { mut participants, program } => {
                often(&mut rates.levels, now)?;
                if participants.len() > MAX_NAMED {
                    return Err(Breach::Values);
                }
                for (_, of) in &mut participants {
                    *of = heard(*of)?;
                }
                Report::Levels { participants, program: levels(program)? }
            }
            Report::Stats(counted) => {
                often(&mut rates.stats, now)?;
                Report::Stats(stats(counted)?)
            }
            Report::Fault { feed, text } => {
                often(&mut rates.faults, now)?;
                Report::Fault { feed, text: clean(&text) }
            }
            Report::Eased { level, text } => {
                often(&mut rates.eased, now)?;
                if level > MAX_LEVEL {
                    return Err(Breach::Values);
                }
                Report::Eased { level, text: clean(&text) }
            }
            Report::Pong(number) => {
                often(&mut rates.beats, now)?;
                Report::Pong(number)
            }
            Report::Late { part, cause } => {
                often(&mut rates.beats, now)?;
                Report::Late { part, cause }
            }
            Report::Lost { feed, replay } => {
                often(&mut rates.lost, now)?;
                Report::Lost { feed, replay }
            }
        })
    }
}

fn often(bucket: &mut Bucket, now: Instant) -> Result<(), Breach> {
    bucket.take(1.0, now).then_some(()).ok_or(Breach::Rate)
}

fn finite(value: f32, least: f32, most: f32) -> Result<f32, Breach> {
    value.is_finite().then(|| value.clamp(least, most)).ok_or(Breach::Values)
}

fn levels(told: Levels) -> Result<Levels, Breach> {
    let level = |value| finite(value, Levels::SILENCE_DBFS, LOUDEST);
    Ok(Levels { rms_dbfs: level(told.rms_dbfs)?, peak_dbfs: level(told.peak_dbfs)? })
}

fn heard(told: Heard) -> Result<Heard, Breach> {
    Ok(Heard {
        levels: levels(told.levels)?,
        speech: finite(told.speech, 0.0, 1.0)?,
        noise_dbfs: finite(told.noise_dbfs, Levels::SILENCE_DBFS, LOUDEST)?,
    })
}

fn stats(mut told: Stats) -> Result<Stats, Breach> {
    if told.feeds.len() > MAX_NAMED {
        return Err(Breach::Values);
    }
    for counter in [&mut told.frames, &mut told.missed, &mut told.cpu_ms, &mut told.rss_kib] {
        *counter = (*counter).min(MOST_COUNTED);
    }
    for feed in &mut told.feeds {
        if feed.width > MAX_SIDE || feed.height > MAX_SIDE {
            return Err(Breach::Values);
        }
        feed.delay_ms = finite(feed.delay_ms, 0.0, LONGEST_DELAY)?;
        for counter in [&mut feed.decoded, &mut feed.corrupt, &mut feed.skipped, &mut feed.underruns] {
            *counter = (*counter).min(MOST_COUNTED);
        }
        for trouble in [&mut feed.video_trouble, &mut feed.audio_trouble].into_iter().flatten() {
            *trouble = clean(trouble);
        }
    }
    Ok(told)
}

/// A text as people may read it in a log or on a page: of bounded length, in one line, without what steers a terminal or turns the
/// direction of writing.
pub(super) fn clean(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut cleaned = String::new();
    for c in text.chars().map(|c| if steers(c) { ' ' } else { c }) {
        if cleaned.len() + c.len_utf8() > MAX_TEXT {
            break;
        }
        cleaned.push(c);
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::link::{Feed, message::FeedStats};

    const H264: Codec = Codec::Video(VideoCodec::H264);

    fn settings() -> Settings {
        let settings = json!({
            "version": VERSION,
            "room": "weekly",
            "canvas": {},
            "video": {"preset": "", "bitrate_kbps": 2000, "keyframe_frames": 60, "buffer_ms": 300},
            "audio": {"bitrate_kbps": 128},
            "pipelines": {"stage": "", "video": "", "opus": ""},
        });
        serde_json::from_value(settings).expect("settings")
    }

    /// A worker on simulated time.
    struct Run {
        scrutiny: Scrutiny,
        begin: Instant,
        ms: u64,
    }

    impl Run {
        /// One that has worked for ten seconds.
        fn new() -> Self {
            let begin = Instant::now();
            Self { scrutiny: Scrutiny::new(&settings(), begin), begin, ms: 10_000 }
        }

        fn says(&mut self, message: FromWorker) -> Result<FromWorker, Breach> {
            self.scrutiny.pass(message, self.begin + Duration::from_millis(self.ms))
        }

        fn reports(&mut self, report: Report) -> Result<Report, Breach> {
            self.says(FromWorker::Report(report)).map(|message| match message {
                FromWorker::Report(report) => report,
                other => panic!("{other:?}"),
            })
        }

        /// A packet of so many bytes whose time is this much off the present, ms.
        fn sends(&mut self, codec: Codec, role: Role, off: i64, bytes: usize) -> Result<Packet, Breach> {
            let at = Timestamp::from_millis(self.ms as i64 + off);
            let packet = Packet { codec, role, pts: at, dts: at, data: Bytes::from(vec![1; bytes]) };
            self.says(FromWorker::Program(packet)).map(|message| match message {
                FromWorker::Program(packet) => packet,
                other => panic!("{other:?}"),
            })
        }
    }

    #[test]
    fn an_honest_worker_is_refused_nothing_even_if_its_network_holds_back_four_seconds() {
        let mut run = Run::new();
        for held_back in [0, 4000] {
            for ms in (0..10_000).step_by(20) {
                if ms >= held_back {
                    run.ms += 20;
                }
                let lag = (held_back as i64 - ms as i64).max(0);
                assert!(run.sends(Codec::Audio(AudioCodec::Aac), Role::Key, -80 - lag, 340).is_ok());
                if ms % 40 == 0 {
                    let role = if ms % 2000 == 0 { Role::Key } else { Role::Delta };
                    assert!(run.sends(H264, role, 10 - lag, 10_000).is_ok());
                }
                if ms % 100 == 0 {
                    let levels = Report::Levels { participants: Vec::new(), program: Levels::SILENCE };
                    assert!(run.reports(levels).is_ok());
                }
                if ms % 1000 == 0 {
                    assert!(run.reports(Report::Stats(Stats::default())).is_ok());
                }
            }
        }
    }

    #[test]
    fn a_packet_of_another_time_is_refused_and_spoils_nothing_that_follows() {
        let mut run = Run::new();
        for off in [i64::MAX / 2_000_000, -20_000, 1000, i64::MIN / 2_000_000] {
            assert_eq!(run.sends(H264, Role::Key, off, 10), Err(Breach::Time), "{off} ms off");
            assert!(run.sends(H264, Role::Key, 0, 10).is_ok());
        }
        let (pts, dts) = (Timestamp::from_millis(90_000), Timestamp::from_millis(10_000));
        let late = Packet { codec: H264, role: Role::Key, pts, dts, data: Bytes::from_static(b"1") };
        assert_eq!(run.says(FromWorker::Program(late)), Err(Breach::Time));
        let config = run.sends(H264, Role::Config, 1 << 40, 10).expect("it belongs to no moment");
        assert_eq!(config.dts, Timestamp::from_millis(10_000));
        // A week later the clocks of two machines have drifted apart.
        run.ms += 7 * 86_400_000;
        assert!(run.sends(H264, Role::Key, -60_000, 10).is_ok());
        assert_eq!(run.sends(H264, Role::Key, 200_000, 10), Err(Breach::Time));
    }

    #[test]
    fn a_packet_that_is_none_of_the_programs_is_refused() {
        let mut run = Run::new();
        let (aac, opus) = (Codec::Audio(AudioCodec::Aac), Codec::Audio(AudioCodec::Opus));
        for (codec, role, bytes) in [
            (opus, Role::Key, 10),
            (Codec::Video(VideoCodec::Vp8), Role::Key, 10),
            (aac, Role::Delta, 10),
            (H264, Role::Key, 0),
            (H264, Role::Config, MAX_CONFIG + 1),
        ] {
            assert_eq!(run.sends(codec, role, 0, bytes), Err(Breach::Packet), "{codec:?} {role:?} {bytes}");
        }
    }

    #[test]
    fn more_than_the_set_rate_several_times_over_is_refused_up_to_the_next_keyframe() {
        let mut run = Run::new();
        let mut passed = 0;
        for _ in 0..1000 {
            run.ms += 10;
            passed += run.sends(H264, Role::Key, 0, 1 << 20).map_or(0, |packet| packet.data.len());
        }
        // 2128 kbit/s four times over, for ten seconds, and the burst.
        assert!((20 << 20..40 << 20).contains(&passed), "{passed} bytes in 10 s");
        assert_eq!(run.sends(H264, Role::Key, 0, 1 << 20), Err(Breach::BitRate));
        run.ms += 1000;
        assert_eq!(run.sends(H264, Role::Delta, 0, 10), Err(Breach::BitRate), "it would show broken");
        assert!(run.sends(H264, Role::Key, 0, 10).is_ok() && run.sends(H264, Role::Delta, 0, 10).is_ok());
        run.scrutiny.expect(100_000);
        run.ms += 10_000;
        assert!((0..40).all(|_| {
            run.ms += 25;
            run.sends(H264, Role::Key, 0, 1 << 20).is_ok()
        }));
    }

    #[test]
    fn what_cannot_be_is_refused_and_what_is_out_of_bounds_is_put_into_them() {
        let mut run = Run::new();
        let id = |n: usize| format!("p{n}").parse().expect("an id");
        let levels = |count, rms_dbfs| Report::Levels {
            participants: (0..count)
                .map(|n| (id(n), Heard { levels: Levels { rms_dbfs, peak_dbfs: 0.0 }, ..Heard::SILENCE }))
                .collect(),
            program: Levels::SILENCE,
        };
        assert_eq!(run.reports(levels(MAX_NAMED + 1, 0.0)), Err(Breach::Values));
        assert_eq!(run.reports(levels(1, f32::INFINITY)), Err(Breach::Values));
        let Ok(Report::Levels { participants, .. }) = run.reports(levels(1, 1e30)) else { panic!("in bounds") };
        assert_eq!(participants[0].1.levels.rms_dbfs, LOUDEST);

        let feed = FeedStats {
            feed: Feed(0),
            width: 1280,
            height: 720,
            decoded: u64::MAX,
            corrupt: 0,
            skipped: 0,
            delay_ms: 30.0,
            underruns: 0,
            video_trouble: Some("\u{1b}[2Jx".repeat(9000)),
            audio_trouble: None,
        };
        let stats = |feed: FeedStats, count| {
            Report::Stats(Stats { frames: u64::MAX, feeds: vec![feed; count], ..Stats::default() })
        };
        assert_eq!(run.reports(stats(feed.clone(), MAX_NAMED + 1)), Err(Breach::Values));
        assert_eq!(run.reports(stats(FeedStats { width: u32::MAX, ..feed.clone() }, 1)), Err(Breach::Values));
        assert_eq!(run.reports(stats(FeedStats { delay_ms: f32::NAN, ..feed.clone() }, 1)), Err(Breach::Values));
        let Ok(Report::Stats(told)) = run.reports(stats(feed, 1)) else { panic!("in bounds") };
        assert_eq!((told.frames, told.feeds[0].decoded), (MOST_COUNTED, MOST_COUNTED));
        let trouble = told.feeds[0].video_trouble.as_deref().expect("told");
        assert!(trouble.len() <= MAX_TEXT && !trouble.contains('\u{1b}'));

        let jpeg = |bytes: &'static [u8]| FromWorker::Snapshot { id: 1, jpeg: Bytes::from_static(bytes) };
        assert_eq!(run.says(jpeg(b"<svg>")), Err(Breach::Values));
        assert!(run.says(jpeg(b"\xff\xd8\xff")).is_ok() && run.says(jpeg(b"")).is_ok());
        assert_eq!(run.reports(Report::Eased { level: 9, text: String::new() }), Err(Breach::Values));
        let ready = |version| Report::Ready { version, pid: 1 };
        assert_eq!(run.reports(ready(VERSION + 1)), Err(Breach::Ready));
        assert!(run.reports(ready(VERSION)).is_ok());
        assert_eq!(run.reports(ready(VERSION)), Err(Breach::Ready));
    }

    #[test]
    fn nothing_is_said_without_end() {
        let fault = || Report::Fault { feed: None, text: "x".repeat(9000) };
        let showing = || Report::Showing { feed: Feed(1), showing: true };
        let lost = || Report::Lost { feed: Feed(1), replay: true };
        for report in [fault as fn() -> Report, showing, lost, || Report::Pong(1), || Report::Stats(Stats::default())] {
            let mut run = Run::new();
            let heard = (0..10_000).filter(|_| run.reports(report()).is_ok()).count();
            assert!(heard <= 300, "{heard} times {:?}", report());
            run.ms += 1000;
            assert!(run.reports(report()).is_ok(), "it may speak again");
        }
    }

    #[test]
    fn a_worker_that_goes_on_is_not_forgiven() {
        let mut run = Run::new();
        let now = run.begin + Duration::from_secs(10);
        assert_eq!((0..1000).filter(|_| run.scrutiny.forgive(now)).count(), 100);
        let slowly = |run: &mut Run, n: u64| run.scrutiny.forgive(now + Duration::from_secs(2 * n + 1));
        assert!((0..1000).all(|n| slowly(&mut run, n)), "now and then it is");
        assert_eq!(run.scrutiny.refused(), 2000);
    }

    #[test]
    fn texts_are_short_and_plain() {
        assert_eq!(clean("a\x1b[31mred\r\nb\u{202e}txt"), "a [31mred  b txt");
        assert_eq!(clean("Zoë 會議"), "Zoë 會議");
        let long = clean(&"é".repeat(900));
        assert!(long.len() <= MAX_TEXT && long.chars().all(|c| c == 'é'));
    }
}
