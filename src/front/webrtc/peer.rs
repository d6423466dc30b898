//! The one place that makes an [`Rtc`]: what each role needs of codecs, buffers, candidates and direction.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use str0m::{
    Candidate, Rtc, RtcConfig,
    change::{SdpAnswer, SdpOffer, SdpPendingOffer},
    config::DtlsCert,
    crypto::CryptoProvider,
    media::{Direction, MediaKind, Mid},
    net::{Protocol, TcpType},
};

use super::{
    CallError, Error,
    bucket::Bucket,
    color,
    fragment::MAX_CANDIDATES,
    offer::{self, Offer},
};

/// Packets of one frame that may be held back until it is whole. A keyframe of 1080p at 8 Mbit/s is some 300 packets.
const LONGEST_FRAME: usize = 512;

/// Sound packets held back for one that is late: 60 ms, which a retransmission rarely beats and a listener hardly hears.
const LONGEST_SOUND_GAP: usize = 3;

/// As long as sound may wait at all; the worker conceals what is missing.
const SOUND_PATIENCE: Duration = Duration::from_millis(60);

/// How often whoever takes the program is told what time each track's samples are of (RFC 3550 §6.4.1). SRS gives nothing on
/// before it has two such reports of media, and browsers match lips by them; the first is from before any media. The usual 5 s
/// for sound would be ten of silence.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// How often round trips are measured: each report of a browser brings a new one, about once a second.
const MEASURE_EVERY: Duration = Duration::from_secs(1);

/// Packets of the picture kept to send again, and how long: 2 s of 6 Mbit/s. Receivers ask for a keyframe before that.
const KEPT: (usize, Duration) = (1500, Duration::from_secs(2));

/// Most of what goes out that may be sent again, so that a client that asks for everything all the time gets thrice the program
/// at most. A smaller share would fail thin programs: of 60 kbit/s two lost packets of a keyframe are a third of a second's worth.
const SENT_AGAIN: f32 = 2.0 / 3.0;

/// Which way media go, and who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A client publishes to us (WHIP).
    Publish,
    /// A client watches the program (WHEP).
    Watch,
    /// We are the client and fetch a participant from another server (WHEP).
    Pull,
    /// We are the client and bring the program to another server (WHIP).
    Push,
}

impl Role {
    /// For log lines and counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Watch => "watch",
            Self::Pull => "pull",
            Self::Push => "push",
        }
    }

    /// What a peer may send us, in datagrams. One that brings media: 70 Mbit/s, far above what any sends, and what one core does
    /// not notice. One that takes them: reports, checks and questions for a program of any rate.
    pub fn datagrams(self) -> Bucket {
        if self.is_incoming() { Bucket::new(8000, 8000) } else { Bucket::new(500, 1000) }
    }

    /// Media come to us.
    pub fn is_incoming(self) -> bool {
        matches!(self, Self::Publish | Self::Pull)
    }

    /// We asked for the session.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Pull | Self::Push)
    }
}

/// The media sections in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sections {
    /// Of the sound.
    pub audio: Option<Mid>,
    /// Of the picture.
    pub video: Option<Mid>,
}

/// A peer made ready.
pub struct Made {
    /// Answered, drained, and waiting for the client's first packet.
    pub rtc: Rtc,
    /// The answer.
    pub answer: String,
    /// What it agrees on.
    pub sections: Sections,
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("sections", &self.sections).finish_non_exhaustive()
    }
}

/// Makes peers, all with one certificate and the same candidates.
#[derive(Debug)]
pub struct Maker {
    cert: DtlsCert,
    crypto: Arc<CryptoProvider>,
    candidates: Vec<Candidate>,
}

