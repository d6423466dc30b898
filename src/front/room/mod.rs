//! A room: what it should be ([`document`]), what it is ([`status`]), and the handle everyone else uses ([`Rooms`]).

pub mod document;
pub mod rooms;
pub mod seat;
pub mod status;

pub use document::RoomDocument;
pub use rooms::{RoomError, Rooms};
pub use seat::{Door, Seat};
