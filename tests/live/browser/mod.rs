//! Real browsers at the WebRTC door of a real service: what they send is measured on the program, what they are sent in the page.

mod aiortc;
mod codecs;
mod meeting;
mod network;
mod page;
mod support;
mod turn;
