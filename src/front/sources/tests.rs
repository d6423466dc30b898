//! Pulls against our own listener session, with packets made up: what matters is who is connected and seated when.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

use super::*;
use crate::{
    front::{
        model::seat::detached::{Row, seat},
        net::address::AddressPolicy,
        rtmp::{Limits, Player, Request, accept},
    },
    link::Feed,
    media::{AudioCodec, Codec, Packet, Role, Timestamp},
};

/// Far above what anything here takes, so that only what hangs meets it.
const LIMIT: Duration = Duration::from_secs(60);

fn packet(millis: i64) -> Packet {
    let time = Timestamp::from_millis(millis);
    let codec = Codec::Audio(AudioCodec::Mp3);
    Packet { codec, role: Role::Key, pts: time, dts: time, data: Bytes::from_static(b"frame") }
}

struct Pulled {
    listener: TcpListener,
    rows: mpsc::UnboundedReceiver<Row>,
    status: watch::Receiver<PullStatus>,
    stop: CancellationToken,
    pull: tokio::task::JoinHandle<()>,
}

/// A pull from a listener of ours. Of `seats`, each connection takes one.
async fn pull(seats: u32) -> Pulled {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let url = format!("rtmp://{}/live/cam1", listener.local_addr().expect("bound"));
    let policy = AddressPolicy::new(vec!["127.0.0.0/8".parse().expect("a net")]);
    let (row, rows) = mpsc::unbounded_channel();
    let (report, status) = watch::channel(PullStatus::default());
    let stop = CancellationToken::new();
    let left = Arc::new(Mutex::new(seats));
    let open = move || {
        let (row, left) = (row.clone(), left.clone());
        async move {
            let mut left = left.lock().expect("no panic under it");
            *left = left.checked_sub(1)?;
            let (seat, side) = seat(Feed(1));
            row.send(side).expect("the test goes on");
            Some(seat)
        }
    };
    let url = PullUrl::parse(&url).expect("an address");
    let origin = Origin::Play(url, Connector::new(policy));
    let pull = tokio::spawn(run(origin, open, report, stop.clone()));
    Pulled { listener, rows, status, stop, pull }
}

impl Pulled {
    async fn player(&self) -> Player<tokio::net::TcpStream> {
        let (socket, _) = timeout(LIMIT, self.listener.accept()).await.expect("the pull comes").expect("accepting");
        match accept(socket, &Limits::default()).await.expect("an RTMP client") {
            Request::Play(request) => {
                assert_eq!(request.path(), "live/cam1");
                request.accept().await.expect("it waits")
            }
            Request::Publish(_) => panic!("a pull plays"),
        }
    }

    async fn state(&mut self, wanted: PullState) -> PullStatus {
        let changed = self.status.wait_for(|status| status.state == wanted);
        timeout(LIMIT, changed).await.expect("it changes").expect("it runs").clone()
    }

    async fn row(&mut self) -> Row {
        timeout(LIMIT, self.rows.recv()).await.expect("a seat is taken").expect("the pull goes on")
    }

    async fn over(self) {
        timeout(LIMIT, self.pull).await.expect("it ends").expect("no panic");
    }
}

#[tokio::test]
async fn a_seat_is_taken_with_the_first_packet_and_left_with_the_connection() {
    let mut pulled = pull(2).await;
    let mut player = pulled.player().await;
    assert!(pulled.rows.try_recv().is_err(), "no media, no seat");
    player.send(&packet(20)).await.expect("it holds");
    let mut row = pulled.row().await;
    assert_eq!(row.packet().await, Some(packet(20)));
    pulled.state(PullState::Live).await;
    player.finish().await;
    row.ended().await;
    assert!(pulled.state(PullState::Waiting).await.last_error.is_some());

    let mut player = pulled.player().await;
    player.send(&packet(0)).await.expect("it holds");
    let mut row = pulled.row().await;
    assert_eq!(row.packet().await, Some(packet(0)));
    assert_eq!(pulled.state(PullState::Live).await.last_error, None);
    pulled.stop.cancel();
    row.ended().await;
    pulled.over().await;
}

#[tokio::test]
async fn a_pull_ends_with_its_place() {
    let mut pulled = pull(1).await;
    let mut player = pulled.player().await;
    player.send(&packet(0)).await.expect("it holds");
    pulled.row().await.evict();
    let (_, ()) = tokio::join!(player.closed(), pulled.over());

    let pulled = pull(0).await;
    let mut player = pulled.player().await;
    player.send(&packet(0)).await.expect("it holds");
    pulled.over().await;
}
