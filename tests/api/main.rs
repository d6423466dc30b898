//! The REST API's router, asked as clients ask it.

mod capacity;
mod hostile;
mod layouts;
mod problems;
mod rooms;
mod served;
mod support;
mod webrtc;
