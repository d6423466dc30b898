//! Several fronts as one: every room belongs to one of them, any of them answers for all, and when one is lost the others take its
//! rooms.
//!
//! What they share is on record in the Swarm's own store (`record`): who is there (`member`, by the rules of `pulse` and `fence`), and each
//! room's document and owner (`shelf`). What this front has seen of that is its `index`. They call each other (`call`) to pass on
//! requests (`proxy`) and RTMP (`relay`), and to say what has changed. Nothing here decides about rooms, which
//! [`Rooms`](super::room::Rooms) does: it says which of them are open at this front. It stops with [`Fleet::leave`], which hands the
//! rooms to others, or with the front's tasks.

mod call;
mod fence;
mod index;
mod key;
mod leave;
mod library;
mod member;
mod proxy;
mod pulse;
mod record;
mod relay;
mod settle;
mod shelf;

pub use call::{Call, Caller, FLEET_PROTOCOL};
pub use index::{FrontId, Index, Place};
pub use key::{FleetKey, MIN_SECRET_BYTES};
pub use library::{Library, MAX_RASTER_BYTES};
pub use member::{Fleet, Membership};
pub use proxy::{Arrived, Inward, serve};
pub use record::{ABOUT, KIND, Kind, Record, Records, record_name};
pub use relay::{MOVING, Playback, Publication};
pub use settle::Patience;
pub use shelf::{NEWS, News, Shelf, ShelfError};
