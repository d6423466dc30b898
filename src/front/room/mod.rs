//! A room: what it should be ([`document`]), what it is ([`status`]), and the handle everyone else uses ([`Rooms`]).
//!
//! Each room is two tasks: a keeper that checks and stores its document, and an actor that alone knows who is connected,
//! who has the floor and what the worker is told. They end when the room is deleted or the front's tasks stop.

mod actor;
pub mod assets;
pub mod check;
mod context;
pub mod document;
mod error;
mod keeper;
mod ledger;
mod library;
mod load;
mod mixes;
mod outputs;
mod people;
pub mod picture;
mod production;
mod program;
mod quote;
pub mod rooms;
mod scrutiny;
pub mod seat;
mod shared;
pub mod status;
pub mod store;
pub mod templates;
pub mod tracks;
mod vitals;
mod waiting;
mod whole;

pub use assets::Assets;
pub use context::{Context, Keeping};
pub use document::RoomDocument;
pub use error::{Change, Holder, RoomError};
pub use ledger::Ledger;
pub use library::Precondition;
pub use program::{Audience, Program};
pub use quote::Quote;
pub use rooms::Rooms;
pub use seat::{Coming, Demand, Door, Parting, Seat};
pub use templates::Templates;
