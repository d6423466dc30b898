//! Packets in, events out: which formats run, and when a new run begins.

use std::time::Duration;

use super::{
    Event, Init, MAX_SAMPLE, Refused, Settings, Tracks, Why,
    cut::{Cutter, Out, duration},
    formats::Formats,
    timeline::{Placed, Timeline},
    write,
};
use crate::{
    media::{Codec, Packet, Role, Track},
    mux::codec::{self, AudioFormat, VideoFormat},
};

/// A track of which nothing came for so long while the other went on is taken out of the run, in ns: players wait for the tracks that the
/// initialization segment promises.
const VANISHED: i64 = 5_000_000_000;

/// Most packets and bytes that wait for the second track.
const MAX_WAITING: usize = 1024;
const MAX_WAITING_BYTES: usize = 32 << 20;

/// Cuts one stream. Sans-IO: packets go in by [`Segmenter::push`], what came of them comes out by [`Segmenter::next_event`].
#[derive(Debug)]
pub struct Segmenter {
    settings: Settings,
    formats: Formats,
    timeline: Timeline,
    run: Option<Run>,
    /// Packets before a run, which begins once both tracks are known.
    waiting: Vec<Placed>,
    /// The formats of what waits.
    found: Found,
    /// Which tracks a run waits for: pictures, sound.
    expected: [bool; 2],
    /// Pictures are of no use before a keyframe.
    needs_key: bool,
    /// Nothing ran just before: sound that leads the first picture is not missed.
    fresh: bool,
    init: Option<Init>,
    next_init: u32,
    out: Out,
}

/// The formats of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Found {
    video: Option<VideoFormat>,
    audio: Option<AudioFormat>,
}

/// What is being cut.
#[derive(Debug)]
struct Run {
    formats: Found,
    /// When the last of each track came, ns.
    last: [i64; 2],
    cutter: Cutter,
}

impl Segmenter {
    /// Nothing came yet.
    pub fn new(settings: Settings) -> Self {
        let resume = settings.resume;
        let timeline = Timeline::new(resume.end);
        Self {
            formats: Formats::new(&settings),
            timeline,
            run: None,
            waiting: Vec::new(),
            found: Found::default(),
            expected: expected(&settings),
            needs_key: true,
            fresh: true,
            init: None,
            next_init: resume.init,
            out: Out::new(&resume),
            settings,
        }
    }

    /// Takes the stream's next packet.
    pub fn push(&mut self, packet: Packet) {
        let mut refused = None;
        let is_taken = self.formats.takes(packet.codec, &mut refused);
        self.out.events.extend(refused.map(|refused: Refused| Event::Refused(refused)));
        if !is_taken {
            return;
        }
        if packet.role == Role::Config {
            return self.formats.configure(&packet);
        }
        if packet.data.is_empty() || packet.data.len() > MAX_SAMPLE {
            self.needs_key |= packet.track() == Track::Video;
            return self.out.drop(packet.track(), Why::Size);
        }
        let mut placed = Vec::new();
        self.timeline.push(packet, &mut placed);
        self.take(placed);
    }

    /// The stream begins anew, and `hole` passed meanwhile: another worker makes it, or its publisher came back. What came so far is cut.
    pub fn discontinuity(&mut self, hole: Duration) {
        self.finish();
        self.timeline.restart(hole);
    }

    /// Cuts what came so far. Packets may follow, as after a discontinuity without a hole.
    pub fn finish(&mut self) {
        let mut placed = Vec::new();
        self.timeline.flush(&mut placed);
        self.take(placed);
        self.open(true);
        self.close(None);
        self.waiting.clear();
        self.found = Found::default();
        self.expected = expected(&self.settings);
        (self.needs_key, self.fresh) = (true, true);
        self.timeline.restart(Duration::ZERO);
    }

    /// What happened next; `None` until more packets come.
    pub fn next_event(&mut self) -> Option<Event> {
        self.out.events.pop_front()
    }

