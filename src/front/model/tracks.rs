//! Track status: whether the picture and the sound of one connection are used, or left out and why.

use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

use crate::media::{Codec, Packet, Role, Track};

/// A track with packets within this time is in use; what its door leaves out meanwhile is an additional part.
const FRESH: Duration = Duration::from_secs(2);

/// Most reasons of one connection that are sent as events; the status has the present state in any case.
const MAX_TOLD: usize = 8;

/// One track of a participant's media.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TrackStatus {
    /// Nothing of it came.
    #[default]
    Absent,
    /// It is shown or heard where the layout and the mix have it.
    Usable {
        /// The codec: `h264`, `aac`.
        codec: String,
        /// A part that came beside it and is left out, and what to do: a second track, another codec in between.
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<String>,
    },
    /// It is left out; the other track goes on.
    Unusable {
        /// The reason, and what to do.
        reason: String,
    },
}

/// The state of one track.
#[derive(Debug, Default)]
enum State {
    #[default]
    Absent,
    Usable {
        codec: Codec,
        /// When its last packet came.
        at: Instant,
        left_out: Option<String>,
    },
    /// The door cannot use it.
    LeftOut(String),
    /// It comes, and the worker cannot decode it.
    Undecodable { codec: Codec, reason: String },
}

/// Both tracks of a connection. PURE.
#[derive(Debug, Default)]
pub(in crate::front) struct Tracks {
    video: State,
    audio: State,
    told: Vec<String>,
}

impl Tracks {
    fn of(&mut self, track: Track) -> &mut State {
        match track {
            Track::Video => &mut self.video,
            Track::Audio => &mut self.audio,
        }
    }

    /// Takes in a packet.
    pub(in crate::front) fn arrived(&mut self, packet: &Packet, now: Instant) {
        if packet.role == Role::Config {
            return;
        }
        let state = self.of(packet.track());
        match state {
            State::Usable { codec, at, .. } => (*codec, *at) = (packet.codec, now),
            // While the codec is the same, the decoder's report stands.
            State::Undecodable { codec, .. } if *codec == packet.codec => {}
            _ => *state = State::Usable { codec: packet.codec, at: now, left_out: None },
        }
    }

    /// The door leaves a part of a track out; true when that is new.
    pub(in crate::front) fn left_out(&mut self, track: Track, reason: String, now: Instant) -> bool {
        match self.of(track) {
            State::Usable { at, left_out, .. } if now.saturating_duration_since(*at) < FRESH => {
                *left_out = Some(reason.clone());
            }
            state => *state = State::LeftOut(reason.clone()),
        }
        self.is_news(reason)
    }

    /// The worker's report on a track's decoder, `None` for no trouble; true when there is new trouble.
    pub(in crate::front) fn decoder(&mut self, track: Track, trouble: Option<&str>, now: Instant) -> bool {
        let state = self.of(track);
        match (&*state, trouble) {
            (State::Undecodable { reason, .. }, Some(same)) if reason == same => false,
            (State::Usable { codec, .. } | State::Undecodable { codec, .. }, Some(reason)) => {
                *state = State::Undecodable { codec: *codec, reason: reason.to_owned() };
                self.is_news(reason.to_owned())
            }
            (State::Undecodable { codec, .. }, None) => {
                *state = State::Usable { codec: *codec, at: now, left_out: None };
                false
            }
            _ => false,
        }
    }

    fn is_news(&mut self, reason: String) -> bool {
        let news = !self.told.contains(&reason) && self.told.len() < MAX_TOLD;
        if news {
            self.told.push(reason);
        }
        news
    }

    /// False while nothing that came can be used.
    pub(in crate::front) fn are_usable(&self) -> bool {
        [&self.video, &self.audio].iter().any(|state| matches!(state, State::Usable { .. }))
    }

