//! WebRTC clients on real sockets at the door of a real service.

mod load;
mod meeting;
mod refusals;
mod servers;
mod standin;
mod support;
