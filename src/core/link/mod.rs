//! The seam between front and worker: the messages ([`message`]), their framing ([`frame`]), how a worker from another
//! machine is let in ([`join`]), the launch texts ([`launch`]).
//!
//! Sans-IO: bytes in and out, bounded; sockets belong to the front's engine and to the worker.

pub mod frame;
pub mod join;
pub mod launch;
pub mod message;

pub use message::{Cause, Control, Feed, FromWorker, Listener, Part, Report, ToWorker};
