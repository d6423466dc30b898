//! Live tests: real media on real clocks, with cameras, browsers, servers and clusters around a real service. One test
//! runs at a time: a second one would make a small machine miss frames that the first one counts.

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