    /// Why tracks cannot be used, if any cannot.
    pub(in crate::front) fn trouble(&self) -> Option<String> {
        let reasons: Vec<&str> = [&self.video, &self.audio]
            .into_iter()
            .filter_map(|state| match state {
                State::LeftOut(reason) | State::Undecodable { reason, .. } => Some(reason.as_str()),
                State::Absent | State::Usable { .. } => None,
            })
            .collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// Status of picture and sound, as REST returns it.
    pub(in crate::front) fn status(&self) -> (TrackStatus, TrackStatus) {
        let status = |state: &State| match state {
            State::Absent => TrackStatus::Absent,
            State::Usable { codec, left_out, .. } => {
                TrackStatus::Usable { codec: name(*codec), left_out: left_out.clone() }
            }
            State::LeftOut(reason) | State::Undecodable { reason, .. } => {
                TrackStatus::Unusable { reason: reason.clone() }
            }
        };
        (status(&self.video), status(&self.audio))
    }
}

fn name(codec: Codec) -> String {
    let name = match codec {
        Codec::Video(codec) => format!("{codec:?}"),
        Codec::Audio(codec) => format!("{codec:?}"),
    };
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::media::{AudioCodec, Timestamp, VideoCodec};

    const SECOND: Duration = Duration::from_secs(1);

    fn packet(codec: Codec) -> Packet {
        let (pts, dts) = (Timestamp::ZERO, Timestamp::ZERO);
        Packet { codec, role: Role::Key, pts, dts, data: Bytes::from_static(b"coded") }
    }

    fn usable(codec: &str, left_out: Option<&str>) -> TrackStatus {
        TrackStatus::Usable { codec: codec.to_owned(), left_out: left_out.map(str::to_owned) }
    }

    fn unusable(reason: &str) -> TrackStatus {
        TrackStatus::Unusable { reason: reason.to_owned() }
    }

    #[test]
    fn a_track_that_is_left_out_is_told_once_and_the_other_is_used() {
        let (mut tracks, now) = (Tracks::default(), Instant::now());
        assert!(tracks.left_out(Track::Audio, "Speex".to_owned(), now));
        assert!(!tracks.left_out(Track::Audio, "Speex".to_owned(), now + 2 * SECOND), "it goes on");
        assert!(!tracks.are_usable());
        tracks.arrived(&packet(Codec::Video(VideoCodec::H264)), now);
        assert!(tracks.are_usable());
        assert_eq!(tracks.status(), (usable("h264", None), unusable("Speex")));
        assert_eq!(tracks.trouble().as_deref(), Some("Speex"));
    }

    #[test]
    fn what_comes_beside_a_used_track_does_not_end_it_and_what_follows_it_does() {
        let (mut tracks, now) = (Tracks::default(), Instant::now());
        tracks.arrived(&packet(Codec::Audio(AudioCodec::Aac)), now);
        assert!(tracks.left_out(Track::Audio, "a second".to_owned(), now + SECOND));
        assert_eq!(tracks.status().1, usable("aac", Some("a second")));
        assert_eq!(tracks.trouble(), None);
        tracks.left_out(Track::Audio, "Speex".to_owned(), now + 3 * SECOND);
        assert_eq!(tracks.status().1, unusable("Speex"));
        tracks.arrived(&packet(Codec::Audio(AudioCodec::Opus)), now + 4 * SECOND);
        assert_eq!(tracks.status().1, usable("opus", None));
    }

    #[test]
    fn a_track_that_no_decoder_takes_is_not_used_until_one_does() {
        let (mut tracks, now) = (Tracks::default(), Instant::now());
        assert!(!tracks.decoder(Track::Video, Some("no header"), now), "nothing came");
        tracks.arrived(&packet(Codec::Video(VideoCodec::H264)), now);
        assert!(tracks.decoder(Track::Video, Some("no header"), now));
        tracks.arrived(&packet(Codec::Video(VideoCodec::H264)), now);
        assert_eq!((tracks.status().0, tracks.are_usable()), (unusable("no header"), false));
        assert!(!tracks.decoder(Track::Video, None, now));
        assert_eq!(tracks.status().0, usable("h264", None));
    }
}
