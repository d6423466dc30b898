//! RTMP client, outputs and pulls against a real nginx-rtmp, over TLS, and against servers that fail.

use std::{sync::Arc, time::Duration};

use crate::common::{
    media::{H264, PICTURE, SOUND, assert_rising, clip, coded},
    process::{LIMIT, ffprobe, start},
    relay::Relay,
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tilecast::{
    front::{
        model::status::{OutputState, OutputStatus},
        net::address::{AddressPolicy, ConnectError, Connector, RtmpUrl, Stream},
        outputs::{self, Target},
        rtmp::{self, Error, Limits, Publisher, Request, client},
    },
    media::{Packet, Role, Timestamp, Track, fanout::Fanout},
};
use tilecast_lab::relay::Relay as Nginx;
use tokio::{net::TcpListener, sync::watch, time::timeout};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};
use tokio_util::sync::CancellationToken;

fn url(text: &str) -> RtmpUrl {
    RtmpUrl::parse(text).expect("an address")
}

fn loopback() -> AddressPolicy {
    AddressPolicy::new(vec!["127.0.0.0/8".parse().expect("a net")])
}

fn connector() -> Connector {
    Connector::new(loopback())
}

/// Pushes a clip over and over at its own pace, its time going on, until dropped.
async fn program(clip: &[Packet], onto: &Fanout) {
    let begin = tokio::time::Instant::now();
    let length = Duration::from_secs(2);
    for round in 0u32.. {
        for packet in clip {
            let mut packet = packet.clone();
            packet.dts = packet.dts + length * round;
            packet.pts = packet.pts + length * round;
            tokio::time::sleep_until(begin + packet.dts.since(Timestamp::ZERO)).await;
            onto.push(&packet);
        }
    }
}

#[tokio::test]
async fn nginx_takes_a_publication_and_relays_it() {
    let nginx = Nginx::start().await.expect("nginx starts");
    let clip = clip("-bf 2 -t 2").await;
    let fanout = Fanout::new();
    let mut publication = client::publish(&url(&nginx.url("weekly?key=a")), &connector()).await.expect("published");
    let mut packets = fanout.subscribe();
    let line = format!("-read_intervals %+2 -show_entries stream=codec_name,width -i {}", nginx.url("weekly"));
    let mut streams = tokio::select! {
        streams = ffprobe(&line) => streams,
        () = program(&clip, &fanout) => unreachable!("it goes on for ever"),
        end = publication.carry(&mut packets) => panic!("nginx left: {end:?}"),
    };
    publication.finish().await;
    streams.sort_unstable();
    assert_eq!(streams, ["aac", "h264,320"]);
}

#[tokio::test]
async fn ffmpeg_takes_a_publication_when_it_listens() {
    let address = format!("rtmp://127.0.0.1:{}/live/weekly", tilecast_lab::process::free_port().expect("a port"));
    let clip = clip("-t 2").await;
    let fanout = Fanout::new();
    let mut packets = fanout.subscribe();
    let line = format!("-listen 1 -read_intervals %+2 -show_entries stream=codec_name,width -i {address}");
    let connector = connector();
    let publish = async {
        loop {
            // It listens when it has started.
            if let Ok(mut publication) = client::publish(&url(&address), &connector).await {
                // It leaves when it has seen enough, and then says what it saw.
                let _ = publication.carry(&mut packets).await;
                return std::future::pending::<()>().await;
            }
        }
    };
    let mut streams = tokio::select! {
        streams = ffprobe(&line) => streams,
        () = program(&clip, &fanout) => unreachable!("it goes on for ever"),
        () = publish => unreachable!("it is cut off"),
    };
    streams.sort_unstable();
    assert_eq!(streams, ["aac", "h264,320"]);
}

#[tokio::test]
async fn nginx_is_played_with_time_going_on() {
    let nginx = Nginx::start().await.expect("nginx starts");
    let line = format!("-loglevel error -re {PICTURE} {SOUND} {H264} -c:a aac -output_ts_offset 16775 -f flv");
    let _publisher = start("ffmpeg", &format!("{line} {}", nginx.url("cam1")));
    let mut playback = client::play(&url(&nginx.url("cam1")), &connector()).await.expect("played");
    let mut packets = Vec::new();
    while coded(&packets, Track::Video).len() < 100 {
        packets.push(timeout(LIMIT, playback.next()).await.expect("it flows").expect("it holds").expect("it goes on"));
    }
    playback.finish(None).await;
    let video = coded(&packets, Track::Video);
    assert_rising(&video);
    assert!(video.windows(2).all(|w| w[1].dts.since(w[0].dts).as_millis() == 40), "a step that is not a frame");
    assert!(video[99].dts > Timestamp::from_millis(0xff_ffff), "past 24 bits: {:?}", video[99].dts);
    let (config, media) = (
        packets.iter().position(|p| p.track() == Track::Video && p.role == Role::Config),
        packets.iter().position(|p| p.track() == Track::Video && p.role != Role::Config),
    );
    assert!(config < media);
}