    /// Where the parts so far end on the output's time line.
    pub fn end(&self) -> Duration {
        duration(self.out.end)
    }

    /// With what another segmenter goes on where this one stands, after [`Segmenter::finish`].
    pub fn resume(&self) -> super::Resume {
        let (segment, sequence) = (self.out.segment, self.out.sequence);
        super::Resume { segment, init: self.next_init, sequence, end: self.end() }
    }

    fn take(&mut self, placed: Vec<Placed>) {
        for (at, by_ms) in std::mem::take(&mut self.timeline.jumps) {
            self.out.events.push_back(Event::Jumped { at: duration(at), by_ms });
        }
        for (track, dropped) in [Track::Video, Track::Audio].into_iter().zip(std::mem::take(&mut self.timeline.dropped))
        {
            (0..dropped).for_each(|_| self.out.drop(track, Why::Late));
        }
        for placed in placed {
            self.out.source = Some(self.timeline.source(placed.at));
            self.out.source_at = placed.at;
            if placed.jumped {
                self.close(None);
                self.fresh = true;
            }
            match self.run {
                Some(_) => self.run(placed),
                None => self.wait(placed),
            }
        }
    }

    /// Before a run.
    fn wait(&mut self, placed: Placed) {
        let packet = &placed.packet;
        let mut found = self.found.clone();
        let why = match packet.codec {
            Codec::Video(codec) if packet.role == Role::Key => {
                let format = self.formats.video(codec, &packet.data).cloned();
                self.needs_key &= format.is_none();
                found.video = format;
                found.video.is_none().then_some(Why::NoFormat)
            }
            Codec::Video(codec) => {
                found.video = self.formats.known_video().filter(|known| known.codec == codec).cloned();
                (self.needs_key || found.video.is_none()).then_some(Why::NoKeyframe)
            }
            Codec::Audio(codec) => {
                found.audio = self.formats.audio(codec, &packet.data).cloned();
                found.audio.is_none().then_some(Why::NoFormat)
            }
        };
        if let Some(why) = why {
            return self.out.drop(packet.track(), why);
        }
        let is_changed = self.found.video.is_some() && self.found.video != found.video
            || self.found.audio.is_some() && self.found.audio != found.audio;
        if is_changed {
            // What waits is a run of its own.
            self.open(true);
            return self.run(placed);
        }
        self.found = found;
        self.waiting.push(placed);
        self.open(false);
    }

