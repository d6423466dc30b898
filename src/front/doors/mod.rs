//! Who comes to the front with media or for them: publishers and players by RTMP ([`rtmp`]), by WHIP and WHEP ([`webrtc`]), and the
//! callbacks of an SRS ([`srs`]). A door checks the key and asks the room for a seat or its program; it decides nothing else.

pub mod rtmp;
pub mod srs;
mod stay;
pub mod webrtc;
