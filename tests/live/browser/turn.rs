//! TURN: a browser that may only relay sends all its media through a TURN server.

use serde_json::json;
use tilecast_lab::{
    browser::{Browser, Devices, Screen},
    service::Setup,
    turn::Turn,
};

use super::support::{LIMIT, room, service, show};

/// Makes every connection of a page relay or fail, and keeps them.
const RELAY: &str = "globalThis.peers = [];
    const Real = RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Real {
        constructor(options) { super({ ...options, iceTransportPolicy: 'relay' }); peers.push(this); }
    };";

/// The kinds of candidates by which the connections of a page go.
const ROUTES: &str = "async () => {
    const kinds = [];
    for (const peer of peers.filter((peer) => peer.connectionState === 'connected')) {
        const stats = await peer.getStats();
        stats.forEach((entry) => {
            if (entry.type === 'transport') kinds.push(stats.get(stats.get(entry.selectedCandidatePairId)?.localCandidateId)?.candidateType);
        });
    }
    return kinds;
}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_may_only_relay_joins_and_watches() {
    let mut turn = Turn::start().await.expect("coturn");
    let service = service(Setup { arguments: turn.arguments(), ..Setup::default() }).await;
    room(&service, &["ada"]).await;
    let mut browser = Browser::start(Devices::Fake).expect("a browser");
    let url = format!("{}/join/weekly/ada#key=key-of-ada", service.api().base());
    browser.open("ada", &url, Screen::DESKTOP, RELAY).await.expect("the page loads");
    let devices = "() => document.querySelector('#picture').value.startsWith('camera:')";
    browser.wait("ada", devices, json!(null), LIMIT).await.expect("devices have names");
    browser.press("ada", "#join").await.expect("a button");
    show(&service, &["ada"]).await;
    let watching = "() => document.getElementById('program').currentTime > 0.5";
    browser.wait("ada", watching, json!(null), LIMIT).await.expect("the program plays");
    let routes = browser.run("ada", ROUTES, json!(null)).await.expect("routes");
    assert_eq!(routes, json!(["relay", "relay"]));
    let log = turn.log().expect("coturn runs");
    // The name is `EXPIRY:PARTICIPANT`.
    assert!(log.contains(":ada>") && log.contains("ALLOCATE processed, success"), "{log}");
}
