//! The REST API's router, asked as clients ask it.

mod capacity;
mod hangups;
mod layouts;
mod problems;
mod rooms;
mod served;
mod support;
mod webrtc;
