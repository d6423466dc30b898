//! Data model of rooms: the desired state ([`document`]), the actual state ([`status`]), events ([`event`]), errors
//! (`error`), and what the parts of a room hand each other: a [`Seat`] for a source of media, the [`Program`] for a
//! reader.

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
