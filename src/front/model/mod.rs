//! What a room should be ([`document`]), what it is ([`status`]), what happens in it ([`event`]), why it refuses ([`error`]), and what
//! its parts hand each other: a [`Seat`] to whoever brings media, the [`Program`] to whoever carries it away.

pub mod document;
mod error;
pub mod event;
mod program;
pub mod seat;
pub mod status;
pub mod tracks;

pub use document::RoomDocument;
pub use error::{Change, Holder, RoomError};
pub use program::{Audience, Program, Question};
pub use seat::{Coming, Demand, Door, Parting, Seat};