impl Maker {
    /// Peers are reached at `udp` and `tcp`, which browsers must be able to reach; addresses that no candidate can have, such
    /// as multicast, are left out.
    pub fn new(udp: &[SocketAddr], tcp: &[SocketAddr]) -> Self {
        let crypto = Arc::new(str0m::crypto::from_feature_flags());
        // The provider is compiled in and draws a key from the system's randomness.
        let cert = crypto.dtls_provider.generate_certificate().expect("the crypto provider makes certificates");
        let datagrams = udp.iter().filter_map(|address| Candidate::host(*address, "udp").ok());
        let streams = tcp
            .iter()
            .filter_map(|address| Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive).build().ok());
        Self { cert, crypto, candidates: datagrams.chain(streams).collect() }
    }

    /// What coturn's shared-secret scheme and ICE sign with.
    pub fn hmac(&self, key: &[u8], text: &[u8]) -> [u8; 20] {
        self.crypto.sha1_hmac_provider.sha1_hmac(key, &[text])
    }

    /// A peer that answers `offer`.
    pub fn answer(&self, role: Role, offer: &str, now: Instant) -> Result<Made, Error> {
        let offer = Offer::read(offer)?;
        let mut rtc = self.config(role).set_ice_lite(true).build(now);
        for candidate in &self.candidates {
            rtc.add_local_candidate(candidate.clone());
        }
        let answer = Self::answer_again(&mut rtc, &offer)?;
        let sections = sections(&rtc, role, &answer);
        let sections = sections.ok_or(Error::NoMedia(match role {
            Role::Publish | Role::Pull => {
                "the offer sends neither sound as Opus or G.711 nor a picture as H.264, VP8, VP9 or AV1; offer sendonly media"
            }
            Role::Watch | Role::Push => {
                "the offer receives neither H.264 nor Opus, which the program is made of; offer recvonly media"
            }
        }))?;
        keep(&mut rtc, role, sections);
        Ok(Made { rtc, answer, sections })
    }

    /// A peer that offers sound and picture to another server, which can send back to `local`.
    pub fn offer(&self, role: Role, local: SocketAddr, now: Instant) -> Offering {
        let mut rtc = self.config(role).build(now);
        if let Ok(candidate) = Candidate::host(local, "udp") {
            rtc.add_local_candidate(candidate);
        }
        let direction = if role.is_incoming() { Direction::RecvOnly } else { Direction::SendOnly };
        let mut change = rtc.sdp_api();
        // Both of one stream, which receivers take as: keep them in time.
        let stream = (!role.is_incoming()).then(|| "program".to_owned());
        change.add_media(MediaKind::Audio, direction, stream.clone(), None, None);
        change.add_media(MediaKind::Video, direction, stream, None, None);
        let (offer, pending) = change.apply().expect("two sections are a change");
        // There are no more candidates, so nobody is to wait for them (RFC 8840 §8.2).
        let complete = |line: &str| match line.starts_with("a=candidate:") {
            true => format!("{line}\r\na=end-of-candidates\r\n"),
            false => format!("{line}\r\n"),
        };
        let offer: String = offer.to_sdp_string().lines().map(complete).collect();
        let offer = color::for_client(&offer);
        Offering { rtc, role, pending, offer }
    }

    /// Answers an offer; a changed one of the same client, with new ICE credentials, has ICE start over.
    pub fn answer_again(rtc: &mut Rtc, offer: &Offer) -> Result<String, Error> {
        let malformed = |error: &dyn fmt::Display| Error::Malformed(error.to_string());
        let seen = SdpOffer::from_sdp_string(&offer.text).map_err(|error| malformed(&error))?;
        let answer = rtc.sdp_api().accept_offer(seen).map_err(|error| malformed(&error))?;
        Ok(offer.answered(&answer.to_sdp_string()))
    }

    fn config(&self, role: Role) -> RtcConfig {
        let config = RtcConfig::new()
            .set_crypto_provider(self.crypto.clone())
            .set_dtls_cert(self.cert.clone())
            .clear_codecs()
            .enable_opus(true, false)
            .enable_h264(true);
        if role.is_incoming() {
            config
                // After Opus, which is better: what stands first is what most senders take.
                .enable_pcmu(true, false)
                .enable_pcma(true, false)
                .enable_vp8(true)
                .enable_vp9(true)
                .enable_av1(true)
                .set_reordering_size_video(LONGEST_FRAME)
                .set_reordering_size_audio(LONGEST_SOUND_GAP)
                .set_reordering_timeout_audio(Some(SOUND_PATIENCE))
                .set_stats_interval(Some(MEASURE_EVERY))
                .set_extension(color::ID, color::extension())
        } else {
            // The program is made of these two, whatever else a client could take.
            config.set_rtcp_report_interval_audio(REPORT_EVERY).set_rtcp_report_interval_video(REPORT_EVERY)
        }
    }
}

