//! Several fronts as one (cluster, service discovery): every room belongs to one of them, any of them answers for all, and when one is
//! lost the others take its rooms.
//!
//! What the fronts share is on record in the Swarm's own store ([`docker`](super::docker)): who is there (`member`, by the rules of
//! `heartbeat` and `fence`), and each room's document and owner, which the rooms' store writes. Fronts call each other (`call`) to pass on
//! requests (`proxy`) and RTMP (`relay`), and to say what has changed. Nothing here decides about rooms, which
//! [`Rooms`](super::room::Rooms) does: the cluster says which of them are open at this front. It stops with [`Cluster::leave`], which hands
//! the rooms to others, or with the front's tasks.

mod call;
mod fence;
mod handover;
mod heartbeat;
mod member;
mod proxy;
mod relay;

pub use call::{Call, Caller};
pub use member::{Cluster, Membership};
pub use proxy::{Inward, serve};
pub use relay::{MOVING, Playback, Publication};
