//! What fuzzing calls beside RTMP ([`entries`](../entries.rs)): one function a kind of bytes that strangers or workers send, each
//! with what must hold of whatever comes, and the seeds to begin with. `fuzz_targets/` feeds them from libFuzzer, and
//! `tests/quick/untrusted.rs` from the seeds and bounded mutations of them.

use std::{
    net::{IpAddr, SocketAddr},
    sync::LazyLock,
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use tilecast::{
    base::AssetHash,
    draw::{Kind, raster, upload},
    front::{
        net::address::{AddressPolicy, Connector, HttpUrl, RtmpUrl},
        webrtc::{
            Fragment, Role,
            frame::{vp8_size, vp9_size},
            h264::{FromAnnexB, ToAnnexB},
            peer::Maker,
            port::stun,
            session::Session,
        },
    },
    layout::{Arguments, Canvas, Director, Layout, Meeting, Person, Template},
    link::message::{Control, Feed, FromWorker, Report, ToWorker, VERSION},
    media::{AudioCodec, Codec, Packet, Role as Part, Size, Timestamp, VideoCodec},
};

const OFFER: &str = include_str!("../tests/live/api/offer.sdp");
const FRAGMENT: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
    a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n";

static MAKER: LazyLock<Maker> = LazyLock::new(|| {
    let ours = [SocketAddr::from(([203, 0, 113, 1], 8189))];
    Maker::new(&ours, &ours)
});

/// Offers, from whoever publishes and from whoever watches: what is answered has no more sections than the offer, and can be answered
/// again.
pub fn offer(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let now = Instant::now();
    for role in [Role::Publish, Role::Watch] {
        let Ok(made) = MAKER.answer(role, &text, now) else { continue };
        let sections = |sdp: &str| sdp.lines().filter(|line| line.starts_with("m=")).count();
        assert!(sections(&made.answer) <= sections(&text));
        let mut session = Session::new(role, made, &text, now);
        let _ = session.poll(now);
        let _ = session.restart("abcdefgh", "abcdefghijklmnopqrstuvwx");
        let _ = session.poll(now);
    }
}

/// Fragments: whatever is taken of one fits into a line of SDP.
pub fn fragment(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(fragment) = Fragment::parse(&text) else { return };
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    let (name, password) = fragment.credentials.as_ref().map_or(("", ""), |(name, password)| (name, password));
    assert!(plain(name) && plain(password) && fragment.candidates.len() <= 64);
    assert!(fragment.candidates.iter().all(|line| !line.contains('\n')));
    assert!(Fragment::of_answer(&text).len() <= 2 * text.len() + 2);
}

/// Layout templates: what passes the check is laid out on any canvas, with every tile on it.
pub fn layout(data: &[u8]) {
    let Ok(template) = Template::parse(data) else { return };
    let layout = Layout::new(&template, &Arguments::default(), |_| None);
    let person = |n: usize| Person {
        id: format!("p{n}").parse().expect("an id"),
        name: format!("Person {n}"),
        role: (n == 1).then(|| "screen".to_owned()),
        face: tilecast::layout::Face::Picture,
    };
    for (count, width, height) in [(0, 1280, 720), (1, 16, 16), (5, 720, 1280), (30, 1920, 1080)] {
        let people: Vec<Person> = (0..count).map(person).collect();
        let canvas = Canvas { width, height, ..Canvas::default() };
        let meeting = Meeting { floor: people.first().map(|person| &person.id), ..Meeting::of(&people, &canvas) };
        let scene = Director::default().direct(&layout, &meeting, std::time::Duration::ZERO);
        for tile in &scene.tiles {
            let rect = tile.rect;
            assert!(rect.x >= 0 && rect.y >= 0 && rect.width >= 2 && rect.height >= 2, "{rect:?}");
            assert!(rect.x as u32 + rect.width <= width && rect.y as u32 + rect.height <= height, "{rect:?}");
        }
    }
}

/// Addresses that people give us: none leads to a private network, whatever it looks like.
pub fn url(data: &[u8]) {
    static CONNECTOR: LazyLock<Connector> = LazyLock::new(|| Connector::new(AddressPolicy::default()));
    let text = String::from_utf8_lossy(data);
    let rtmp = CONNECTOR.check(&text).ok();
    let http = HttpUrl::parse(&text).ok().filter(|url| CONNECTOR.check_host(url.host()).is_ok());
    let hosts = [rtmp.as_ref().map(RtmpUrl::host), http.as_ref().map(HttpUrl::host)];
    for host in hosts.into_iter().flatten() {
        assert!(!host.is_empty() && !host.contains(['/', '@', '\\', ' ', '\n']), "{host:?}");
        let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() else { continue };
        let private = match address.to_canonical() {
            IpAddr::V4(v4) => {
                v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || v4.is_multicast()
            }
            IpAddr::V6(v6) => {
                v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.segments()[0] & 0xfe00 == 0xfc00
            }
        };
        assert!(!private, "{text:?} leads to {address}");
    }
}

/// Pictures: what is said of an upload before it is drawn bounds what is drawn, and what was drawn by us reads or is refused. SVGs
/// are left out: they are drawn in a process that may die.
pub fn image(data: &[u8]) {
    if let Ok(picture) = raster::decode(data) {
        assert!(raster::is_sane(Size { width: picture.width(), height: picture.height() }));
    }
    let Ok((kind, size)) = upload::inspect(data) else { return };
    // What is bounded to 66 MB is not what a fuzzer should spend its time on.
    if kind == Kind::Svg || u64::from(size.width) * u64::from(size.height) > 1 << 18 {
        return;
    }
    if let Ok(drawn) = upload::draw(data) {
        let turned = Size { width: size.height, height: size.width };
        assert!(drawn.size == size || drawn.size == turned, "{:?} was said to be {size:?}", drawn.size);
    }
}

/// Frames of the link, both ways: what is read can be written and is the same again.
pub fn link(data: &[u8]) {
    let mut input = BytesMut::from(data);
    while let Ok(Some(message)) = ToWorker::decode(&mut input) {
        let frame = message.encode();
        let mut again = BytesMut::from(&[&frame.head[..], &frame.tail].concat()[..]);
        let read = ToWorker::decode(&mut again).expect("our own frame").expect("whole");
        assert_eq!(read.encode().head, frame.head);
    }
    let mut input = BytesMut::from(data);
    while let Ok(Some(message)) = FromWorker::decode(&mut input) {
        let frame = message.encode();
        let mut again = BytesMut::from(&[&frame.head[..], &frame.tail].concat()[..]);
        let read = FromWorker::decode(&mut again).expect("our own frame").expect("whole");
        assert_eq!(read.encode().head, frame.head);
    }
}

/// STUN requests: the name stands in the datagram.
pub fn stun(data: &[u8]) {
    if let Some(name) = stun::ufrag(data) {
        assert!(
            !name.contains(':') && data.windows(name.len().max(1)).any(|part| part == name.as_bytes())
                || name.is_empty()
        );
    }
}

/// H.264 both ways, and what keyframes say of their size: there and back is the same.
pub fn h264(data: &[u8]) {
    let mut from = FromAnnexB::default();
    for access_unit in data.split(|byte| *byte == 0xf7) {
        let Some(unit) = from.take(access_unit) else { continue };
        let _ = from.size();
        let mut to = ToAnnexB::default();
        to.configure(from.config().expect("a unit has parameters"));
        let back = to.convert(&unit.data, Part::Key).expect("our own lengths");
        assert_eq!(FromAnnexB::default().take(&back).expect("a picture").data, unit.data);
    }
    let mut to = ToAnnexB::default();
    to.configure(data);
    let _ = (to.convert(data, Part::Key), vp8_size(data), vp9_size(data));
}

/// What is fed with bytes.
pub type Entry = fn(&[u8]);

/// Every entry by its name.
pub const ENTRIES: &[(&str, Entry)] = &[
    ("offer", offer),
    ("fragment", fragment),
    ("layout", layout),
    ("url", url),
    ("image", image),
    ("link", link),
    ("stun", stun),
    ("h264", h264),
];

/// What to begin with, for an entry.
pub fn seeds(entry: &str) -> Vec<Vec<u8>> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    match entry {
        "offer" => {
            let channel = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:9\r\na=sctp-port:5000\r\n";
            texts(&[OFFER, &OFFER.replace("a=sendonly", "a=recvonly"), &format!("{OFFER}{channel}")])
        }
        "fragment" => texts(&[FRAGMENT, OFFER]),
        "layout" => texts(&[
            include_str!("../layouts/grid.json"),
            include_str!("../layouts/speaker.json"),
            include_str!("../layouts/pip.json"),
            include_str!("../layouts/filmstrip.json"),
        ]),
        "url" => texts(&[
            "rtmp://srs.example/live/weekly?key=k",
            "rtmps://[2606:4700::1111]:443/a/b",
            "https://user:pw@host.example:8080/live/cam1.flv",
            "rtmp://[::ffff:10.0.0.1]/a/b",
            "http://2130706433/x",
            "rtmp://0x7f.1/a/b",
        ]),
        "image" => pictures(),
        "link" => frames(),
        "stun" => {
            let user = b"ours:theirs\0";
            let head = [&[0, 1, 0, 16, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12], &[0, 6, 0, 11]].concat();
            vec![[&head[..], user].concat()]
        }
        "h264" => {
            let key = b"\0\0\0\x01\x67\x42\xc0\x1e\x8c\x8d\x40\x50\x1e\x80\0\0\0\x01\x68\xce\x3c\x80\0\0\0\x01\x65\x01\x02\x03";
            vec![
                [&key[..], b"\xf7\0\0\0\x01\x41\x09\x08"].concat(),
                b"\x01\x42\xe0\x1f\xff\xe1\0\x05\x67\x42\xe0\x1f\xaa\x01\0\x03\x68\xce\x3c".to_vec(),
            ]
        }
        other => unreachable!("no entry {other}"),
    }
}

