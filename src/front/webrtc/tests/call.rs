//! What other servers answer to our offers.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Instant,
};

use proptest::prelude::*;
use tokio::net::UdpSocket;

use super::{
    super::{
        CallError, Port,
        peer::{Made, Maker, Role},
    },
    talk::maker,
};
use crate::front::{
    metrics::Counters,
    net::address::{AddressPolicy, Connector},
};

const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)), 40_000);

/// An offer of ours answered by a server of ours, changed by `change` on its way.
fn answered(role: Role, change: impl Fn(&str) -> String, admits: fn(IpAddr) -> bool) -> Result<Made, CallError> {
    let offering = Maker::new(&[], &[]).offer(role, LOCAL, Instant::now());
    let theirs = if role == Role::Pull { Role::Watch } else { Role::Publish };
    let made = maker().answer(theirs, &offering.offer, Instant::now()).expect("our offer can be answered");
    offering.accept(&change(&made.answer), admits)
}

fn without(heads: &'static [&'static str]) -> impl Fn(&str) -> String {
    move |answer| {
        let kept = answer.lines().filter(|line| !heads.iter().any(|head| line.starts_with(head)));
        kept.map(|line| format!("{line}\r\n")).collect()
    }
}

#[test]
fn sound_and_picture_are_agreed_on_both_ways() {
    for role in [Role::Pull, Role::Push] {
        let made = answered(role, str::to_owned, |_| true).expect("our own answer is good");
        assert!(made.sections.audio.is_some() && made.sections.video.is_some(), "{role:?}");
    }
}

#[test]
fn media_go_only_where_they_may() {
    let refused = answered(Role::Pull, str::to_owned, |_| false).expect_err("it leads to 203.0.113.1 alone");
    assert!(refused.to_string().contains("--allow-address 203.0.113.1"), "{refused}");
    let nowhere = answered(Role::Push, without(&["a=candidate:"]), |_| true).expect_err("no address");
    assert!(matches!(nowhere, CallError::NoCandidate), "{nowhere}");
    let two =
        |answer: &str| answer.replacen("a=candidate:", "a=candidate:9 1 udp 1 10.0.0.1 53 typ host\r\na=candidate:", 1);
    answered(Role::Pull, two, |address| address != IpAddr::from([10, 0, 0, 1])).expect("the other one is used");
}

#[test]
fn an_answer_that_cannot_be_used_is_told() {
    for heads in [&["a=fingerprint:"][..], &["a=ice-"], &["m=audio", "m=video"], &["a=setup:", "v="]] {
        answered(Role::Pull, without(heads), |_| true).expect_err("a part is missing");
    }
    let rejected = |answer: &str| answer.replace("a=sendonly", "a=inactive").replace("a=recvonly", "a=inactive");
    let silent = answered(Role::Pull, rejected, |_| true).expect_err("it sends nothing");
    assert!(matches!(silent, CallError::NoMedia(_)), "{silent}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever becomes of an answer on its way, it is taken or refused.
    #[test]
    fn no_answer_brings_us_down(edits in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 1..6)) {
        let change = |answer: &str| {
            let mut lines: Vec<String> = answer.lines().map(str::to_owned).collect();
            for (at, edit, byte) in &edits {
                let at = at.index(lines.len());
                match edit {
                    0 if lines.len() > 1 => _ = lines.remove(at),
                    1 => lines.insert(at, lines[at].clone()),
                    2 => {
                        let end = lines[at].len() * usize::from(*byte) / 256;
                        lines[at].truncate(end);
                    }
                    _ => lines[at].push(char::from(*byte)),
                }
            }
            lines.iter().flat_map(|line| [line, "\r\n"]).collect()
        };
        for role in [Role::Pull, Role::Push] {
            let _ = answered(role, change, |_| true);
        }
    }
}

#[tokio::test]
async fn only_who_may_be_reached_is_heard() {
    let policy = AddressPolicy::new(vec!["127.0.0.1/32".parse().expect("a net")]);
    let here = Ipv4Addr::LOCALHOST.into();
    let lease = Port::alone(here, Role::Pull.datagrams(), Connector::new(policy), Counters::default()).await;
    let mut lease = lease.expect("a socket");
    let port = lease.port().clone();
    let to = port.addresses()[0];
    for from in ["127.0.0.2:0", "127.0.0.1:0"] {
        let socket = UdpSocket::bind(from).await.expect("loopback");
        socket.send_to(from.as_bytes(), to).await.expect("sent");
    }
    tokio::select! {
        heard = lease.next() => assert_eq!(&heard.expect("open").bytes[..], b"127.0.0.1:0"),
        never = port.read() => match never {},
    }
}