/// A peer that waits for the answer to its offer.
pub struct Offering {
    rtc: Rtc,
    role: Role,
    pending: SdpPendingOffer,
    /// Our offer.
    pub offer: String,
}

impl fmt::Debug for Offering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offering").field("role", &self.role).finish_non_exhaustive()
    }
}

impl Offering {
    /// Takes the server's answer. Of the addresses in it those are used that `admits`; no others are ever sent to.
    pub fn accept(mut self, answer: &str, admits: impl Fn(IpAddr) -> bool) -> Result<Made, CallError> {
        let (candidates, rest): (Vec<&str>, Vec<&str>) =
            answer.lines().map(str::trim_end).partition(|line| line.starts_with("a=candidate:"));
        let rest: String = rest.iter().flat_map(|line| [line, "\r\n"]).collect();
        let rest = color::for_stack(&rest);
        // Our offer has two.
        if offer::sections(&rest) > 2 {
            return Err(CallError::NotSdp("it has more media sections than the offer".to_owned()));
        }
        let parsed = SdpAnswer::from_sdp_string(&rest).map_err(|error| CallError::NotSdp(error.to_string()))?;
        let accepted = self.rtc.sdp_api().accept_answer(self.pending, parsed);
        accepted.map_err(|error| CallError::NotSdp(error.to_string()))?;
        let mut used = 0;
        let mut refused = None;
        // Names instead of addresses (mDNS, RFC 8828) and TCP do not read as what can be used here.
        for candidate in candidates.iter().take(MAX_CANDIDATES).filter_map(|line| line.strip_prefix("a=")) {
            let Ok(candidate) = Candidate::from_sdp_string(candidate) else { continue };
            let ip = candidate.addr().ip();
            if candidate.proto() != Protocol::Udp {
                continue;
            } else if admits(ip) {
                self.rtc.add_remote_candidate(candidate);
                used += 1;
            } else {
                refused.get_or_insert(ip);
            }
        }
        match (used, refused) {
            (0, Some(address)) => return Err(CallError::NotAllowed(address)),
            (0, None) => return Err(CallError::NoCandidate),
            _ => {}
        }
        let sections = sections(&self.rtc, self.role, &rest);
        let sections = sections.ok_or(CallError::NoMedia(match self.role {
            Role::Publish | Role::Pull => {
                "the server's answer sends neither sound as Opus or G.711 nor a picture as H.264, VP8, VP9 or AV1"
            }
            Role::Watch | Role::Push => {
                "the server's answer takes neither H.264 nor Opus, which the program is made of"
            }
        }))?;
        keep(&mut self.rtc, self.role, sections);
        Ok(Made { rtc: self.rtc, answer: rest, sections })
    }
}

/// Has what goes out kept for clients that miss some of it.
fn keep(rtc: &mut Rtc, role: Role, sections: Sections) {
    if let Some(video) = sections.video.filter(|_| !role.is_incoming())
        && let Some(stream) = rtc.direct_api().stream_tx_by_mid(video, None)
    {
        stream.set_rtx_cache(KEPT.0, KEPT.1, Some(SENT_AGAIN));
    }
}

/// The first section of each kind that goes the role's way and has a codec in common; none when there is none of either.
fn sections(rtc: &Rtc, role: Role, answer: &str) -> Option<Sections> {
    let mut found = Sections::default();
    for mid in answer.lines().filter_map(|line| line.strip_prefix("a=mid:")).map(|mid| Mid::from(mid.trim())) {
        // Data channels are sections too, but no media.
        let Some(media) = rtc.media(mid) else { continue };
        let slot = match media.kind() {
            MediaKind::Audio => &mut found.audio,
            MediaKind::Video => &mut found.video,
        };
        let direction = media.direction();
        let ours = if role.is_incoming() { direction.is_receiving() } else { direction.is_sending() };
        if slot.is_none() && ours && !media.disabled() && !media.remote_pts().is_empty() {
            *slot = Some(mid);
        }
    }
    (found != Sections::default()).then_some(found)
}
