//! Tests with real media on real clocks: cameras, browsers, servers and clusters around a real service. One runs at a time, because a
//! second one beside it would make a small machine miss frames that the first counts.

#[path = "../common/mod.rs"]
mod common;

mod api;
mod browser;
mod room;
mod rtmp_client;
mod rtmp_peers;
mod srs;
mod swarm;
mod webrtc;
mod worker;
