//! Real browsers at the WebRTC door of a real service: their media are measured on the program, the program is measured
//! in the page.

mod aiortc;
mod codecs;
mod meeting;
mod network;
mod page;
mod support;
mod turn;
