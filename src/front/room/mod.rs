//! A room: what it should be ([`document`](super::model::document)), what it is ([`status`](super::model::status)), and the handle everyone else uses ([`Rooms`]).
//!
//! Each room is two tasks: a keeper that checks and stores its document, and an actor that alone knows who is connected,
//! who has the floor and what the worker is told. They end when the room is deleted or the front's tasks stop.

mod actor;
mod admission;
pub mod assets;
pub mod check;
mod context;
mod keeper;
mod library;
mod library_sync;
mod load;
mod mixes;
mod outputs;
mod people;
pub mod picture;
mod production;
mod quote;
pub mod rooms;
mod scrutiny;
pub mod store;
pub mod templates;
mod vitals;
mod waiting;
mod whole;

pub use admission::Ledger;
pub use assets::Assets;
pub use context::Context;
pub use library::Precondition;
pub use quote::Quote;
pub use rooms::Rooms;
pub use templates::Templates;