#[tokio::test]
async fn a_server_that_refuses_is_quoted() {
    let nginx = Nginx::start().await.expect("nginx starts");
    let address = url(&nginx.url("weekly"));
    let first = client::publish(&address, &connector()).await.expect("published");
    match client::publish(&address, &connector()).await {
        Err(Error::Refused(reason)) => assert_eq!(reason, "Already publishing"),
        other => panic!("{other:?}"),
    }
    first.finish().await;
    let relay = Relay::start(None).await;
    let address = format!("rtmp://{}/in/weekly/denied", relay.address);
    match client::publish(&url(&address), &connector()).await {
        Err(Error::Refused(reason)) => assert_eq!(reason, crate::common::relay::REFUSAL),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn private_addresses_are_reached_only_when_listed() {
    let relay = Relay::start(None).await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let address = url(&format!("rtmp://{host}:{}/live/x", relay.address.port()));
        let refused = client::publish(&address, &Connector::new(AddressPolicy::default())).await;
        assert!(matches!(refused, Err(Error::Connect(ConnectError::NotAllowed { .. }))), "{host}: {refused:?}");
    }
    let connector = Connector::new(AddressPolicy::default());
    assert!(connector.check("rtmp://10.0.0.1/live/x").is_err());
    assert!(connector.check("http://example.com/live/x").is_err());
    assert!(connector.check("rtmp://example.com/live/x").is_ok());
}

/// A clip sent by our client and received by our door comes out as it went in.
async fn loop_back(packets: &[Packet], relay: &mut Relay, address: &RtmpUrl, connector: &Connector) -> Vec<Packet> {
    let mut publication = client::publish(address, connector).await.expect("published");
    for packet in packets {
        publication.send(packet).await.expect("it holds");
    }
    publication.finish().await;
    let published = relay.published().await;
    assert!(published.error.is_none(), "{:?}", published.error);
    published.packets
}

#[tokio::test]
async fn time_goes_on_past_32_bits_of_milliseconds() {
    let mut clip = clip("-bf 2 -t 2").await;
    let before_wrap = Duration::from_millis((1 << 32) - 1000);
    for packet in &mut clip {
        packet.dts = packet.dts + before_wrap;
        packet.pts = packet.pts + before_wrap;
    }
    let mut relay = Relay::start(None).await;
    let address = url(&format!("rtmp://{}/in/weekly/alice", relay.address));
    let received = loop_back(&clip, &mut relay, &address, &connector()).await;
    for track in [Track::Video, Track::Audio] {
        let (sent, received) = (coded(&clip, track), coded(&received, track));
        assert!(sent.iter().any(|p| p.dts > Timestamp::from_millis(1 << 32)), "the clip crosses the wrap");
        assert_eq!(sent, received);
    }
}

#[tokio::test]
async fn rtmps_works_with_a_trusted_certificate_alone() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a key that fits");
    let mut relay = Relay::start(Some(TlsAcceptor::from(Arc::new(config)))).await;
    let address = url(&format!("rtmps://localhost:{}/in/weekly/alice", relay.address.port()));
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a certificate");
    let trusting = Connector::with_roots(loopback(), roots);
    let clip = clip("-t 2").await;
    let received = loop_back(&clip, &mut relay, &address, &trusting).await;
    assert_eq!(coded(&received, Track::Video), coded(&clip, Track::Video));
    let refused = client::publish(&address, &connector()).await;
    assert!(matches!(refused, Err(Error::Connect(_))), "the system does not know this certificate: {refused:?}");
}

/// Takes the next publisher of `listener`.
async fn next_publisher(listener: &TcpListener) -> Publisher<Stream> {
    let (socket, _) = timeout(LIMIT, listener.accept()).await.expect("the output comes").expect("accepting");
    let stream: Stream = Box::new(socket);
    match rtmp::accept(stream, &Limits::default()).await.expect("an RTMP client") {
        Request::Publish(request) => request.accept().await.expect("it waits"),
        Request::Play(_) => panic!("an output publishes"),
    }
}

async fn receive(publisher: &mut Publisher<Stream>, count: usize) -> Vec<Packet> {
    let mut packets = Vec::new();
    while packets.len() < count {
        packets.push(timeout(LIMIT, publisher.next()).await.expect("it flows").expect("it holds").expect("it goes on"));
    }
    packets
}

async fn state(report: &mut watch::Receiver<OutputStatus>, wanted: OutputState) -> OutputStatus {
    timeout(LIMIT, report.wait_for(|status| status.state == wanted))
        .await
        .expect("it changes")
        .expect("it runs")
        .clone()
}

#[tokio::test]
async fn an_output_outlives_its_target_and_begins_again_at_a_keyframe() {
    let clip = clip("-t 2").await;
    let fanout = Fanout::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = url(&format!("rtmp://{}/live/weekly", listener.local_addr().expect("bound")));
    let (report, mut status) = watch::channel(OutputStatus::default());
    let stop = CancellationToken::new();
    let target = Target::Rtmp(address, connector());
    let output = tokio::spawn(outputs::run(target, fanout.clone().into(), report, stop.clone()));
    let feed = tokio::spawn({
        let fanout = fanout.clone();
        async move { program(&clip, &fanout).await }
    });

    let mut first = next_publisher(&listener).await;
    let before = receive(&mut first, 60).await;
    assert_eq!(state(&mut status, OutputState::Live).await.connects, 1);
    drop(first);
    let waiting = state(&mut status, OutputState::Waiting).await;
    assert!(waiting.last_error.is_some() && waiting.sent_bytes > 0, "{waiting:?}");

    let mut second = next_publisher(&listener).await;
    let after = receive(&mut second, 60).await;
    assert_eq!(state(&mut status, OutputState::Live).await.connects, 2);
    let first_media = after.iter().find(|p| p.track() == Track::Video && p.role != Role::Config).expect("a picture");
    assert!(first_media.is_keyframe());
    assert!(first_media.dts > before[0].dts && after[59].dts > before[59].dts, "time went on");

    stop.cancel();
    let end = loop {
        match timeout(LIMIT, second.next()).await.expect("it ends") {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(matches!(end, Ok(None)), "a farewell, not a broken connection: {end:?}");
    second.finish(None).await;
    timeout(LIMIT, output).await.expect("it stops").expect("no panic");
    feed.abort();
}
