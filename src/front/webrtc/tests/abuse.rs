//! Offers and peers that mean harm or are broken.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use str0m::media::{Direction, MediaKind};

use super::{
    super::{End, Error, peer::Role, session::Session},
    talk::{Talk, maker, offer},
};

fn honest(direction: Direction) -> String {
    let offered = offer(Instant::now(), |change| {
        let mut add = |kind| change.add_media(kind, direction, None, None, None);
        vec![add(MediaKind::Audio), add(MediaKind::Video)]
    });
    offered.offer.to_sdp_string()
}

#[test]
fn offers_that_are_of_no_use_are_told_why() {
    let now = Instant::now();
    let maker = maker();
    let sends = honest(Direction::SendOnly);
    assert!(maker.answer(Role::Publish, &sends, now).is_ok());
    for (role, offer) in [
        (Role::Publish, honest(Direction::RecvOnly)),
        (Role::Watch, sends.clone()),
        (
            Role::Publish,
            sends
                .replace("opus", "speex")
                .replace("PCMU", "X")
                .replace("PCMA", "X")
                .replace("H264", "H261")
                .replace("VP8", "X")
                .replace("VP9", "X")
                .replace("AV1", "X"),
        ),
    ] {
        let refused = maker.answer(role, &offer, now);
        assert!(matches!(refused, Err(Error::NoMedia(_))), "{role:?} {refused:?}");
    }
    for offer in [
        String::new(),
        "hello".to_owned(),
        "v=0\r\n".to_owned(),
        sends.replace("a=ice-ufrag", "a=x"),
        sends.replace("a=fingerprint", "a=x"),
        format!("{sends}{}", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(17)),
        sends[..sends.len() / 2].to_owned(),
    ] {
        let refused = maker.answer(Role::Publish, &offer, now).expect_err("refused").to_string();
        assert!(!refused.contains("0x") && !refused.contains('\n'), "an address in our memory: {refused}");
    }
}

#[test]
fn another_fingerprint_ends_the_session() {
    let now = Instant::now();
    let mut offered =
        offer(now, |change| vec![change.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None)]);
    let text = offered.offer.to_sdp_string();
    let line = text.lines().find(|line| line.starts_with("a=fingerprint")).expect("a fingerprint");
    let mut forged = line.to_owned();
    let last = if forged.pop() == Some('0') { '1' } else { '0' };
    forged.push(last);
    offered.offer = str0m::change::SdpOffer::from_sdp_string(&text.replace(line, &forged)).expect("reads");
    let (mut talk, _) = Talk::begin(Role::Publish, offered, now);
    talk.pass(Duration::from_secs(5));
    assert!(talk.connected.is_none());
    assert!(matches!(talk.end, Some(End::Broken(_))), "{:?}", talk.end);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_broken_offer_panics_nowhere(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..12),
    ) {
        let mut offer = honest(Direction::SendOnly).into_bytes();
        for (at, byte, kind) in edits {
            let at = at.index(offer.len());
            match kind {
                0 => offer[at] = byte,
                1 => _ = offer.remove(at),
                _ => offer.insert(at, byte),
            }
        }
        let now = Instant::now();
        let offer = String::from_utf8_lossy(&offer).into_owned();
        if let Ok(made) = maker().answer(Role::Publish, &offer, now) {
            let mut session = Session::new(Role::Publish, made, &offer, now);
            let _ = session.poll(now);
            let _ = session.restart("abcdefgh", "abcdefghijklmnopqrstuvwx");
            let _ = session.poll(now);
        }
    }

    #[test]
    fn noise_at_a_session_is_ignored(bytes in proptest::collection::vec(any::<u8>(), 0..1500)) {
        let now = Instant::now();
        let offer = honest(Direction::SendOnly);
        let made = maker().answer(Role::Publish, &offer, now).expect("an answer");
        let mut session = Session::new(Role::Publish, made, &offer, now);
        for first in [bytes.first().copied().unwrap_or(0), 0, 22, 128] {
            let mut noise = bytes.clone();
            if let Some(byte) = noise.first_mut() {
                *byte = first;
            }
            let _ = session.receive(str0m::net::Protocol::Udp, super::talk::THEIRS.into(), super::talk::OURS.into(), &noise, now);
            for _ in 0..8 {
                if !matches!(session.poll(now), Ok(super::super::session::Output::Send(_))) {
                    break;
                }
            }
        }
    }
}