    /// Begins a run if it is time, or `now`.
    fn open(&mut self, now: bool) {
        if self.run.is_some() || self.waiting.is_empty() {
            return;
        }
        let has = |track| self.waiting.iter().any(|placed| placed.packet.track() == track);
        let has = [has(Track::Video), has(Track::Audio)];
        let times = || self.waiting.iter().map(|placed| placed.at);
        let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        let is_full = self.waiting.len() >= MAX_WAITING
            || self.waiting.iter().map(|placed| placed.packet.data.len()).sum::<usize>() >= MAX_WAITING_BYTES;
        let is_ready = (0..2).all(|track| has[track] || !self.expected[track])
            || duration(last - first) >= self.settings.patience
            || is_full;
        if !(is_ready || now) {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let key = waiting.iter().find(|placed| placed.packet.track() == Track::Video).map(|placed| placed.at);
        if let Some(key) = key.filter(|_| self.fresh) {
            let lead = i64::try_from(self.settings.part.as_nanos()).unwrap_or(0);
            waiting.retain(|placed| {
                let is_kept = placed.at >= key - lead;
                if !is_kept {
                    self.out.drop(placed.packet.track(), Why::Late);
                }
                is_kept
            });
        }
        let first = waiting.iter().map(|placed| placed.at).min().unwrap_or(last);
        let formats = std::mem::take(&mut self.found);
        let init = self.announce(&formats);
        let rate = formats.audio.as_ref().map(|audio| audio.rate);
        let mut cutter = Cutter::new(&self.settings, init, rate, formats.video.is_some(), first.max(self.out.end));
        if self.out.segment > 0 || self.out.sequence > 0 {
            cutter.discontinue();
        }
        self.run = Some(Run { formats, last: [first; 2], cutter });
        self.expected = has;
        self.fresh = false;
        waiting.into_iter().for_each(|placed| self.run(placed));
    }

    /// Tells of an initialization segment, unless the last one says the same.
    fn announce(&mut self, formats: &Found) -> u32 {
        let Found { video, audio } = formats;
        if let Some(init) = self.init.as_ref().filter(|init| (&init.video, &init.audio) == (video, audio)) {
            return init.number;
        }
        let number = self.next_init;
        self.next_init = number.wrapping_add(1);
        let data = write::init(video.as_ref(), audio.as_ref());
        let init = Init { number, video: video.clone(), audio: audio.clone(), data };
        self.out.events.push_back(Event::Init(init.clone()));
        self.init = Some(init);
        number
    }

    /// Within a run.
    fn run(&mut self, placed: Placed) {
        let Some(run) = &mut self.run else { return self.wait(placed) };
        let Placed { packet, at, .. } = &placed;
        match packet.codec {
            Codec::Video(codec) if packet.role == Role::Key => {
                let Some(format) = self.formats.video(codec, &packet.data) else {
                    self.needs_key = true;
                    return self.out.drop(Track::Video, Why::NoFormat);
                };
                let audio_left = run.formats.audio.is_some() && at - run.last[1] > VANISHED;
                if run.formats.video.as_ref() != Some(format) || audio_left {
                    self.expected = [true, run.formats.audio.is_some() && !audio_left];
                    self.close(Some(*at));
                    return self.wait(placed);
                }
                self.needs_key = false;
            }
            Codec::Video(codec) => {
                if self.needs_key || run.formats.video.as_ref().is_none_or(|video| video.codec != codec) {
                    return self.out.drop(Track::Video, Why::NoKeyframe);
                }
            }
            Codec::Audio(codec) => {
                let Some(format) = self.formats.audio(codec, &packet.data) else {
                    return self.out.drop(Track::Audio, Why::NoFormat);
                };
                let video_left = run.formats.video.is_some() && at - run.last[0] > VANISHED;
                if run.formats.audio.as_ref() != Some(format) || video_left {
                    self.expected = [run.formats.video.is_some() && !video_left, true];
                    self.needs_key |= video_left;
                    self.close(None);
                    return self.wait(placed);
                }
            }
        }
        self.cut(placed);
    }

    fn cut(&mut self, placed: Placed) {
        let Some(run) = &mut self.run else { return };
        let Placed { packet, at, .. } = placed;
        match (&run.formats.video, &run.formats.audio, packet.track()) {
            (Some(format), _, Track::Video) => {
                run.last[0] = at;
                let offset = packet.pts.nanos().saturating_sub(packet.dts.nanos());
                let data = codec::video_sample(format, &packet.data);
                run.cutter.video(at, offset, packet.role == Role::Key, data, &mut self.out);
            }
            (_, Some(format), Track::Audio) => {
                run.last[1] = at;
                let ticks = self.formats.audio_ticks(format, &packet.data);
                run.cutter.audio(at, ticks, packet.data, &mut self.out);
            }
            _ => {}
        }
        self.timeline.reach(self.out.end);
    }

    fn close(&mut self, end: Option<i64>) {
        if let Some(run) = self.run.take() {
            run.cutter.close(end, &mut self.out);
            self.timeline.reach(self.out.end);
        }
        self.out.tell_dropped();
    }
}

/// Which tracks a stream is expected to have.
fn expected(settings: &Settings) -> [bool; 2] {
    match settings.tracks {
        Tracks::Both => [true, true],
        Tracks::Only(track) => [track == Track::Video, track == Track::Audio],
    }
}