/// Small pictures of each format, as anyone's programs write them.
fn pictures() -> Vec<Vec<u8>> {
    use image::{ExtendedColorType::Rgb8, ImageEncoder, codecs};

    let pixels: Vec<u8> = (0..9 * 7 * 3).map(|n| (n * 37) as u8).collect();
    let (mut png, mut jpeg, mut webp) = (Vec::new(), Vec::new(), Vec::new());
    codecs::png::PngEncoder::new(&mut png).write_image(&pixels, 9, 7, Rgb8).expect("PNG");
    codecs::jpeg::JpegEncoder::new(&mut jpeg).write_image(&pixels, 9, 7, Rgb8).expect("JPEG");
    codecs::webp::WebPEncoder::new_lossless(&mut webp).write_image(&pixels, 9, 7, Rgb8).expect("WebP");
    vec![png, jpeg, webp]
}

/// Frames of the link, as either side writes them.
fn frames() -> Vec<Vec<u8>> {
    let packet = |codec| Packet {
        codec,
        role: Part::Key,
        pts: Timestamp::from_millis(40),
        dts: Timestamp::from_millis(40),
        data: Bytes::from_static(b"coded"),
    };
    let (picture, sound) = (packet(Codec::Video(VideoCodec::H264)), packet(Codec::Audio(AudioCodec::Opus)));
    let to = [
        ToWorker::Control(Control::Keyframe),
        ToWorker::Packet { feed: Feed(3), replay: true, packet: picture.clone() },
        ToWorker::Asset { hash: AssetHash::from_bytes([7; 32]), file: Bytes::from_static(b"file") },
    ];
    let from = [
        FromWorker::Report(Report::Ready { version: VERSION, pid: 1 }),
        FromWorker::Program(picture),
        FromWorker::Sound { listener: 1, packet: sound },
        FromWorker::Snapshot { id: 1, jpeg: Bytes::from_static(b"jpeg") },
    ];
    let frames = to.iter().map(ToWorker::encode).chain(from.iter().map(FromWorker::encode));
    frames.map(|frame| [&frame.head[..], &frame.tail].concat()).collect()
}
