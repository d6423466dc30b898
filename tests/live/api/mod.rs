//! REST API: the router, requested as clients request it.

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
