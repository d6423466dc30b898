//! A meeting through the path of a service: encoded, then the worker's own decoder, clock, mixer and VAD, then the
//! floor.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tilecast::{
    base::ParticipantId,
    link::{Feed, Report, message::Participant},
    media::{Heard, Packet, Role, Timestamp, Track},
    speaker::{Floor, Rules, Why},
    worker::{
        playout::Playout,
        sound::{BLOCK, LAG, RATE, mixer::Mixer},
    },
};
use tilecast_lab::flv;

use super::{
    meeting::{Meeting, SPEAKERS},
    synth::cache,
};

/// What a packet's way takes, ms.
const JOURNEY_MS: i64 = 30;

/// The floor went to somebody.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// When the room knew it, ms after the sound was made.
    pub at: u32,
    /// Index into [`SPEAKERS`].
    pub who: usize,
    pub why: Why,
}

/// What the worker reports of a meeting: room time in ms, and what was heard of each.
pub type Reports = Vec<(u32, Vec<(ParticipantId, Heard)>)>;

/// The meeting's sound as packets that a publisher sends.
fn encoded(track: &[f32]) -> Vec<Packet> {
    let raw: Vec<u8> = track.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let file = cache("flv", &raw, |draft| encode(&raw, draft));
    flv::packets(Bytes::from(fs::read(file).expect("cached"))).expect("an FLV file")
}

fn encode(raw: &[u8], file: &Path) {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "f32le", "-ar", "48000", "-ac", "1", "-i", "pipe:0"]);
    ffmpeg.args(["-c:a", "aac", "-aac_coder", "fast", "-b:a", "96k", "-f", "flv"]).arg(file).stdin(Stdio::piped());
    let mut encoder = ffmpeg.spawn().expect("ffmpeg is installed");
    let mut pipe = encoder.stdin.take().expect("piped");
    std::io::Write::write_all(&mut pipe, raw).expect("ffmpeg reads");
    drop(pipe);
    assert!(encoder.wait().expect("ends").success(), "ffmpeg could not encode");
}

/// What the worker hears.
pub fn reports(meeting: &Meeting) -> Reports {
    let feeds = meeting.tracks.iter().map(|track| encoded(track).into_iter().peekable());
    let mut feeds: Vec<_> = feeds.map(|packets| (Arc::<Mutex<Playout>>::default(), packets)).collect();
    let mut mixer = Mixer::new();
    let participant = |(feed, speaker): (usize, &super::meeting::Speaker)| Participant {
        id: speaker.id.parse().expect("an id"),
        name: String::new(),
        feed: Some(Feed(feed as u32)),
        gain_db: 0.0,
        muted: false,
    };
    mixer.participants(SPEAKERS.iter().enumerate().map(participant).collect());
    let mut reports = Vec::new();
    let blocks = i64::from(meeting.length_ms) / 10;
    for block in 0..blocks {
        let at = Timestamp::from_units(block * BLOCK as i64, RATE);
        let now = at + LAG;
        for (feed, (playout, packets)) in feeds.iter_mut().enumerate() {
            while let Some(packet) = packets.next_if(|packet| packet.pts.millis() + JOURNEY_MS <= now.millis()) {
                if packet.role != Role::Config {
                    let arrival = Timestamp::from_millis(packet.pts.millis() + JOURNEY_MS);
                    playout.lock().expect("whole").arrived(Track::Audio, packet.pts, arrival);
                }
                let fault = mixer.packet(Feed(feed as u32), false, packet, playout);
                assert!(fault.is_none(), "{fault:?}");
            }
        }
        if let (_, Some(Report::Levels { participants, .. })) = mixer.block(at) {
            reports.push((u32::try_from(now.millis()).expect("a meeting's length"), participants));
        }
    }
    reports
}

/// Who gets the floor for what was heard.
pub fn floor(reports: &Reports, rules: Rules) -> Vec<Taken> {
    let mut floor = Floor::new(rules);
    let switches = reports.iter().filter_map(|(at, heard)| {
        let switch = floor.hear(Duration::from_millis((*at).into()), heard)?;
        let id = switch.participant.expect("nobody gives it back");
        let who = SPEAKERS.iter().position(|speaker| speaker.id == id.as_str()).expect("one of them");
        Some(Taken { at: *at, who, why: switch.why })
    });
    switches.collect()
}
