//! Clients on real sockets through the WebRTC door of a real service.

mod load;
mod meeting;
mod refusals;
mod servers;
mod standin;
mod support;
