//! The REST API's router, asked as clients ask it.

mod capacity;
mod hangups;
mod hostile;
mod layouts;
mod problems;
mod rooms;
mod rtmp;
mod served;
mod strangers;
mod support;
mod webrtc;
